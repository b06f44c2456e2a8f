"""The owner's links to its workers: real sockets, workers in memory."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from cache.cache import SegmentCache
from cache.disk.tier import DiskTier
from cache.entry import Entry
from cache.eviction.lru import Lru
from cache.followed_index import FollowedIndex
from cache.index import PurgeRequest
from cache.ram import RamTier
from edge.counters import Counts
from edge.node import hub as hub_module
from edge.node.count_deltas import CountReporter
from edge.node.follower import Follower
from edge.node.frames import Frame, FrameReader, Kind, encode
from edge.node.hub import Hub
from edge.node.link_state import LinkState
from edge.prefetch.seen_objects import SeenObjects
from edge.serve.connection_limits import ConnectionCounts
from edge.tasks import TaskOwner
from kernel.clock import Instant
from kernel.http.freshness import Verdict
from system.clock import SystemClock

CLOCK = SystemClock()


@pytest.fixture(autouse=True)
def patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """A busy machine may be slower than the time that a worker has."""
    monkeypatch.setattr(hub_module, "FENCE_SECONDS", 60.0)


async def until(condition: Any) -> None:
    async with asyncio.timeout(10):
        while not condition():
            await asyncio.sleep(0)


class Owner:
    """A cache with a disk tier, and the hub of its workers."""

    def __init__(self, folder: Path, survivors: Sequence[int] = ()) -> None:
        self.tasks = TaskOwner(lambda error: None)
        self.disk = DiskTier(folder / "cache", 1 << 20, Lru(1 << 20))
        self.disk.open(Instant(CLOCK.wall(), CLOCK.mono()))
        self.cache = SegmentCache(RamTier(1 << 20, Lru(1 << 20), alone=False), self.disk, CLOCK, self.tasks)
        self.killed: list[int] = []
        self.state: dict[str, object] = {"draining": False}
        self.counts = Counts()
        self.hub = Hub(
            self.cache, CLOCK, self.counts, ConnectionCounts(), self.tasks, lambda: self.state, survivors, self
        )

    async def kill(self, slot: int) -> None:
        self.killed.append(slot)

    def stores(self, key: bytes) -> Entry:
        entry = Entry(key, 200, [(b"etag", b'"1"')], 4)
        entry.set_times(Verdict(None, 0.0, 60.0, 0.0, 0.0, must_revalidate=False), CLOCK.mono())
        assert self.cache.store(entry, b"body")
        return entry


class Worker:
    """What follows the owner. It answers no frame while `is_stuck`."""

    def __init__(self, folder: Path, tasks: TaskOwner) -> None:
        disk = DiskTier.of_another_process(folder / "cache", Lru(0))
        cache = SegmentCache(RamTier(1 << 20, Lru(1 << 20), alone=False), disk, CLOCK, tasks)
        self.index, self.counts = cache.tiers.index, Counts()
        self.states: list[dict[str, Any]] = []
        self.reloaded: list[Sequence[str]] = []
        self.draining: list[bool] = []
        self.seen = SeenObjects()
        reporter = CountReporter(self.counts, ConnectionCounts())
        self.follower = Follower(
            1, 1, str(folder / "index"), self, FollowedIndex(cache.tiers), reporter, CLOCK, self.seen
        )
        self.task = tasks.spawn(self.follower.run())

    def use_state(self, state: dict[str, Any]) -> None:
        self.states.append(state)

    def reload_parts(self, parts: Sequence[str]) -> dict[str, str]:
        self.reloaded.append(parts)
        return {"rules": "no JSON"} if "rules" in parts else {}

    def set_draining(self, on: bool) -> None:
        self.draining.append(on)

    def has(self, key: bytes) -> bool:
        return self.index.peek(key, {}) is not None


@asynccontextmanager
async def owner_with_worker(folder: Path) -> AsyncIterator[tuple[Owner, Worker]]:
    owner = Owner(folder)
    early = owner.stores(b"/early")
    await owner.cache.wait_written(early)
    await owner.hub.open(str(folder / "index"))
    worker = Worker(folder, owner.tasks)
    try:
        await until(lambda: worker.follower.state is LinkState.SYNCED)
        yield owner, worker
    finally:
        worker.task.cancel()
        owner.hub.close()
        await owner.tasks.stop(0.0)
        owner.disk.close()


def test_a_worker_knows_every_file_before_and_after_it_joined(tmp_path: Path) -> None:
    async def run() -> None:
        async with owner_with_worker(tmp_path) as (owner, worker):
            assert worker.has(b"/early")
            owner.stores(b"/later")
            await until(lambda: worker.has(b"/later"))
            assert await owner.cache.purge(PurgeRequest(urls=(b"/early",))) == 1
            assert not worker.has(b"/early")  # as soon as the purge returns
            assert worker.has(b"/later")
            assert owner.killed == []

    asyncio.run(run())


def test_a_soft_purge_makes_an_object_stale_everywhere(tmp_path: Path) -> None:
    async def run() -> None:
        async with owner_with_worker(tmp_path) as (owner, worker):
            await owner.cache.purge(PurgeRequest(everything=True, soft=True))
            entry = worker.index.peek(b"/early", {})
            assert entry is not None
            assert entry.fresh_until <= CLOCK.mono()

    asyncio.run(run())


def test_figures_reloads_and_drains_reach_the_other_side(tmp_path: Path) -> None:
    async def run() -> None:
        async with owner_with_worker(tmp_path) as (owner, worker):
            worker.counts.hits += 3
            seen: list[bytes] = []
            owner.hub.seen = seen.extend
            worker.seen.on_head_prepared(Entry(b"/sent", 200, [], 1), 0.0)
            await owner.hub.collect_counts()
            assert owner.counts.hits == 3
            await owner.hub.collect_counts()
            assert seen == [b"/sent"]
            assert await owner.hub.reload(("rules", "keys")) == {"rules": "no JSON"}
            owner.state = {"draining": False, "version": 2}
            owner.hub.send_state()
            owner.hub.send_drain(True)
            await owner.hub.fence()
            assert worker.states[-1] == owner.state
            assert worker.draining == [True]

    asyncio.run(run())


def test_a_worker_that_does_not_answer_is_killed_before_a_purge_returns(tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setattr(hub_module, "FENCE_SECONDS", 0.05)

    async def run() -> None:
        async with owner_with_worker(tmp_path) as (owner, worker):
            worker.follower.data_received = lambda data: None  # type: ignore[method-assign]  # it hangs
            await owner.cache.purge(PurgeRequest(everything=True))
            assert owner.killed == [1]

    asyncio.run(run())


def test_a_worker_finds_a_new_owner_and_forgets_what_it_does_not_name(tmp_path: Path) -> None:
    async def run() -> None:
        async with owner_with_worker(tmp_path) as (owner, worker):
            owner.hub.close()
            await until(lambda: worker.follower.state is LinkState.AWAY)
            assert worker.has(b"/early")
            await owner.cache.wait_written(owner.stores(b"/new"))
            entry = owner.cache.tiers.index.peek(b"/early", {})
            assert entry is not None
            owner.cache.forget(entry)
            await owner.hub.open(str(tmp_path / "index"))
            await until(lambda: worker.follower.state is LinkState.SYNCED)
            assert worker.has(b"/new")
            assert not worker.has(b"/early")

    asyncio.run(run())


class ScriptedWorker:
    """The other end of a link, which answers only what the test has it answer."""

    def __init__(self, folder: Path, slot: int) -> None:
        self.folder, self.slot = folder, slot

    async def join(self) -> None:
        self.reader, self.writer = await asyncio.open_unix_connection(self.folder / "index")
        self.frames, self._cut = list[Frame](), FrameReader()
        self.writer.write(encode(Kind.HELLO, (self.slot, 1)))

    async def leave(self) -> None:
        self.writer.close()
        await self.writer.wait_closed()

    async def until(self, kind: Kind) -> Any:
        """The content of the next frame of this kind."""
        async with asyncio.timeout(10):
            while True:
                while self.frames:
                    frame = self.frames.pop(0)
                    if frame.kind is kind:
                        return frame.content
                self.frames += self._cut.feed(await self.reader.read(65536))

    async def answers_fence(self) -> None:
        self.writer.write(encode(Kind.FENCED, await self.until(Kind.FENCE)))


@asynccontextmanager
async def owner_alone(folder: Path, survivors: Sequence[int] = ()) -> AsyncIterator[Owner]:
    owner = Owner(folder, survivors)
    await owner.hub.open(str(folder / "index"))
    try:
        yield owner
    finally:
        owner.hub.close()
        await owner.tasks.stop(0.0)
        owner.disk.close()


def test_a_worker_that_an_earlier_owner_left_is_awaited(tmp_path: Path) -> None:
    """It serves by the index it has, which the new owner's purge must reach."""

    async def run() -> None:
        async with owner_alone(tmp_path, survivors=(1, 2)) as owner:
            worker = ScriptedWorker(tmp_path, 1)
            async with asyncio.TaskGroup() as tasks:
                fence = tasks.create_task(owner.hub.fence())
                await worker.join()
                await worker.answers_fence()
                assert not fence.done()
                owner.hub.on_gone(2)
            await worker.leave()
            assert owner.killed == []

    asyncio.run(run())


