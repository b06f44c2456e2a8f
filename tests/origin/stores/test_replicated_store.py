"""Two copies: both are written, either may fail."""

import asyncio

import pytest

from kernel.store_faults import StoreFault
from origin.stores.object_store import ABSENT, StoreFailed
from origin.stores.replicated_store import ReplicatedStore
from tests.doubles.object_store import DownStore, WrappedStore


class Hands:
    now = 100.0

    def __call__(self):
        return self.now


@pytest.fixture
def pair(make_store):
    """(the replicated store, its first copy, its replica, counts, the clock); both copies are up."""
    first, replica = DownStore(make_store()), DownStore(make_store())
    first.down = replica.down = False
    counts = {"failovers": 0, "lags": 0}

    def count(name):
        counts[name] += 1

    mono = Hands()
    made = ReplicatedStore(first, replica, mono, lambda: count("failovers"), lambda: count("lags"))
    return made, first, replica, counts, mono


async def fault(awaitable):
    with pytest.raises(StoreFailed) as failed:
        await awaitable
    return failed.value.fault


async def pieces(*parts):
    for part in parts:
        yield part


async def test_what_is_written_is_in_both(pair):
    both, first, replica, counts, _ = pair
    tag = await both.put("a/1", b"one", only_if=ABSENT)
    await both.put("a/1", b"two", only_if=tag)
    await both.put("a/2", b"2")
    await both.put_stream("a/3", pieces(b"three", b" parts"))
    await both.make_durable(["a/1", "a/2", "a/3"])
    for store in (first, replica):
        assert [(await store.get(f"a/{number}")).data for number in (1, 2, 3)] == [b"two", b"2", b"three parts"]
    await both.delete(["a/2"])
    assert await replica.get("a/2") is None
    assert counts == {"failovers": 0, "lags": 0}


async def test_reads_fail_over_when_the_first_copy_is_down_and_come_back(pair):
    """While it is down it is not asked for each read: nobody waits for a store that does not answer."""
    both, first, replica, counts, mono = pair
    await both.put("a/1", b"one")
    first.down = True
    for _ in range(5):
        assert bytes(await both.read("a/1", 0, 3)) == b"one"
    assert (await both.get("a/1")).data == b"one"
    assert (await both.info("a/1")).size == 3
    assert sorted([one.key async for one in both.list("a/")]) == ["a/1"]
    assert await both.folders("a/") == ()
    await both.check()
    assert [method for method, _ in first.calls if method == "read"] == ["read"]
    assert counts["failovers"] == 7
    assert await fault(both.read("a/none", 0, 1)) is StoreFault.UNAVAILABLE, "not missing: nobody knows"
    assert await fault(both.get("a/none")) is StoreFault.UNAVAILABLE
    first.down = False
    mono.now += 60
    failovers = counts["failovers"]
    assert bytes(await both.read("a/1", 0, 3)) == b"one"
    assert bytes(await both.read("a/1", 0, 3)) == b"one"
    assert counts["failovers"] == failovers
    assert replica.calls[-1][0] != "check"


async def test_a_missing_or_damaged_object_is_read_from_the_replica(pair):
    """A disk that was replaced by an empty one serves everything from the replica."""
    both, first, _, counts, _ = pair
    await both.put("a/1", b"one")
    await both.put("a/2", b"two two")
    await first.store.delete(["a/1"])
    await first.store.put("a/2", b"two")
    assert bytes(await both.read("a/1", 0, 3)) == b"one"
    assert (await both.get("a/1")).data == b"one"
    assert bytes(await both.read("a/2", 0, 7)) == b"two two"
    assert counts["failovers"] == 3
    assert await both.get("a/none") is None
    assert await fault(both.read("a/none", 0, 1)) is StoreFault.MISSING


async def test_a_first_copy_that_hangs_is_not_waited_for(pair, monkeypatch):
    monkeypatch.setattr("origin.stores.replicated_store.PATIENCE_SECONDS", 0.01)
    both, first, _, _, _ = pair
    await both.put("a/1", b"one")

    class Hanging(WrappedStore):
        async def before(self, method, key):
            await asyncio.Event().wait()

    first.store = Hanging(first.store)
    assert bytes(await both.read("a/1", 0, 3)) == b"one"


async def test_a_replica_that_is_down_stops_nobody(pair):
    """Writes and reads go on; what it missed is counted."""
    both, _, replica, counts, _ = pair
    replica.down = True
    tag = await both.put("a/1", b"one")
    await both.put("a/1", b"two", only_if=tag)
    await both.put_stream("a/2", pieces(b"2"))
    await both.delete(["a/2"])
    await both.make_durable(["a/1"])
    assert counts["lags"] == 5
    assert bytes(await both.read("a/1", 0, 3)) == b"two"
    assert await both.get("a/none") is None
    assert [one.key async for one in both.list("a/")] == ["a/1"]


async def test_what_both_copies_have(pair):
    """A writer that was killed between the two goes on by it; a replica that is down is not waited for."""
    both, first, replica, _, _ = pair
    await both.put("a/1", b"one")
    await first.put("a/2", b"two")
    await replica.put("a/3", b"three")
    assert sorted([one.key async for one in both.list("a/")]) == ["a/1", "a/2", "a/3"]
    assert [one.key async for one in both.list("a/", in_all=True)] == ["a/1"]
    replica.down = True
    assert sorted([one.key async for one in both.list("a/", in_all=True)]) == ["a/1", "a/2"]


async def test_a_write_that_the_first_copy_refuses_reaches_no_copy(pair):
    both, first, replica, _, _ = pair
    await both.put("a/1", b"one")
    assert await fault(both.put("a/1", b"two", only_if=ABSENT)) is StoreFault.CONFLICT
    first.down = True
    assert await fault(both.put("a/1", b"two")) is StoreFault.UNAVAILABLE
    first.down = False
    assert (await replica.get("a/1")).data == b"one"


async def test_both_down_is_the_first_copys_failure(pair):
    both, first, replica, _, _ = pair
    first.down = replica.down = True
    assert await fault(both.get("a/1")) is StoreFault.UNAVAILABLE
    assert await fault(both.folders("a/")) is StoreFault.UNAVAILABLE
    assert await fault(both.check()) is StoreFault.UNAVAILABLE
    with pytest.raises(StoreFailed):
        [one async for one in both.list("a/")]


async def test_the_replica_ends_with_the_newest_of_two_versions(pair):
    """Two writers win one after the other; the slower one's copy arrives last."""
    both, _, replica, _, _ = pair
    tag = await both.put("a/1", b"old")
    late = asyncio.Event()

    class Slow(WrappedStore):
        async def put(self, key, data, *, only_if=None):
            if data == b"second":
                await late.wait()
            return await self.store.put(key, data, only_if=only_if)

    replica.store = Slow(replica.store)
    async with asyncio.TaskGroup() as group:
        slow = group.create_task(both.put("a/1", b"second", only_if=tag))
        while (stored := await both.get("a/1")).data != b"second":
            await asyncio.sleep(0.001)
        await both.put("a/1", b"third", only_if=stored.tag)
        late.set()
    assert slow.done()
    assert (await replica.get("a/1")).data == b"third"
