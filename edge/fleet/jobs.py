"""Runs the jobs of control's log in order, and keeps on disk up to which job this edge is done.

A purge gets its receipt once every tier has dropped what it names and the checkpoint is on disk; a crash in between
only repeats it. Purges that arrive together run together and share one write of the checkpoint. An edge too far
behind (the log has forgotten what it missed, or has started over) drops everything it holds.

The checkpoint file has two slots, written alternately, each with its checksum (xxh3): a write is one short fdatasync,
and a torn write leaves the previous checkpoint, which only repeats purges. If neither slot can be read there is no
checkpoint, and the edge drops what it holds, which is always correct.
Over 300 lines because a checkpoint means nothing without the runner that writes it.
"""

from __future__ import annotations

import asyncio
import json
import os
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import NamedTuple

import structlog
import xxhash

from cache.cache import Receipt as Purged
from edge.fleet.subscribe import START_WITHIN
from edge.prefetch.background import Done, PrefetchResult
from edge.prefetch.scheduler import PrefetchRequest
from kernel.clock import Clock, Timer
from kernel.documents import BadDocument, load_json, parse_object
from kernel.errors import StorageFailed, UpstreamFailed
from kernel.fetch_reasons import PrefetchEnd, UpstreamReason
from kernel.fleet.jobs import Purge, parse_prefetch, parse_purge
from kernel.fleet.messages import DONE, NOTHING, PREFETCH, PURGE, Job, Jobs, Receipt, Version
from system.durable_files import replace_file

CHECKPOINT_NAME = "mark"
SLOT_BYTES = 4_096
_SLOT_HEAD = b"matinee-edge-mark 1 xxh3="


class Checkpoint(NamedTuple):
    """`version`: all jobs up to this one are done (NOTHING: this edge never had a mark). `contact`: Unix seconds when
    control was last heard with nothing left to do; 0: not known."""

    version: Version = NOTHING
    contact: float = 0.0


UNKNOWN = Checkpoint(Version("unknown", 0))
"""There was a mark and it is lost."""


@dataclass(slots=True)
class CheckpointFile:
    """The file in `folder`; one process has it at a time, and calls one method at a time."""

    folder: Path
    _turn: int = 0
    """Of the encode_slot that was read or written last; 0: the file is to be made."""

    @property
    def path(self) -> Path:
        """Where the mark is."""
        return self.folder / CHECKPOINT_NAME

    def load(self) -> tuple[Checkpoint, str]:
        """The mark, and what was wrong with the file; UNKNOWN where something was."""
        self._turn = 0
        try:
            mark, self._turn = decode_checkpoint(self.path.read_bytes())
        except FileNotFoundError:
            return Checkpoint(), ""
        except OSError as error:
            return UNKNOWN, f"{self.path} cannot be read: {error.strerror}"
        except ValueError as error:
            return UNKNOWN, f"{self.path} is damaged: {error}"
        return mark, ""

    def save(self, mark: Checkpoint) -> None:
        """When this returns, the mark outlives a loss of power. Raises StorageFailed."""
        turn, self._turn = self._turn + 1, 0
        try:
            if turn == 1:
                self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
                replace_file(self.path, encode_slot(mark, turn).ljust(2 * SLOT_BYTES, b"\0"))
            else:
                file = os.open(self.path, os.O_WRONLY | os.O_CLOEXEC)
                try:
                    os.pwrite(file, encode_slot(mark, turn), (turn - 1) % 2 * SLOT_BYTES)
                    os.fdatasync(file)
                finally:
                    os.close(file)
        except OSError as error:
            raise StorageFailed(f"{self.path} cannot be written: {error.strerror}") from None
        self._turn = turn


def encode_slot(mark: Checkpoint, turn: int) -> bytes:
    """The bytes of a encode_slot; those written later have a greater `turn`."""
    members = {"turn": turn, "epoch": mark.version.epoch, "number": mark.version.number, "contact": mark.contact}
    body = json.dumps(members).encode()
    made = _SLOT_HEAD + xxhash.xxh3_128_hexdigest(body).encode() + b"\n" + body
    if len(made) > SLOT_BYTES:
        raise ValueError(f"a mark of {len(made)} bytes")
    return made.ljust(SLOT_BYTES, b"\0")


def decode_checkpoint(data: bytes) -> tuple[Checkpoint, int]:
    """The later mark of the file's bytes, and its turn; ValueError saying what is wrong with both."""
    found, wrong = list[tuple[int, Checkpoint]](), list[str]()
    for at in (0, SLOT_BYTES):
        try:
            found.append(_decode_slot(data[at : at + SLOT_BYTES]))
        except ValueError as error:
            wrong.append(str(error))
    if not found:
        raise ValueError(wrong[0])
    turn, mark = max(found)
    return mark, turn


def _decode_slot(data: bytes) -> tuple[int, Checkpoint]:
    head, _, body = data.rstrip(b"\0").partition(b"\n")
    if head != _SLOT_HEAD + xxhash.xxh3_128_hexdigest(body).encode():
        raise ValueError("its checksum is wrong")
    members = parse_object(load_json(body), "", ("turn", "epoch", "number", "contact"))
    turn, epoch, number, contact = (members.get(name) for name in ("turn", "epoch", "number", "contact"))
    if not isinstance(turn, int) or not isinstance(epoch, str) or not isinstance(number, int):
        raise BadDocument("", "has no turn, epoch and number")
    if not isinstance(contact, (int, float)):
        raise BadDocument("", "has no contact")
    return turn, Checkpoint(Version(epoch, number), float(contact))


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
