"""Followers are told of changes, by this process and by others."""

import asyncio

from services.catalogue.feed import ChangeFeed
from services.catalogue.title import Change, Title


class Log:
    def __init__(self):
        self.seqs = []

    async def head(self):
        return max(self.seqs, default=0)

    async def changes(self, after, limit):
        return [Change(seq, Title(f"t{seq}", "T")) for seq in self.seqs if seq > after][:limit]


async def next_batch(following):
    return [change.seq for change in await asyncio.wait_for(anext(following), 5)]


async def test_a_follower_reads_what_there_is_and_then_what_comes():
    log = Log()
    log.seqs = [1, 2]
    feed = ChangeFeed(log, poll=30)
    watching = asyncio.get_running_loop().create_task(feed.watch())
    following = feed.follow(0)
    assert await next_batch(following) == [1, 2]
    waiting = asyncio.get_running_loop().create_task(next_batch(following))
    log.seqs.append(3)
    feed.notify_change()
    assert await waiting == [3]
    watching.cancel()


async def test_what_another_process_wrote_is_found_by_polling():
    log = Log()
    feed = ChangeFeed(log, poll=0.01)
    watching = asyncio.get_running_loop().create_task(feed.watch())
    waiting = asyncio.get_running_loop().create_task(next_batch(feed.follow(0)))
    await asyncio.sleep(0)
    log.seqs.append(1)
    assert await waiting == [1]
    watching.cancel()
