"""A hit that has begun comes to its end, whatever leaves the cache; what is cut is counted with its reason."""

from __future__ import annotations

import os

import pytest

from tests.doubles.clock import until
from tests.scenario.stage import Scenario

FILM = "/cdn/eu/title1/film.mp4"
MIB = 1 << 20
BYTES = os.urandom(24 * MIB)
WEAK = {"etag": 'W/"a"', "cache_control": "max-age=600"}
SMALL = {"slice": "1MiB", "slice_over": "1MiB", "prefetch": "off"}


@pytest.mark.parametrize("what", ["purged", "evicted"])
@pytest.mark.parametrize("disk", ["64MiB", "0"])
async def test_a_hit_of_what_cannot_be_fetched_in_parts_is_whole(s: Scenario, what: str, disk: str) -> None:
    """Without a strong ETag the slices that they have not had yet cannot be fetched apart: they are held."""
    o1 = s.library("o1")
    o1.holds(FILM, BYTES, **WEAK)
    e1 = s.edge("e1", upstream=o1, disk=disk, ram="64MiB" if disk == "0" else "8MiB", **SMALL)
    assert (await s.viewer("v", at=e1).gets(FILM)).body == BYTES
    await e1.until(fills_running=0)
    await e1.written()
    viewer = s.viewer("w", at=e1)
    hit = viewer.gets(FILM)
    await viewer.stops_reading()
    assert e1.edge is not None
    if what == "purged":
        await e1.purges(urls=(b"title1/film.mp4",))
    else:
        for entry in list(e1.edge.cache.stored(b"title1/film.mp4")):
            e1.edge.cache.forget(entry)
    await until(lambda: not e1.edge.cache.tiers.remover.stuck)
    viewer.reads_on()
    got = await hit
    assert got.whole
    assert (got.body == BYTES, got.cache_status) == (True, "e1; hit; ttl=600")
    assert e1.edge.counts.aborts == {}


async def test_a_body_that_broke_off_is_counted_with_its_reason(s: Scenario) -> None:
    """The upstream's fault, in the counter by reason."""
    o1 = s.origin("o1")
    o1.expects(FILM).answers(200, BYTES[:MIB], cache_control="max-age=60").breaks_after(MIB // 2)
    e1 = s.edge("e1", upstream=o1)
    assert not (await s.viewer("v", at=e1).gets(FILM)).whole
    assert e1.edge is not None
    assert e1.edge.counts.aborts == {"broken-off": 1}
