"""The owner's side of the links to its workers: what is in force, which files are objects, fences, counts.

Everything goes down one stream per worker, in the order in which it happened. So a fence that comes back means that all
before it is applied there. A purge, new rules or a reload is acknowledged once every fence came back. A worker that
does not answer within `FENCE_SECONDS` is killed first, since it might still serve the old. That holds too for a worker
that an earlier owner left behind and that has not joined this one. A fence counts only on the link that it was sent on:
a worker that lost its link and joined again is asked again. Over 300 lines because the stream has one order.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Protocol

import structlog

from cache.cache import SegmentCache
from cache.entry import Entry
from cache.followed_index import line_of
from cache.index import PurgeRequest
from edge.counters import Counts
from edge.node.count_deltas import add_deltas, gauges_of, take_back_gauges
from edge.node.frames import BadFrame, Frame, FrameReader, Kind, encode
from edge.serve.connection_limits import ConnectionCounts
from edge.tasks import TaskOwner
from kernel.clock import Clock, Instant
from kernel.errors import MatineeError

FENCE_SECONDS = 2.0
"""How long a worker may take to apply what it was sent."""
SNAPSHOT_SECONDS = 30.0
"""How long a worker that joined again may take to read the names of all files: a large index takes many seconds."""
COUNTS_SECONDS = 0.5
"""How long /stats waits for a worker's figures; then it shows the last ones."""
MAX_FENCES = 3
"""Links on which a worker is asked for one fence before it is killed: each is lost if it is asked again."""
SNAPSHOT_STEP = 200
"""Files sent before the loop serves requests again."""
MAX_UNSENT = 64 << 20
"""Bytes that may wait for a worker; beyond it the link is cut, and the worker joins again."""

logger = structlog.get_logger("edge")


class WorkerNotKilled(MatineeError):
    """A silent worker may still serve what was purged or changed, so nothing may be acknowledged."""


class Killer(Protocol):
    """Kills workers by their slots."""

    async def kill(self, slot: int) -> None:
        """Kill a worker; returns when it is gone. Raises WorkerNotKilled."""


