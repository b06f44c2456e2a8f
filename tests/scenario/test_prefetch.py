"""Prefetch: what a player asks for next is here, or on its way, when he asks."""

from __future__ import annotations

from tests.doubles.clock import turns
from tests.scenario.player import FOREVER, Film, Player
from tests.scenario.stage import Node, Scenario

RUNGS = {"v240": 8_000, "v480": 20_000, "v720": 48_000}
SEGMENTS = 150
"""Ten minutes of 4 s."""


async def read(node: Node) -> None:
    """Wait until the playlists that were asked for are read."""
    assert node.edge is not None
    while node.edge.prefetch_service.predictor.playlists_being_read:
        await turns(1)


async def test_one_player_and_a_cold_edge(s: Scenario) -> None:
    """Ten minutes with names that are hashes, up and down the ladder: what follows the first segment of a rendition is
    a hit or joins a prefetch; the origin sends hardly more than what was played."""
    o1 = s.library("o1")
    film = Film(o1, "film", RUNGS, SEGMENTS)
    e1 = s.edge("e1", upstream=o1)
    player = Player(e1, s.network)
    low, middle, high = await player.playlists(film.folder + "master.m3u8")
    for playlist, first, stop in ((low, 0, 3), (middle, 3, 8), (high, 8, 60), (middle, 60, 75), (high, 75, SEGMENTS)):
        for number in range(first, stop):
            await player.plays(playlist, range(number, number + 1))
            await read(e1)  # a thread reads playlists: that takes less than a player needs for his
            await s.clock.advance(0.5)
    player.leaves()
    await e1.until(fills_running=0)
    assert player.share_there() >= 0.95
    assert e1.edge is not None
    assert e1.edge.counts.bytes_filled <= 1.02 * player.bytes


async def test_a_viewer_who_comes_joins_the_prefetch(s: Scenario) -> None:
    """He is late for nothing and brings about no second fetch; the ledger calls it late."""
    held, o1 = s.gate(), s.library("o1")
    film = Film(o1, "film", {"v720": 8_000}, 3)
    o1.holds(film.path("v720", 1), b"next" * 500, **FOREVER).waits_for(held)
    e1 = s.edge("e1", upstream=o1)
    player = Player(e1, s.network)
    (playlist,) = await player.playlists(film.folder + "master.m3u8")
    await player.plays(playlist, range(1))
    await read(e1)
    await e1.until(fills_running=1)
    asked = s.viewer("late", at=e1).gets(film.path("v720", 1))
    await e1.until(waiting=1)
    held.open()
    assert (await asked).cache_status == "e1; fwd=uri-miss; collapsed"
    assert o1.count(film.path("v720", 1)) == 1
    player.leaves()
    assert e1.edge is not None
    assert e1.edge.prefetch_service.accounting.totals == {"useful": 0, "late": 2000, "wasted": 0}


async def test_a_hit_on_the_straight_run_brings_the_next(s: Scenario) -> None:
    """Of a segment that was kept from before, the next is fetched when it is asked for, whichever way."""
    o1 = s.library("o1")
    film = Film(o1, "film", {"v720": 8_000}, 4)
    e1 = s.edge("e1", upstream=o1)
    player = Player(e1, s.network)
    (playlist,) = await player.playlists(film.folder + "master.m3u8")
    await player.plays(playlist, range(1))
    await read(e1)
    await player.plays(playlist, range(1, 2))
    await e1.until(fills_running=0)
    assert o1.count(film.path("v720", 2)) == 1
    assert e1.edge is not None
    await player.plays(playlist, range(1))
    straight = e1.edge.counts.fast_path_hits
    await player.plays(playlist, range(2, 3))
    await e1.until(fills_running=0)
    assert e1.edge.counts.fast_path_hits == straight + 1
    assert o1.count(film.path("v720", 3)) == 1
    player.leaves()


