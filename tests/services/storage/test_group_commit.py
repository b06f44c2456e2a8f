"""Rows that come together are written together, and each waiter learns of its own."""

import asyncio

import pytest

from kernel.errors import Overloaded, StorageFailed
from services.storage import group_commit
from services.storage.group_commit import GroupCommit


class Disk:
    def __init__(self):
        self.batches = []
        self.open = asyncio.Event()
        self.broken = False

    async def write(self, batch):
        self.batches.append(list(batch))
        await self.open.wait()
        if self.broken:
            raise StorageFailed("full")


async def test_rows_wait_for_one_flush_together():
    disk = Disk()
    writes = GroupCommit(disk.write)
    async with asyncio.TaskGroup() as group:
        runner = group.create_task(writes.run())
        adds = [group.create_task(writes.commit(n)) for n in range(5)]
        while not disk.batches:
            await asyncio.sleep(0)
        adds.append(group.create_task(writes.commit(5)))
        assert not any(add.done() for add in adds)
        disk.open.set()
        await asyncio.gather(*adds)
        runner.cancel()
    assert [row for batch in disk.batches for row in batch] == [0, 1, 2, 3, 4, 5]
    assert len(disk.batches) <= 3


async def test_a_failed_write_is_told_and_the_next_one_tried():
    disk = Disk()
    disk.open.set()
    disk.broken = True
    writes = GroupCommit(disk.write)
    runner = asyncio.get_running_loop().create_task(writes.run())
    with pytest.raises(StorageFailed, match="full"):
        await writes.commit(1)
    disk.broken = False
    await writes.commit(2)
    runner.cancel()


async def test_what_waits_at_a_stop_is_told_that_it_was_not_written():
    disk = Disk()
    writes = GroupCommit(disk.write)
    runner = asyncio.get_running_loop().create_task(writes.run())
    adds = [asyncio.get_running_loop().create_task(writes.commit(n)) for n in range(2)]
    while not disk.batches:
        await asyncio.sleep(0)
    adds.append(asyncio.get_running_loop().create_task(writes.commit(9)))
    await asyncio.sleep(0)
    runner.cancel()
    found = await asyncio.gather(*adds, return_exceptions=True)
    assert all(isinstance(error, StorageFailed) for error in found)


async def test_too_many_waiters_are_refused(monkeypatch):
    monkeypatch.setattr(group_commit, "MAX_WAITING", 1)
    writes = GroupCommit(Disk().write)
    first = asyncio.get_running_loop().create_task(writes.commit(1))
    await asyncio.sleep(0)
    with pytest.raises(Overloaded):
        await writes.commit(2)
    first.cancel()
