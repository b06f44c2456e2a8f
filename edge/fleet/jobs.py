"""Jobs of control's log, done in their order: purges by the cache's purge door, prefetches by the runner of prefetches.

A purge is answered with a receipt when every tier has dropped what it names and the mark is on disk; a crash in between
only repeats it. What comes together is purged together and shares one write of the mark. An edge that is too far behind
(the log has forgotten what it missed, or began anew) drops everything it holds.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import partial

import structlog

from cache.cache import Receipt as Purged
from edge.fleet.checkpoint_file import Checkpoint, CheckpointFile
from edge.fleet.subscribe import START_WITHIN
from edge.prefetch.background import Done, PrefetchResult
from edge.prefetch.scheduler import PrefetchRequest
from kernel.clock import Clock, Timer
from kernel.documents import load_json
from kernel.errors import StorageFailed, UpstreamFailed
from kernel.fetch_reasons import PrefetchEnd, UpstreamReason
from kernel.fleet.jobs import Purge, parse_prefetch, parse_purge
from kernel.fleet.messages import DONE, NOTHING, PREFETCH, PURGE, Job, Jobs, Receipt, Version

BATCH = 100
"""Entries done together."""
MAX_WAITING = 10_000
"""Messages of control that wait; with more the stream is cut, and control tells again from the mark on."""
CONTACT_EVERY = 10.0
"""Seconds between two notes on disk that control is there."""

log = structlog.get_logger("edge")


@dataclass(slots=True)
class JobActions:
    """What jobs do here. `prefetch` takes a URL and who is told of its end; False: it can be none of ours."""

    purge: Callable[[Purge], Awaitable[Purged]]
    prefetch: Callable[[str, Done], bool]
    offload: Callable[[Callable[[], None]], Awaitable[None]]


def _nobody(_: Receipt) -> None:
    """Control is not there yet."""


class JobRunner:
    """See the module. `begin`, then `run` as one task; `tell` takes receipts; `connected()` says whether control's
    stream stands."""

    def __init__(self, file: CheckpointFile, clock: Clock, doors: JobActions) -> None:
        self._file = file
        self._clock = clock
        self._doors = doors
        self.tell: Callable[[Receipt], object] = _nobody
        self.connected: Callable[[], bool] = lambda: False
        self.kept = Checkpoint()
        """As it is on disk, or would be if that could be written."""
        self.done = {PURGE: 0, PREFETCH: 0}
        self._queue: deque[Jobs] = deque()
        self._wake = asyncio.Event()
        self._news = asyncio.Event()
        self._goal: Version | None = None
        self._steps = 0
        self._timer: Timer | None = None

    def mark(self) -> Version:
        """Up to where jobs are done here."""
        return self.kept.version

    @property
    def catching_up(self) -> bool:
        """Whether there is left to do what control named when it was heard first since it was connected."""
        return self._goal is not None and not self._reached()

    def _reached(self) -> bool:
        goal, held = self._goal, self.kept.version
        return goal is not None and goal.epoch == held.epoch and goal.number <= held.number

    async def begin(self) -> None:
        """Read the mark."""

        def load() -> None:
            loaded.append(self._file.load())

        loaded: list[tuple[Checkpoint, str]] = []
        await self._doors.offload(load)
        self.kept, why = loaded[0]
        if why:
            log.error("the mark of jobs is lost: what is cached will be dropped or revalidated", error=why)

    async def settled(self) -> bool:
        """Wait until the jobs missed are done; False when control is not there, or is silent for START_WITHIN."""
        while not self._reached():
            steps = self._steps
            self._news.clear()
            timer = self._clock.call_later(START_WITHIN, self._news.set)
            try:
                if not self.connected():
                    return False
                await self._news.wait()
            finally:
                timer.cancel()
            if steps == self._steps and not self._reached():
                return False
        return True

    def on_connected(self) -> None:
        """Control's stream stands anew: it tells soon what there is to do."""
        self._goal = None

    def take(self, jobs: Jobs) -> None:
        """Entries of the log, from control. UpstreamFailed when too many wait already."""
        if len(self._queue) >= MAX_WAITING:
            raise UpstreamFailed(
                UpstreamReason.JOBS_BEHIND, retry=True, detail="more jobs than this edge can do wait here"
            )
        if self._goal is None or self._goal.epoch != jobs.epoch:
            self._goal = Version(jobs.epoch, jobs.head)
        self._queue.append(jobs)
        self._wake.set()

    async def run(self) -> None:
        """Do what comes, for ever."""
        self._look()
        try:
            while True:
                await self._wake.wait()
                self._wake.clear()
                while self._queue:
                    await self._next_or_later()
                    self._steps += 1
                    self._news.set()
                if self.connected() and not self.catching_up and self._contact_due():
                    await self._keep(self.kept.version)
        finally:
            if self._timer is not None:
                self._timer.cancel()

    def _look(self) -> None:
        self._timer = self._clock.call_later(CONTACT_EVERY, self._look)
        self._wake.set()

    def _contact_due(self) -> bool:
        return self._goal is not None and abs(self._clock.wall() - self.kept.contact) >= CONTACT_EVERY

    # -- doing -------------------------------------------------------------------------------------------------

    async def _next_or_later(self) -> None:
        """What fails is put back: a purge that was lost here would never be done, for the mark moves on after it."""
        waiting = tuple(self._queue)
        try:
            await self._next()
        except Exception:
            came = [jobs for jobs in self._queue if not any(jobs is one for one in waiting)]
            self._queue = deque([*waiting, *came])
            self._wake.set()
            raise

    async def _next(self) -> None:
        jobs, held = self._queue.popleft(), self.kept.version
        if jobs.epoch != held.epoch or held.number < jobs.floor:
            await self._drop(jobs)
            return
        entries = [entry for entry in jobs.entries if entry.seq > held.number]
        while self._queue and len(entries) < BATCH and self._follows(self._queue[0]):
            more = self._queue.popleft().entries
            last = entries[-1].seq if entries else held.number
            entries += [entry for entry in more if entry.seq > last]
        for at in range(0, len(entries), BATCH):
            await self._do(jobs.epoch, entries[at : at + BATCH])

    def _follows(self, jobs: Jobs) -> bool:
        return jobs.epoch == self.kept.version.epoch and jobs.floor <= self.kept.version.number

    async def _drop(self, jobs: Jobs) -> None:
        """What was purged meanwhile nobody can tell any more: everything may have been."""
        head, count, status = Version(jobs.epoch, jobs.head), 0, DONE
        if self.kept.version != NOTHING or jobs.head:
            log.warning("too far behind control's log of purges: everything cached is dropped", head=jobs.head)
            count, status = await self._purge(Purge(all=True))
        await self._keep(head)
        self.tell(Receipt(head, count, status=status))

    async def _do(self, epoch: str, entries: Sequence[Job]) -> None:
        purges = [entry for entry in entries if entry.kind == PURGE]
        ends = await asyncio.gather(*(self._purge(_read(entry.content)) for entry in purges))
        failed = await self._keep(Version(epoch, entries[-1].seq))
        for entry, (count, status) in zip(purges, ends, strict=True):
            self.done[PURGE] += 1
            self.tell(Receipt(Version(epoch, entry.seq), count, status=failed if status == DONE and failed else status))
        for entry in entries:
            if entry.kind == PREFETCH:
                self._prefetch(Version(epoch, entry.seq), entry.content)
            elif entry.kind != PURGE:
                self.tell(Receipt(Version(epoch, entry.seq), status=f"this edge knows no jobs of kind {entry.kind!r}"))

    async def _purge(self, purge: Purge) -> tuple[int, str]:
        """How many objects, and DONE or what is left."""
        try:
            purged = await self._doors.purge(purge)
        except Exception as error:
            log.exception("bug: a purge failed")
            return 0, f"failed: {error!r}"
        if purged.unrecorded_files:
            return int(purged), f"purged, but the removal of {purged.unrecorded_files} files could not be recorded"
        return int(purged), DONE

    async def _keep(self, version: Version) -> str:
        """Put the mark on disk; what went wrong. It counts even so: an older one on disk only repeats purges."""
        contact = self._clock.wall() if self.connected() else self.kept.contact
        self.kept = made = Checkpoint(version, contact)
        try:
            await self._doors.offload(partial(self._file.save, made))
        except StorageFailed as error:
            log.error("the mark of jobs cannot be kept", error=str(error))  # noqa: TRY400 (no trace is wanted)
            return f"purged, but the mark could not be kept: {error}"
        return ""

    def _prefetch(self, job: Version, content: bytes) -> None:
        """Begin it; the receipt comes when all of it has ended, which holds up no purge."""
        try:
            urls = list(parse_prefetch(load_json(content)).urls)
        except ValueError as error:
            self.tell(Receipt(job, status=f"not understood: {error}"))
            return
        ends: dict[PrefetchEnd, int] = {}
        count = came = 0
        left = len(urls)

        def ended(_: PrefetchRequest | None, brought: PrefetchResult) -> None:
            nonlocal left, count, came
            left -= 1
            count, came = count + brought.there, came + brought.bytes
            if not brought.there:
                ends[brought.how] = ends.get(brought.how, 0) + 1
            if left == 0:
                self.done[PREFETCH] += 1
                why = ", ".join(f"{number} {how}" for how, number in sorted(ends.items()))
                self.tell(Receipt(job, count, came, f"not brought: {why}" if why else DONE))

        for url in urls:
            if not self._doors.prefetch(url, ended):
                ended(None, PrefetchResult(PrefetchEnd.REFUSED))
        if not urls:
            self.tell(Receipt(job))


def _read(content: bytes) -> Purge:
    """The purge; what this release does not understand might mean anything, so everything goes."""
    try:
        return parse_purge(load_json(content))
    except ValueError as error:
        log.error("a purge is not understood: everything cached is dropped", error=str(error))  # noqa: TRY400
        return Purge(all=True)