def test_a_worker_that_an_earlier_owner_left_and_that_does_not_join_is_killed(tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setattr(hub_module, "FENCE_SECONDS", 0.05)

    async def run() -> None:
        async with owner_alone(tmp_path, survivors=(2,)) as owner:
            await owner.hub.fence()
            await owner.hub.fence()
            assert owner.killed == [2]

    asyncio.run(run())


def test_a_worker_that_reads_a_large_index_is_not_killed(tmp_path: Path, monkeypatch: Any) -> None:
    """A purge soon after the owner was replaced killed all workers, with the responses of their viewers."""

    async def run() -> None:
        gate = asyncio.Event()
        monkeypatch.setattr(hub_module.WorkerLink, "wait_for_room", lambda link: gate.wait())
        async with owner_alone(tmp_path, survivors=(1,)) as owner:
            await owner.cache.wait_written(owner.stores(b"/one"))
            worker = ScriptedWorker(tmp_path, 1)
            await worker.join()
            await worker.until(Kind.FILES)
            monkeypatch.setattr(hub_module, "FENCE_SECONDS", 0.0)
            async with asyncio.TaskGroup() as tasks:
                fence = tasks.create_task(owner.hub.fence())
                for _ in range(20):
                    await asyncio.sleep(0)
                assert (fence.done(), owner.killed) == (False, [])
                monkeypatch.setattr(hub_module, "FENCE_SECONDS", 60.0)
                gate.set()
                await worker.answers_fence()
            await worker.leave()
            assert owner.killed == []

    asyncio.run(run())


def test_a_worker_that_joined_again_during_a_fence_is_asked_again(tmp_path: Path) -> None:
    """The purge returned once the snapshot was sent, and the worker had not yet applied it."""

    async def run() -> None:
        async with owner_alone(tmp_path) as owner:
            worker = ScriptedWorker(tmp_path, 1)
            await worker.join()
            await worker.until(Kind.END_SNAPSHOT)
            async with asyncio.TaskGroup() as tasks:
                fence = tasks.create_task(owner.hub.fence())
                await worker.until(Kind.FENCE)
                await worker.leave()
                await worker.join()
                await worker.until(Kind.END_SNAPSHOT)
                number = await worker.until(Kind.FENCE)
                assert not fence.done()
                worker.writer.write(encode(Kind.FENCED, number))
            await worker.leave()
            assert owner.killed == []

    asyncio.run(run())


def test_a_link_lost_while_another_worker_is_awaited_is_fenced_too(tmp_path: Path) -> None:
    """The purge returned without this worker: it had a link when the fence began, and none when it was sent."""

    async def run() -> None:
        async with owner_alone(tmp_path, survivors=(1,)) as owner:
            survivor, other = ScriptedWorker(tmp_path, 1), ScriptedWorker(tmp_path, 2)
            await other.join()
            await other.until(Kind.END_SNAPSHOT)
            async with asyncio.TaskGroup() as tasks:
                fence = tasks.create_task(owner.hub.fence())
                await asyncio.sleep(0)
                await other.leave()
                await until(lambda: owner.hub.workers == 0)
                await survivor.join()
                await survivor.answers_fence()
                await other.join()
                number = await other.until(Kind.FENCE)
                assert not fence.done()
                other.writer.write(encode(Kind.FENCED, number))
            await survivor.leave()
            await other.leave()
            assert owner.killed == []

    asyncio.run(run())


def test_a_reload_reaches_a_worker_that_had_no_link(tmp_path: Path) -> None:
    """It kept the old certificate and keys, and the reload was said to have worked."""

    async def run() -> None:
        async with owner_alone(tmp_path, survivors=(1,)) as owner:
            worker = ScriptedWorker(tmp_path, 1)
            async with asyncio.TaskGroup() as tasks:
                reload = tasks.create_task(owner.hub.reload(("keys",)))
                await asyncio.sleep(0)
                await worker.join()
                while not (content := await worker.until(Kind.RELOAD))[0]:
                    pass  # the one for workers that join later
                worker.writer.write(encode(Kind.RELOADED, (content[0], {"keys": "no JSON"})))
            assert reload.result() == {"keys": "no JSON"}
            starting = ScriptedWorker(tmp_path, 2)  # it may have read its files before the reload
            await starting.join()
            assert await starting.until(Kind.RELOAD) == [0, ["keys"]]
            await worker.leave()
            await starting.leave()

    asyncio.run(run())


def test_a_snapshot_waits_for_a_worker_that_reads_slowly(tmp_path: Path, monkeypatch: Any) -> None:
    """A large index filled the link to its bound, which cut it, and the next snapshot did the same."""
    monkeypatch.setattr(hub_module, "SNAPSHOT_STEP", 1)

    async def run() -> None:
        async with owner_alone(tmp_path) as owner:
            for number in range(5):
                await owner.cache.wait_written(owner.stores(b"/%d" % number))
            link = hub_module.WorkerLink(owner.hub)
            sent: list[bytes] = []

            class Transport(asyncio.Transport):
                def write(self, data: Any) -> None:
                    sent.append(data)

                def get_write_buffer_size(self) -> int:
                    return 0

                def abort(self) -> None:
                    link.connection_lost(None)

            def kinds() -> list[Kind]:
                return [frame.kind for frame in FrameReader().feed(b"".join(sent))]

            link.connection_made(Transport())
            link.data_received(encode(Kind.HELLO, (1, 1)))
            link.pause_writing()
            for _ in range(20):
                await asyncio.sleep(0)
            assert kinds().count(Kind.FILES) <= 1
            link.resume_writing()
            await until(lambda: Kind.END_SNAPSHOT in kinds())
            assert kinds().count(Kind.FILES) == 5

    asyncio.run(run())
