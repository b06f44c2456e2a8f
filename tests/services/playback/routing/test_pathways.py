"""The steering manifest, as each player needs it."""

from __future__ import annotations

import pytest

from kernel.media.steering import HERE
from services.playback.routing.pathways import (
    FIRST_REQUEST_TTL,
    Pathway,
    Player,
    parse_player,
    pathway_id,
    preferred_order,
    steering_manifest,
)

E1, E2 = Pathway("127.0.0.1-8081", "http://127.0.0.1:8081"), Pathway("127.0.0.2-8081", "http://127.0.0.2:8081")
RELOAD = "http://gate/steering/film?viewer=5"
HLS = Player(is_dash=False, has_absolute_urls=False, can_clone=True, current_pathway=HERE)
DASH_JS = Player(is_dash=True, has_absolute_urls=False, can_clone=True, current_pathway=HERE)


def made(who, found=(E1, E2), *, ttl=10, first=False, calm=True):
    return steering_manifest(who, found, ttl, RELOAD, first=first, calm=calm)


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
    (("here", None), {}, Player(is_dash=False, has_absolute_urls=False, can_clone=True, current_pathway="here")),
    ((None, None), {}, Player(is_dash=False, has_absolute_urls=False, can_clone=True, current_pathway="")),
    (
        (None, '"here"'),
        {"manifest": "dash"},
        Player(is_dash=True, has_absolute_urls=False, can_clone=True, current_pathway="here"),
    ),
    ((None, '"here,e1"'), {}, Player(is_dash=True, has_absolute_urls=False, can_clone=True, current_pathway="e1")),
    (
        (None, "here"),
        {"manifest": "dash"},
        Player(is_dash=True, has_absolute_urls=False, can_clone=False, current_pathway="here"),
    ),
    (
        (None, None),
        {"manifest": "dash"},
        Player(is_dash=True, has_absolute_urls=False, can_clone=False, current_pathway=""),
    ),
    (
        ("e1", None),
        {"whole": True},
        Player(is_dash=False, has_absolute_urls=True, can_clone=False, current_pathway="e1"),
    ),
    (
        (None, None),
        {"whole": True, "at": "e1"},
        Player(is_dash=False, has_absolute_urls=True, can_clone=False, current_pathway="e1"),
    ),
    (
        (None, "e2"),
        {"whole": True, "at": "e1"},
        Player(is_dash=True, has_absolute_urls=True, can_clone=False, current_pathway="e2"),
    ),
]


@pytest.mark.parametrize(("said", "file", "who"), WHO_ASKS)
def test_who_asks(said, file, who):
    assert parse_player(*said, **({"manifest": None, "whole": False} | file)) == who


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
    assert (first["PATHWAY-PRIORITY"][0], first["TTL"]) == (HERE, FIRST_REQUEST_TTL)


def test_an_edge_that_is_out_is_not_in_the_next_manifest():
    on_e1 = Player(is_dash=False, has_absolute_urls=False, can_clone=True, current_pathway=E1.id)
    assert made(on_e1, (E2,), calm=False)["PATHWAY-PRIORITY"] == [E2.id, HERE]


def test_who_is_served_well_stays_and_who_is_not_is_moved():
    assert [one.id for one in preferred_order([E1, E2], E2.id)] == [E2.id, E1.id]
    troubled = Pathway(E2.id, E2.base, is_healthy=False)
    assert [one.id for one in preferred_order([E1, troubled], E2.id)] == [E1.id, E2.id]
    assert [one.id for one in preferred_order([E1, E2], "another")] == [E1.id, E2.id]


def test_shaka_is_told_of_no_clones_where_addresses_are_relative():
    """It fails on them."""
    unknown = made(Player(is_dash=True, has_absolute_urls=False, can_clone=False, current_pathway=""))
    assert "PATHWAY-CLONES" not in unknown
    assert (unknown["PATHWAY-PRIORITY"], unknown["TTL"]) == ([HERE], FIRST_REQUEST_TTL)
    assert made(Player(is_dash=True, has_absolute_urls=False, can_clone=False, current_pathway=HERE))["TTL"] == 10


def test_with_absolute_addresses_the_edges_are_pathways_themselves():
    whole = made(Player(is_dash=True, has_absolute_urls=True, can_clone=False, current_pathway=""), calm=False)
    assert whole["PATHWAY-PRIORITY"] == [E1.id, E2.id]
    assert "PATHWAY-CLONES" not in whole
    assert made(Player(is_dash=True, has_absolute_urls=True, can_clone=False, current_pathway=""), ())[
        "PATHWAY-PRIORITY"
    ] == [HERE]


def test_only_edges_that_a_clone_can_reach_are_named():
    other, secure = Pathway("o", "http://10.0.0.9:9999"), Pathway("s", "https://10.0.0.8:8081")
    found = (other, E1, secure, E2)
    assert made(HLS, found)["PATHWAY-PRIORITY"] == [HERE, E1.id, E2.id]
    assert made(DASH_JS, found)["PATHWAY-PRIORITY"] == [HERE, "o", E1.id, E2.id]
    assert made(HLS, ()) == {"VERSION": 1, "TTL": 10, "RELOAD-URI": RELOAD, "PATHWAY-PRIORITY": [HERE]}
