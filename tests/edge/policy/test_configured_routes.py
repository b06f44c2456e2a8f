"""Routes: which holds, and what it makes of a request."""

from typing import Any

import pytest

from edge.policy.configured_routes import make_routes
from edge.policy.profile import PROFILES
from edge.policy.purge_keys import purge_scope
from edge.policy.route import DEFAULT_ROUTE, Routes, general_route, keyed_value, media_route, route_url
from edge.settings import EdgeSettings
from edge.wire.request import Request
from kernel.settings.table import resolve
from kernel.vocabulary import Refusal


def routes(*given: dict[str, Any], profile: str = "media", **more: Any) -> Routes:
    file = {"upstream": "http://h:1", "tokens": "off", "profile": profile, "route": list(given)}
    return make_routes(PROFILES[profile], resolve(EdgeSettings, file=file, file_name="f").route, **more)


def media(target: bytes, those: Routes, **fields: bytes):
    named = {name.replace("_", "-").encode(): value for name, value in fields.items()}
    found = media_route(Request(b"GET", target, named, 1, keep_alive=True), those)
    assert not isinstance(found, Refusal)
    return found


def general(target: bytes, those: Routes, **fields: bytes):
    named = {name.replace("_", "-").encode(): value for name, value in fields.items()}
    found = general_route(Request(b"GET", target, named, 1, keep_alive=True), those)
    assert not isinstance(found, Refusal)
    return found


def test_without_settings_only_objects_of_many_slices_are_cached_in_slices():
    assert DEFAULT_ROUTE.slice_over >= 4 * DEFAULT_ROUTE.slice
    assert routes().default == DEFAULT_ROUTE
    assert (
        DEFAULT_ROUTE.is_sliced(None),
        DEFAULT_ROUTE.is_sliced(8 << 20),
        DEFAULT_ROUTE.is_sliced((8 << 20) + 1),
    ) == (False, False, True)
    assert not routes(slice_over=0).default.is_sliced(1 << 40)


def test_the_first_that_matches_holds_and_inherits_what_it_leaves_open():
    those = routes({"path": "*.jpg", "slice": "64KiB"}, {"path": "/cdn/*/t1/"}, {"content": "t1"}, slice=1 << 21)
    names = [media(target, those).route.name for target in (b"/cdn/eu/t1/a.jpg", b"/cdn/us/t1/a", b"/cdn/us/t2/a")]
    assert names == ["route 1", "route 2", "media"]
    assert [row.route.slice for row in those.rows] == [1 << 16, 1 << 21, 1 << 21]


@pytest.mark.parametrize(
    "target",
    [b"/cdn/eu/t1/v720/x.m4s/poster.jpg", b"/cdn/eu/t1/v720/x.m4s", b"/cdn/eu/t1/v720/x.m4s?/posters/a.jpg",
     b"/cdn/eu/t1/v720/posters/a.jpg", b"/cdn/eu/posters/v720/a.jpg"],
)  # fmt: skip
def test_an_open_route_is_not_reached_by_dressing_a_path_up(target: bytes):
    """What is protected stays so whatever stands behind its name; the name of the folder counts in its place only."""
    those = routes({"path": "/cdn/*/*/posters/*.jpg", "token": "off"})
    assert media(target, those).route.needs_token
    assert not media(b"/cdn/eu/t1/%70osters/a.jpg", those).route.needs_token


@pytest.mark.parametrize(
    "target", [b"/cdn/eu/t1/posters%2fa.jpg", b"/cdn/eu/t1/v/../posters/a.jpg", b"/cdn/eu/t1//posters/a.jpg"]
)
def test_a_path_that_could_be_read_in_two_ways_has_no_route(target: bytes):
    those = routes({"path": "/cdn/*/*/posters/*.jpg", "token": "off"})
    assert media_route(Request(b"GET", target, {}, 1, keep_alive=True), those) is Refusal.PATH


