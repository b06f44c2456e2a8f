"""The steering manifest, as each player needs it."""

from __future__ import annotations

import pytest

from kernel.media.steering import HERE
from services.playback.pathways import TTL_FIRST, Asker, Pathway, asker, manifest, pathway_id, preferred

E1, E2 = Pathway("127.0.0.1-8081", "http://127.0.0.1:8081"), Pathway("127.0.0.2-8081", "http://127.0.0.2:8081")
RELOAD = "http://gate/steering/film?viewer=5"
HLS = Asker(dash=False, whole=False, clones=True, pathway=HERE)
DASH_JS = Asker(dash=True, whole=False, clones=True, pathway=HERE)


def made(who, found=(E1, E2), *, ttl=10, first=False, calm=True):
    return manifest(who, found, ttl, RELOAD, first=first, calm=calm)


@pytest.mark.parametrize(
    ("base", "name"),
    [
        ("http://127.0.0.1:8081", "127.0.0.1-8081"),
        ("https://e1.example", "e1.example"),
        ("http://[::1]:80", "---1--80"),
    ],
)
def test_an_edge_always_has_the_same_id(base, name):
    assert pathway_id(base) == name


WHO_ASKS = [
    (("here", None), {}, Asker(dash=False, whole=False, clones=True, pathway="here")),
    ((None, None), {}, Asker(dash=False, whole=False, clones=True, pathway="")),
    ((None, '"here"'), {"manifest": "dash"}, Asker(dash=True, whole=False, clones=True, pathway="here")),
    ((None, '"here,e1"'), {}, Asker(dash=True, whole=False, clones=True, pathway="e1")),
    ((None, "here"), {"manifest": "dash"}, Asker(dash=True, whole=False, clones=False, pathway="here")),
    ((None, None), {"manifest": "dash"}, Asker(dash=True, whole=False, clones=False, pathway="")),
    (("e1", None), {"whole": True}, Asker(dash=False, whole=True, clones=False, pathway="e1")),
    ((None, None), {"whole": True, "at": "e1"}, Asker(dash=False, whole=True, clones=False, pathway="e1")),
    ((None, "e2"), {"whole": True, "at": "e1"}, Asker(dash=True, whole=True, clones=False, pathway="e2")),
]


@pytest.mark.parametrize(("said", "file", "who"), WHO_ASKS)
def test_who_asks(said, file, who):
    assert asker(*said, **({"manifest": None, "whole": False} | file)) == who


def test_hls_clones_replace_the_host_name_only():
    """A port in HOST would be ignored without a word."""
    assert made(HLS) == {
        "VERSION": 1,
        "TTL": 10,
        "RELOAD-URI": RELOAD,
        "PATHWAY-PRIORITY": [HERE, "127.0.0.1-8081", "127.0.0.2-8081"],
        "PATHWAY-CLONES": [
            {"BASE-ID": HERE, "ID": "127.0.0.1-8081", "URI-REPLACEMENT": {"HOST": "127.0.0.1"}},
            {"BASE-ID": HERE, "ID": "127.0.0.2-8081", "URI-REPLACEMENT": {"HOST": "127.0.0.2"}},
        ],
    }


def test_dash_clones_have_the_port():
    hosts = [clone["URI-REPLACEMENT"]["HOST"] for clone in made(DASH_JS)["PATHWAY-CLONES"]]
    assert hosts == ["127.0.0.1:8081", "127.0.0.2:8081"]


@pytest.mark.parametrize("who", [HLS, DASH_JS])
def test_a_player_stays_where_it_began_until_an_edge_is_in_trouble(who):
    assert made(who)["PATHWAY-PRIORITY"][0] == HERE
    assert made(who, calm=False)["PATHWAY-PRIORITY"] == [E1.id, E2.id, HERE]
    first = made(who, first=True, calm=False)
    assert (first["PATHWAY-PRIORITY"][0], first["TTL"]) == (HERE, TTL_FIRST)


def test_an_edge_that_is_out_is_not_in_the_next_manifest():
    on_e1 = Asker(dash=False, whole=False, clones=True, pathway=E1.id)
    assert made(on_e1, (E2,), calm=False)["PATHWAY-PRIORITY"] == [E2.id, HERE]


def test_who_is_served_well_stays_and_who_is_not_is_moved():
    assert [one.id for one in preferred([E1, E2], E2.id)] == [E2.id, E1.id]
    troubled = Pathway(E2.id, E2.base, well=False)
    assert [one.id for one in preferred([E1, troubled], E2.id)] == [E1.id, E2.id]
    assert [one.id for one in preferred([E1, E2], "another")] == [E1.id, E2.id]


def test_shaka_is_told_of_no_clones_where_addresses_are_relative():
    """It fails on them."""
    unknown = made(Asker(dash=True, whole=False, clones=False, pathway=""))
    assert "PATHWAY-CLONES" not in unknown
    assert (unknown["PATHWAY-PRIORITY"], unknown["TTL"]) == ([HERE], TTL_FIRST)
    assert made(Asker(dash=True, whole=False, clones=False, pathway=HERE))["TTL"] == 10


def test_with_absolute_addresses_the_edges_are_pathways_themselves():
    whole = made(Asker(dash=True, whole=True, clones=False, pathway=""), calm=False)
    assert whole["PATHWAY-PRIORITY"] == [E1.id, E2.id]
    assert "PATHWAY-CLONES" not in whole
    assert made(Asker(dash=True, whole=True, clones=False, pathway=""), ())["PATHWAY-PRIORITY"] == [HERE]


def test_only_edges_that_a_clone_can_reach_are_named():
    other, secure = Pathway("o", "http://10.0.0.9:9999"), Pathway("s", "https://10.0.0.8:8081")
    found = (other, E1, secure, E2)
    assert made(HLS, found)["PATHWAY-PRIORITY"] == [HERE, E1.id, E2.id]
    assert made(DASH_JS, found)["PATHWAY-PRIORITY"] == [HERE, "o", E1.id, E2.id]
    assert made(HLS, ()) == {"VERSION": 1, "TTL": 10, "RELOAD-URI": RELOAD, "PATHWAY-PRIORITY": [HERE]}