async def test_what_the_player_says_comes_first(s: Scenario) -> None:
    """CMCD `nor`, in the query and in the fields, of version 1 and 2; none of it goes beyond the title."""
    o1 = s.library("o1")
    film = Film(o1, "film", {"v240": 8_000, "v720": 8_000}, 4)
    other = Film(o1, "other", {"v720": 8_000}, 1)
    e1 = s.edge("e1", upstream=o1, prefetch="cmcd")
    player = Player(e1, s.network)
    names = film.names["v720"]
    here = film.path("v240", 0)
    await player.asks(here + f"?CMCD=bl%3D4000%2Cnor%3D%22..%252Fv720%252F{names[0]}%22")
    await player.asks(here, cmcd_request=f'nor="..%2fv720%2f{names[1]}"')
    await player.asks(here, cmcd_request=f'nor=("../v720/{names[2]}";r="0-" "x"),bl=(2000)')
    for beyond in (
        f"../../other/v720/{other.names['v720'][0]}",
        f"/cdn/us/film/v720/{names[3]}",
        "http://h/x",
        "%252e%252e/a",
    ):
        await player.asks(here, cmcd_request=f'nor="{beyond}"')
    await e1.until(fills_running=0)
    assert [o1.count(film.path("v720", number)) for number in range(4)] == [1, 1, 1, 0]
    assert o1.count(other.path("v720", 0)) == 0
    player.leaves()


async def test_nobody_has_fetched_what_he_may_not_have(s: Scenario) -> None:
    """A token for one tier names a segment of a higher one: it is not fetched for him."""
    o1 = s.library("o1")
    film = Film(o1, "film", {"v240": 8_000, "v2160": 8_000}, 2)
    e1 = s.edge("e1", upstream=o1, tokens="required")
    token = s.token("/cdn/eu/film/", tier="sd")
    player = Player(e1, s.network, prefix=f"/t/{token}")
    named = film.names["v2160"][0]
    await player.asks(film.path("v240", 0), cmcd_request=f'nor="../v2160/{named}"')
    await player.asks(film.path("v240", 0), cmcd_request=f'nor="{film.names["v240"][1]}"')
    await e1.until(fills_running=0)
    assert (o1.count(film.path("v2160", 0)), o1.count(film.path("v240", 1))) == (0, 1)
    player.leaves()


async def test_the_shield_does_not_count_what_is_prefetched(s: Scenario) -> None:
    """The edge marks its prefetches: popularity at the shield is what viewers ask for."""
    o1 = s.library("o1")
    film = Film(o1, "film", {"v720": 8_000}, 5)
    shield = s.shield("s1", upstream=o1)
    e1 = s.edge("e1", upstream=shield)
    player = Player(e1, s.network)
    (playlist,) = await player.playlists(film.folder + "master.m3u8")
    await player.plays(playlist, range(1))
    await read(e1)
    await player.plays(playlist, range(1, 4))
    await e1.until(fills_running=0)
    assert shield.edge is not None
    assert e1.edge is not None
    shield.edge.prefetch_service.popularity.sweep(s.clock.mono())
    (row,) = [row for row in shield.edge.prefetch_service.popularity.rows(s.clock.mono()) if row.rendition == "v720"]
    assert row.requests == 3  # playlist, init segment, first segment
    (row,) = [row for row in e1.edge.reporter.report().popular if row.rendition == "v720"]
    assert row.requests == 6
    assert row.size > 0
    there = await player.asks(film.path("v720", 2))
    assert there.cache_status == "s1; fwd=uri-miss; stored; detail=prefetch, e1; hit; ttl=31536000"
    player.leaves()


async def test_jobs_are_brought_and_counted(s: Scenario) -> None:
    """What an operator wants is fetched, whatever the players do."""
    o1 = s.library("o1")
    film = Film(o1, "film", {"v720": 8_000}, 5)
    e1 = s.edge("e1", upstream=o1, prefetch="off")
    await e1.started()
    assert e1.edge is not None
    for number in range(5):
        assert e1.edge.prefetch(film.path("v720", number))
    assert not e1.edge.prefetch("/elsewhere")
    await e1.until(objects=5, fills_running=0)
    assert (await s.viewer("v", at=e1).gets(film.path("v720", 3))).cache_status.startswith("e1; hit")
    await turns()
    assert e1.edge.prefetch_service.accounting.totals["useful"] > 0