def test_the_key_is_the_target_that_goes_upstream():
    those = routes(
        {"path": "*.jpg", "query": ["w", "h"]}, {"path": "*.mp4", "query-except": "x", "query-order": "name"}
    )
    asked = media(b"/cdn/eu/t1/a.jpg?h=1&CMCD=a&token=t.o.k&w=2&z", those)
    assert (asked.key, asked.upstream_target) == (b"t1/a.jpg?h=1&w=2", b"/cdn/eu/t1/a.jpg?h=1&w=2")
    assert (asked.token, asked.path, asked.shard_key) == (b"t.o.k", b"/cdn/eu/t1/a.jpg", b"t1")
    assert media(b"/cdn/eu/t1/a.mp4?c/d&b&x=1&token=t", those).upstream_target == b"/cdn/eu/t1/a.mp4?b&c/d"
    assert media(b"/cdn/eu/t1/a.ts?w=1", those).key == b"t1/a.ts"


def test_keyed_fields_are_keyed_as_they_are_sent():
    those = routes({"path": "*.vtt", "key-fields": ["accept-language", "accept-encoding"]})
    asked = media(b"/cdn/eu/t1/a.vtt", those, accept_encoding=b"gzip;q=0.5, deflate , BR", accept_language=b"de , en")
    assert asked.key == b"t1/a.vtt\naccept-encoding:br, gzip\naccept-language:de,en"
    sent = asked.route.upstream_fields({b"accept-encoding": b"gzip, BR", b"accept-language": b"de , en"})
    assert sent == [(b"accept-encoding", b"br, gzip"), (b"accept-language", b"de,en")]
    bare = media(b"/cdn/eu/t1/a.vtt", those)
    assert bare.key != asked.key
    assert bare.route.upstream_fields({}) == [(b"accept-encoding", b"identity")]
    assert purge_scope(asked) == purge_scope(bare) == ((), (b"t1/a.vtt\n",))
    assert not asked.route.varies_by(b"accept-encoding")


@pytest.mark.parametrize(
    ("name", "value", "keyed"),
    [
        (b"accept-encoding", b"gzip, br;q=0", b"gzip"),
        (b"accept-encoding", b"gzip;q=0.000,x-gzip", b""),
        (b"accept-encoding", b"", b""),
        (b"x-a", b" a ,b", b"a,b"),
        (b"x-a", b"a" * 257, b""),
    ],
)
def test_the_value_of_a_keyed_field(name: bytes, value: bytes, keyed: bytes):
    assert keyed_value(name, value) == keyed


def test_general_routes_by_host_and_may_leave_it_out_of_the_key():
    those = routes(
        {"host": ["*.a.org", "[::1]"], "query": "none"}, {"path": "/shared/", "key-host": False}, profile="general"
    )
    asked = [
        general(b"/x?y", those, host=b"W.A.org:80"), general(b"/x?y", those, host=b"a.org"),
        general(b"/shared/x?y", those, host=b"b"), general(b"/x?", those, host=b"[::1]:81"),
    ]  # fmt: skip
    assert [one.key for one in asked] == [b"w.a.org/x", b"a.org/x?y", b"/shared/x?y", b"[::1]:81/x"]
    assert [one.host for one in asked] == [b"w.a.org", b"a.org", b"", b"[::1]:81"]
    assert [one.upstream_target for one in asked] == [b"/x", b"/x?y", b"/shared/x?y", b"/x"]


def test_what_a_route_says_of_freshness_and_keeping():
    those = routes(
        {
            "path": "*.a",
            "default-ttl": "5s",
            "negative-ttl": "1m",
            "stale-while-revalidate": "2s",
            "stale-if-error": "3s",
        },
        {"path": "*.b", "keep": "never"},
        default_ttl=7.0,
    )
    keeps = those.rows[0].route.keep_policy
    assert (keeps.default, keeps.negative, keeps.stale_while_revalidate, keeps.stale_if_error) == (5, 60, 2, 3)
    assert those.rows[1].route.keep_policy.statuses == frozenset()
    assert those.default.keep_policy.default == those.rows[1].route.keep_policy.default == 7


