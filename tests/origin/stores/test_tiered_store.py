"""A hot and a cold store: an object is in either, and moves without being missed."""

import pytest

from kernel.store_faults import StoreFault
from origin.stores.object_store import StoreFailed
from origin.stores.tiered_store import TieredStore
from tests.doubles.object_store import DownStore


@pytest.fixture
def tiers(make_store):
    """(the tiered store, the hot one, the cold one, keys read from the cold one)."""
    hot, cold, read = DownStore(make_store()), DownStore(make_store()), []
    hot.down = cold.down = False
    return TieredStore(hot, cold, read.append), hot, cold, read


async def fault(awaitable):
    with pytest.raises(StoreFailed) as failed:
        await awaitable
    return failed.value.fault


async def test_a_reader_does_not_see_a_move(tiers):
    """Copy, then delete: before, between and after, the same bytes are read."""
    both, hot, cold, read = tiers
    await both.put("media/x/1", b"segment")
    assert bytes(await both.read("media/x/1", 0, 7)) == b"segment"
    await cold.put("media/x/1", b"segment")
    assert [one.key async for one in both.list("media/x/")] == ["media/x/1"]
    assert bytes(await both.read("media/x/1", 0, 7)) == b"segment"
    assert read == []
    await hot.delete(["media/x/1"])
    assert bytes(await both.read("media/x/1", 2, 5)) == b"gme"
    assert bytes(await both.read_some("media/x/1", 2, 50)) == b"gment"
    assert (await both.get("media/x/1")).data == b"segment"
    assert (await both.info("media/x/1")).size == 7
    assert [one.key async for one in both.list("media/x/")] == ["media/x/1"]
    assert await both.folders("media/") == ("x",)
    assert read == ["media/x/1", "media/x/1"]
    await both.delete(["media/x/1"])
    assert await cold.get("media/x/1") is None


async def test_records_are_never_cold(tiers):
    both, _, cold, _ = tiers
    await cold.put("titles/x/title.json", b"stale")
    assert await both.get("titles/x/title.json") is None
    assert await both.info("titles/x/title.json") is None
    assert [one async for one in both.list("titles/")] == []
    assert await fault(both.read("titles/x/title.json", 0, 1)) is StoreFault.MISSING


async def test_what_is_cold_is_read_while_the_hot_store_is_down(tiers):
    both, hot, cold, read = tiers
    await both.put("media/x/hot", b"hot")
    await cold.put("media/x/cold", b"cold")
    hot.down = True
    assert bytes(await both.read("media/x/cold", 0, 4)) == b"cold"
    assert await fault(both.read("media/x/hot", 0, 3)) is StoreFault.UNAVAILABLE
    assert read == [], "whether it is hot too is not known"
    assert await fault(both.check()) is StoreFault.UNAVAILABLE


async def test_a_cold_store_that_is_down_is_not_a_missing_object(tiers):
    both, _, cold, _ = tiers
    await both.put("media/x/hot", b"hot")
    cold.down = True
    assert bytes(await both.read("media/x/hot", 0, 3)) == b"hot"
    assert await fault(both.read("media/x/cold", 0, 3)) is StoreFault.UNAVAILABLE