class WorkerLink(asyncio.Protocol):
    """One worker's link."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self._reader = FrameReader()
        self._transport: asyncio.Transport | None = None
        self._answers: dict[int, asyncio.Future[Any]] = {}
        self._has_room = asyncio.Event()
        self._has_room.set()
        self.slot = -1
        self.gauges: dict[str, int] = {}

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """See asyncio.Protocol."""
        self._transport = transport  # type: ignore[assignment]  # a stream's transport writes

    def data_received(self, data: bytes) -> None:
        """See asyncio.Protocol."""
        try:
            for frame in self._reader.feed(data):
                self._on_frame(frame)
        except (BadFrame, TypeError, ValueError, KeyError, IndexError) as error:
            logger.exception("worker-link-broken", slot=self.slot, error=str(error))
            self.abort()

    def _on_frame(self, frame: Frame) -> None:
        match frame.kind:
            case Kind.HELLO:
                self.slot = int(frame.content[0])
                self._hub.on_joined(self)
            case Kind.FENCED:
                self._answer(frame.content, True)
            case Kind.RELOADED:
                self._answer(frame.content[0], frame.content[1])
            case Kind.COUNTS:
                self._hub.on_counts(self, frame.content[1])
                self._answer(frame.content[0], None)
            case Kind.SEEN:
                self._hub.on_seen(frame.content)
            case _:
                raise BadFrame(f"a worker sent {frame.kind.name}")

    def _answer(self, number: int, content: object) -> None:
        waiting = self._answers.pop(number, None)
        if waiting is not None and not waiting.done():
            waiting.set_result(content)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 (asyncio calls it so)
        """See asyncio.Protocol."""
        self._transport = None
        for waiting in self._answers.values():
            if not waiting.done():
                waiting.set_result(None)
        self._answers.clear()
        self._has_room.set()
        self._hub.on_lost(self)

    def pause_writing(self) -> None:
        """See asyncio.Protocol."""
        self._has_room.clear()

    def resume_writing(self) -> None:
        """See asyncio.Protocol."""
        self._has_room.set()

    async def wait_for_room(self) -> None:
        """Wait until the worker has read most of what it was sent, or its link is lost."""
        await self._has_room.wait()

    def send(self, data: bytes) -> None:
        """Send a frame."""
        if self._transport is None:
            return
        self._transport.write(data)
        if self._transport.get_write_buffer_size() > MAX_UNSENT:
            self.abort()

    def ask(self, number: int, data: bytes) -> asyncio.Future[Any]:
        """Send a frame; the future gets the content of its answer, or None when the link is lost."""
        made = asyncio.get_running_loop().create_future()
        if self._transport is None:
            made.set_result(None)
            return made
        self._answers[number] = made
        self.send(data)
        return made

    def abort(self) -> None:
        """Cut the link."""
        if self._transport is not None:
            self._transport.abort()


class Hub:
    """See the module. `state()`: the content of a STATE frame. `survivors`: slots of workers of an earlier owner."""

    def __init__(
        self,
        cache: SegmentCache,
        clock: Clock,
        counts: Counts,
        connections: ConnectionCounts,
        tasks: TaskOwner,
        state: Callable[[], dict[str, object]],
        survivors: Iterable[int],
        killer: Killer,
    ) -> None:
        self._cache, self._clock, self._tasks = cache, clock, tasks
        self._counts, self._connection_counts = counts, connections
        self._state = state
        self._killer = killer
        self._links: dict[int, WorkerLink] = {}
        self._awaited: dict[int, asyncio.Future[None]] = {}
        self._survivors = tuple(survivors)
        self._files: list[tuple[str, list[Any]]] = []
        self._flushing = False
        self._number = 0
        self._reloaded: dict[str, None] = {}
        """Parts that were reloaded: a worker that joins may have read them before."""
        self._server: asyncio.Server | None = None
        self.seen: Callable[[Sequence[bytes]], object] | None = None
        """Called with the keys of objects that workers sent to viewers."""

    async def open(self, path: str) -> None:
        """Listen for workers. Raises OSError."""
        loop = asyncio.get_running_loop()
        self._awaited = {slot: loop.create_future() for slot in self._survivors}
        self._cache.tiers.observe(self)
        self._cache.after_purge = self.fence
        self._server = await loop.create_unix_server(lambda: WorkerLink(self), path)

    def close(self) -> None:
        """Stop listening, and cut the links."""
        if self._server is not None:
            self._server.close()
        for link in tuple(self._links.values()):
            link.abort()

    @property
    def workers(self) -> int:
        """Workers that follow this owner now."""
        return len(self._links)

    # -- links -------------------------------------------------------------------------------------------------

    def on_joined(self, link: WorkerLink) -> None:
        """A worker connected."""
        earlier = self._links.get(link.slot)
        if earlier is not None:
            earlier.abort()
        self._flush()
        self._links[link.slot] = link
        if earlier is not None:
            self._awaited.setdefault(link.slot, asyncio.get_running_loop().create_future())
        link.send(encode(Kind.STATE, self._state()))
        if self._reloaded:
            link.send(encode(Kind.RELOAD, (0, tuple(self._reloaded))))
        self._tasks.spawn(self._send_snapshot(link))

    async def _send_snapshot(self, link: WorkerLink) -> None:
        """Name every file, in steps; what changes meanwhile goes in between."""
        disk, tiers = self._cache.disk, self._cache.tiers
        link.send(encode(Kind.BEGIN_SNAPSHOT))
        if disk is not None:
            for entries in tiers.index.iter_reached(PurgeRequest(everything=True), SNAPSHOT_STEP):
                now = Instant(self._clock.wall(), self._clock.mono())
                lines = [
                    (disk.file_name(entry.key, entry.disk), line_of(entry, now))
                    for entry in entries
                    if entry.disk is not None
                ]
                if lines:
                    link.send(encode(Kind.FILES, lines))
                await asyncio.sleep(0)
                await link.wait_for_room()
                if self._links.get(link.slot) is not link:
                    return
        link.send(encode(Kind.END_SNAPSHOT))
        if self._links.get(link.slot) is link:
            self._settle(link.slot)

    def on_lost(self, link: WorkerLink) -> None:
        """A worker's link is lost: it joins again, or is dead."""
        take_back_gauges(self._counts, link.gauges)
        link.gauges = {}
        if self._links.get(link.slot) is link:
            del self._links[link.slot]
            self._awaited.setdefault(link.slot, asyncio.get_running_loop().create_future())

    def on_gone(self, slot: int) -> None:
        """A worker has ended: nobody serves by its index any more."""
        link = self._links.get(slot)
        if link is not None:
            self._drop(link)
        self._settle(slot)

    def _drop(self, link: WorkerLink) -> None:
        """Cut the link of a dead worker, and await no other link of it."""
        if self._links.get(link.slot) is link:
            del self._links[link.slot]
        link.abort()

    def _settle(self, slot: int) -> None:
        awaited = self._awaited.pop(slot, None)
        if awaited is not None and not awaited.done():
            awaited.set_result(None)

    def on_counts(self, link: WorkerLink, deltas: dict[str, Any]) -> None:
        """A worker says what it counted."""
        add_deltas(self._counts, self._connection_counts, deltas)
        link.gauges = gauges_of(deltas, link.gauges)

    def on_seen(self, keys: Sequence[bytes]) -> None:
        """A worker says which objects it sent."""
        if self.seen is not None:
            self.seen(keys)

    def _broadcast(self, data: bytes) -> None:
        for link in tuple(self._links.values()):
            link.send(data)

    # -- the index ---------------------------------------------------------------------------------------------

    def on_file(self, name: str, entry: Entry) -> None:
        """See `cache.disk.index_observer.IndexObserver`."""
        if not self._links:
            return
        self._files.append((name, line_of(entry, Instant(self._clock.wall(), self._clock.mono()))))
        if not self._flushing:
            self._flushing = True
            asyncio.get_running_loop().call_soon(self._flush)

    def on_files_removed(self, names: Iterable[str]) -> None:
        """See `cache.disk.index_observer.IndexObserver`."""
        self._flush()
        if self._links:
            self._broadcast(encode(Kind.REMOVED, tuple(names)))

    def _flush(self) -> None:
        self._flushing = False
        if self._files:
            files, self._files = self._files, []
            self._broadcast(encode(Kind.FILES, files))

    # -- fences ------------------------------------------------------------------------------------------------

    def send_state(self) -> None:
        """Send what is in force now; `fence` tells when it is in force everywhere."""
        self._broadcast(encode(Kind.STATE, self._state()))

    def send_drain(self, on: bool) -> None:
        """Accept no further viewers, or accept them again."""
        self._broadcast(encode(Kind.DRAIN, on))

    async def fence(self) -> None:
        """Wait until every worker has applied everything sent so far; kill those that do not answer."""
        self._flush()
        await asyncio.gather(*[self._fence_worker(slot) for slot in self._slots()])

    def _slots(self) -> list[int]:
        """Workers that serve by an index: those with a link, and those whose link was lost."""
        return sorted(self._links.keys() | self._awaited.keys())

    async def _joined(self, slot: int) -> WorkerLink | None:
        """The link of a worker once its index follows; kills a worker that does not join. None: it is gone."""
        loop = asyncio.get_running_loop()
        began = loop.time()
        while (joined := self._awaited.get(slot)) is not None:
            left = began + (SNAPSHOT_SECONDS if slot in self._links else FENCE_SECONDS) - loop.time()
            if left <= 0:
                await self._kill(slot)
                return None
            await asyncio.wait((joined,), timeout=left)
        return self._links.get(slot)

    async def _fence_worker(self, slot: int) -> None:
        for _ in range(MAX_FENCES):
            link = await self._joined(slot)
            if link is None:
                return
            number = self._next_number()
            answer = link.ask(number, encode(Kind.FENCE, number))
            await asyncio.wait((answer,), timeout=FENCE_SECONDS)
            if not answer.done():
                break
            if answer.result():
                return
            # The link was lost, and the snapshot on the next one may be sent and not applied yet: ask there again.
        await self._kill(slot)

    async def _kill(self, slot: int) -> None:
        logger.warning("worker-silent", slot=slot)
        link = self._links.get(slot)
        await self._killer.kill(slot)
        if link is not None:
            self._drop(link)
        self._settle(slot)

    async def reload(self, parts: Sequence[str]) -> dict[str, str]:
        """Have every worker reload these parts; returns what failed anywhere, and why."""
        failed: dict[str, str] = {}
        self._reloaded.update(dict.fromkeys(parts))
        for answer in await asyncio.gather(*[self._reload_worker(slot, parts) for slot in self._slots()]):
            failed.update(answer)
        return failed

    async def _reload_worker(self, slot: int, parts: Sequence[str]) -> dict[str, str]:
        link = await self._joined(slot)
        if link is None:
            return {}
        number = self._next_number()
        answer = link.ask(number, encode(Kind.RELOAD, (number, tuple(parts))))
        await asyncio.wait((answer,), timeout=FENCE_SECONDS)
        if not answer.done() or answer.result() is None:
            await self._kill(slot)  # its successor reads the files
            return {}
        return dict(answer.result())

    async def collect_counts(self) -> None:
        """Add what the workers have counted up to now."""
        waiting = []
        for link in tuple(self._links.values()):
            number = self._next_number()
            waiting.append(link.ask(number, encode(Kind.ASK_COUNTS, number)))
        if waiting:
            await asyncio.wait(waiting, timeout=COUNTS_SECONDS)

    def _next_number(self) -> int:
        self._number += 1
        return self._number