def test_what_goes_upstream_as_forward_says():
    fields = {b"accept": b"a", b"cookie": b"c", b"authorization": b"x", b"cache-control": b"no-store",
              b"user-agent": b"u", b"x-forwarded-host": b"evil", b"cmcd-request": b"y"}  # fmt: skip
    those = routes({"path": "*.a", "forward": "none"}, {"path": "*.b", "forward": "Accept"}, {"forward": "all"})
    sent = [[name for name, _ in row.route.upstream_fields(fields)] for row in those.rows]
    assert sent == [
        [b"accept-encoding"],
        [b"accept", b"accept-encoding"],
        [b"accept", b"user-agent", b"accept-encoding"],
    ]
    assert those.rows[2].route.cacheability_fields(fields).keys() == fields.keys() - PROFILES["media"].withheld_fields
    assert those.rows[1].route.varies_by(b"accept")
    assert not those.rows[1].route.varies_by(b"origin")


def test_nothing_is_guessed_of_an_answer_that_saw_a_cookie():
    those = routes({"path": "/a/", "forward": "accept"}, profile="general", default_ttl=9.0)
    seen, ended = those.default, those.rows[0].route
    assert (seen.keep_policy_for({b"cookie": b"a"}).default, seen.keep_policy_for({b"cookie": b"a"}).heuristic) == (
        0,
        0.0,
    )
    assert seen.keep_policy_for({}) is seen.keep_policy
    assert ended.keep_policy_for(ended.cacheability_fields({b"cookie": b"a"})).default == 9
    assert b"authorization" not in ended.cacheability_fields({b"authorization": b"x", b"cache-control": b"no-store"})


def test_only_what_holds_for_a_whole_folder_may_be_remembered_for_it():
    plain = routes(
        {"path": "/cdn/*/t1/posters/"}, {"path": "/cdn/*/*/v720/*.jpg"}, {"content": "t3", "cors": "https://a"}
    )
    found = {
        folder: plain.treats_folder_alike(folder + b"/x", folder.split(b"/")[3])
        for folder in (b"/cdn/eu/t1/posters", b"/cdn/eu/t1/v720", b"/cdn/eu/t2/v360", b"/cdn/eu/t3/v360")
    }
    assert list(found.values()) == [True, False, True, False]
    assert routes().treats_folder_alike(b"/cdn/eu/t1/v720/1", b"t1")
    assert not routes({"key-fields": "accept"}).treats_folder_alike(b"/cdn/eu/t1/v720/1", b"t1")


def test_tokens_are_asked_for_as_the_node_does_unless_a_route_says_otherwise():
    those = routes({"path": "*.a", "token": "off"}, {"path": "*.b", "token": "node"}, {}, tokens=True)
    assert [row.route.needs_token for row in those.rows] == [False, True, True]
    assert not routes(tokens=False).default.needs_token


def test_a_shield_asks_for_no_tokens_and_lets_its_edges_see_cookies():
    those = routes({"path": "*.a", "token": "off"}, {"path": "*.b"}, shield=True, tokens=False)
    assert [one.needs_token for one in (those.default, *(row.route for row in those.rows))] == [False] * 3
    assert b"set-cookie" in DEFAULT_ROUTE.dropped_fields
    assert not any(b"set-cookie" in one.dropped_fields for one in (those.default, *(row.route for row in those.rows)))


def test_a_purge_by_url_finds_the_key_that_the_route_makes():
    those = routes({"path": "*.jpg", "query": "w"})
    asked = route_url("https://h/cdn/eu/t1/a.jpg?utm=1&w=2#x", general=False, routes=those)
    assert not isinstance(asked, Refusal)
    assert purge_scope(asked) == ((b"t1/a.jpg?w=2",), ())
    found = route_url("http://H:80?a", general=True, routes=routes(profile="general"))
    assert not isinstance(found, Refusal)
    assert found.key == b"h/?a"


def test_the_lines_of_a_response_follow_the_origin_where_there_is_a_list():
    those = routes({"path": "*.a", "cors": ["https://a"]}, {"path": "*.b", "cors": "off"})
    listed, left = those.rows[0].route, those.rows[1].route
    assert b"Origin: https://a\r\n" in listed.lines_for({b"origin": b"https://a"})
    assert b"Allow-Origin" not in listed.lines_for({b"origin": b"https://b"}) + left.lines_for(
        {b"origin": b"https://a"}
    )
    assert b"access-control-allow-origin" in listed.dropped_fields - left.dropped_fields
    assert b"nosniff" in left.header_lines
