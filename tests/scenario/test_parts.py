"""A part of an object in slices that is late, hangs or is answered by something else."""

from __future__ import annotations

import os

from tests.scenario.stage import Scenario

FILM = "/cdn/eu/title1/film.mp4"
K = 65536
BYTES = os.urandom(10 * K + 1234)
SMALL = {"slice": "64KiB", "slice_over": "256KiB"}
FRESH = {"etag": '"a"', "cache_control": "max-age=60"}


async def test_a_part_whose_head_does_not_come_holds_up_only_who_asked_first(s: Scenario) -> None:
    """After three seconds the others ask once more together; nobody waits longer than for one head."""
    o1, held, more = s.library("o1"), s.gate(), s.gate()
    film = o1.holds(FILM, BYTES, **FRESH)
    e1 = s.edge("e1", upstream=o1, upstream_first_byte="10s", **SMALL)
    place = f"bytes={5 * K}-{5 * K + 9}"
    assert (await s.viewer("v", at=e1).gets(FILM, range="bytes=0-9")).body == BYTES[:10]
    await e1.until(fills_running=0)
    film.waits_for(held)
    leader = s.viewer("leader", at=e1).gets(FILM, range=place)
    await e1.until(waiting=1)
    others = [s.viewer(f"v{n}", at=e1).gets(FILM, range=place) for n in range(9)]
    await e1.until(waiting=10)
    film.waits_for(more)
    await s.clock.advance(3.1)
    assert len(film.asked) == 3
    more.open()
    assert {(await one).body for one in others} == {BYTES[5 * K : 5 * K + 10]}
    held.open()
    assert (await leader).body == BYTES[5 * K : 5 * K + 10]
    await e1.until(fills_running=0)


async def test_a_part_that_hangs_for_all_is_504_within_the_time_of_one_head(s: Scenario) -> None:
    """However often it was asked for."""
    o1, held = s.library("o1"), s.gate()
    film = o1.holds(FILM, BYTES, **FRESH)
    e1 = s.edge("e1", upstream=o1, upstream_first_byte="10s", **SMALL)
    assert (await s.viewer("v", at=e1).gets(FILM, range="bytes=0-9")).body == BYTES[:10]
    await e1.until(fills_running=0)
    film.waits_for(held)
    asked = [s.viewer(f"v{n}", at=e1).gets(FILM, range=f"bytes={5 * K}-{5 * K + 9}") for n in range(5)]
    await e1.until(waiting=5)
    for _ in range(2):
        await s.clock.advance(6)
    assert [(await one).status for one in asked] == [504] * 5
    held.open()
    await s.clock.advance(10)
    await e1.until(fills_running=0)


async def test_a_part_that_is_answered_by_an_error_is_that_error(s: Scenario) -> None:
    """A 503 of the upstream is told as one; what is stored stays, and a redirect takes the object's place."""
    o1 = s.library("o1")
    film = o1.holds(FILM, BYTES, **FRESH)
    e1 = s.edge("e1", upstream=o1, **SMALL)
    viewer, place = s.viewer("v", at=e1), f"bytes={5 * K}-{5 * K + 9}"
    assert (await viewer.gets(FILM, range="bytes=0-9")).body == BYTES[:10]
    await e1.until(fills_running=0)
    film.status = 503
    assert (await viewer.gets(FILM, range=place)).status == 503
    assert (await viewer.gets(FILM, range="bytes=0-9")).cache_status.startswith("e1; hit")
    film.status = 302
    assert (await viewer.gets(FILM, range=place)).status == 302
    film.status = None
    assert (await viewer.gets(FILM, range=place)).body == BYTES[5 * K : 5 * K + 10]
