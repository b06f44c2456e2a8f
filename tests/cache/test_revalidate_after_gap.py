"""What may have been purged unheard is revalidated before it is used."""

import pytest

from cache.cache import SegmentCache
from cache.entry import Entry
from cache.eviction.choice import POLICIES
from cache.ram import RamTier
from cache.revalidate_after_gap import mark_stale_before
from cache.slices import slice_key
from tests.cache.workbench import Shop
from tests.doubles.clock import FakeClock


def cache_of(clock: FakeClock) -> SegmentCache:
    return SegmentCache(RamTier(4 << 20, POLICIES["lru"](4 << 20), alone=True), None, clock, Shop())


def stored(cache: SegmentCache, key: bytes, born: float) -> Entry:
    entry = Entry(key, 200, [(b"etag", b'"a"')], 1)
    entry.born, entry.fresh_until, entry.windows = born, born + 10_000, (600.0, 60.0, False)
    assert cache.store(entry, b"x")
    return entry


@pytest.mark.parametrize("count", [1, 1_200])
async def test_what_was_stored_before_is_stale_and_what_came_after_is_not(count: int):
    clock = FakeClock()
    cache = cache_of(clock)
    old = [stored(cache, b"old/%d" % number, clock.now - 100) for number in range(count)]
    new = stored(cache, b"new", clock.now - 5)
    part = stored(cache, slice_key(b"old/0", 0), clock.now - 100)
    assert await mark_stale_before(cache.tiers, clock.now - 10) == count
    assert all(entry.fresh_until == clock.now for entry in old)
    assert new.fresh_until > clock.now
    assert part.fresh_until > clock.now


async def test_it_is_used_after_an_error_and_never_while_it_is_revalidated():
    clock = FakeClock()
    cache = cache_of(clock)
    entry = stored(cache, b"old", clock.now - 100)
    await mark_stale_before(cache.tiers, clock.now)
    assert entry.swr_until == clock.now
    assert entry.sie_until == clock.now + 600
