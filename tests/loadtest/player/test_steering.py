import json

import pytest

from loadtest.player.steering import PENALTY_S, Pathways, read_steering, steering_request


def manifest(*priority, ttl=300, **more):
    return read_steering(json.dumps({"VERSION": 1, "TTL": ttl, "PATHWAY-PRIORITY": list(priority), **more}).encode())


def clone(name, base, host):
    return {"ID": name, "BASE-ID": base, "URI-REPLACEMENT": {"HOST": host}}


def test_the_servers_order_decides():
    paths = Pathways.of(["A", "B"], "A")
    assert paths.steer(manifest("B", "A"), 0.0)
    assert paths.current == "B"
    assert not paths.steer(manifest("X", "B"), 1.0), "an unknown pathway is skipped"


def test_a_failed_pathway_is_avoided_until_its_penalty_ends():
    paths = Pathways.of(["A", "B"], None)
    assert paths.penalize(10.0)
    assert paths.current == "B"
    assert not paths.steer(manifest("A", "B"), 20.0)
    assert not Pathways.of(["A"], None).penalize(0.0), "there is nowhere to go"
    assert paths.steer(manifest("A", "B"), 11.0 + PENALTY_S)
    assert paths.current == "A"


def test_clones_replace_the_host_and_keep_the_port_unless_they_name_one():
    paths = Pathways.of(["."], None)
    clones = [clone("e1", ".", "e1.example"), clone("e2", "e1", "e2.example:81")]
    assert paths.steer(manifest("e1", "e2", ".", **{"PATHWAY-CLONES": clones}), 0.0)
    assert paths.base == "."
    assert paths.rewritten("http://h:8081/t/J/v.m3u8?q=1") == "http://e1.example:8081/t/J/v.m3u8?q=1"
    paths.penalize(1.0)
    assert paths.rewritten("http://h:8081/v.m3u8") == "http://e2.example:81/v.m3u8"


def test_a_clone_sets_parameters():
    one = {"ID": "p", "BASE-ID": ".", "URI-REPLACEMENT": {"PARAMS": {"t": "2"}}}
    paths = Pathways.of(["."], None)
    paths.steer(manifest("p", **{"PATHWAY-CLONES": [one]}), 0.0)
    assert paths.rewritten("http://h/v?t=1&k=3") == "http://h/v?k=3&t=2"


@pytest.mark.parametrize(
    "found",
    [
        b"[]",
        b"{}",
        b'{"VERSION": 2}',
        b"not json",
        b'{"VERSION": 1, "PATHWAY-PRIORITY": "A"}',
        b'{"VERSION": 1, "PATHWAY-PRIORITY": [1]}',
        b'{"VERSION": 1, "TTL": "soon"}',
        b'{"VERSION": 1, "TTL": NaN}',
        b'{"VERSION": 1, "RELOAD-URI": 1}',
        b'{"VERSION": 1, "PATHWAY-CLONES": [{"ID": "x"}]}',
        b'{"VERSION": 1, "PATHWAY-CLONES": [7]}',
    ],
)
def test_what_is_no_steering_manifest_is_refused(found):
    with pytest.raises(ValueError, match=r"."):
        read_steering(found)


def test_the_time_to_live_is_bounded():
    assert manifest(ttl=0).ttl_s == 1.0
    assert manifest(ttl=1e9).ttl_s == 86_400.0


def test_the_player_says_where_it_is_and_how_fast():
    hls = steering_request("http://s/x?session=1", dash=False, pathway="A", throughput_bps=1234.5)
    assert hls == "http://s/x?session=1&_HLS_pathway=A&_HLS_throughput=1234"
    dash = steering_request("http://s/x", dash=True, pathway="A", throughput_bps=None)
    assert dash == "http://s/x?_DASH_pathway=%22A%22"
