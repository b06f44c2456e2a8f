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
from edge.fleet.subscribe import START_TIMEOUT
from edge.prefetch.background import OnPrefetched, PrefetchResult
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
    """`version`: all jobs up to this one are done (NOTHING: this edge never had a checkpoint). `contact`: Unix seconds
    of the last contact with control when no job was left to do; 0 if unknown.
    """

    version: Version = NOTHING
    contact: float = 0.0


LOST_CHECKPOINT = Checkpoint(Version("unknown", 0))
"""There was a checkpoint and it is lost."""


@dataclass(slots=True)
class CheckpointFile:
    """The file in `folder`. One process has it at a time and calls one method at a time."""

    folder: Path
    _turn: int = 0
    """Number of the slot read or written last; 0: the file must be created."""

    @property
    def path(self) -> Path:
        """Path of the checkpoint file."""
        return self.folder / CHECKPOINT_NAME

    def load(self) -> tuple[Checkpoint, str]:
        """The checkpoint, and what is wrong with the file; LOST_CHECKPOINT if anything is."""
        self._turn = 0
        try:
            checkpoint, self._turn = decode_checkpoint(self.path.read_bytes())
        except FileNotFoundError:
            return Checkpoint(), ""
        except OSError as error:
            return LOST_CHECKPOINT, f"{self.path} cannot be read: {error.strerror}"
        except ValueError as error:
            return LOST_CHECKPOINT, f"{self.path} is damaged: {error}"
        return checkpoint, ""

    def save(self, checkpoint: Checkpoint) -> None:
        """Write the checkpoint durably. Raises StorageFailed."""
        turn, self._turn = self._turn + 1, 0
        try:
            if turn == 1:
                self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
                replace_file(self.path, encode_slot(checkpoint, turn).ljust(2 * SLOT_BYTES, b"\0"))
            else:
                file = os.open(self.path, os.O_WRONLY | os.O_CLOEXEC)
                try:
                    os.pwrite(file, encode_slot(checkpoint, turn), (turn - 1) % 2 * SLOT_BYTES)
                    os.fdatasync(file)
                finally:
                    os.close(file)
        except OSError as error:
            raise StorageFailed(f"{self.path} cannot be written: {error.strerror}") from None
        self._turn = turn


def encode_slot(checkpoint: Checkpoint, turn: int) -> bytes:
    """The bytes of a slot; a later write has a greater `turn`."""
    members = {
        "turn": turn,
        "epoch": checkpoint.version.epoch,
        "number": checkpoint.version.number,
        "contact": checkpoint.contact,
    }
    body = json.dumps(members).encode()
    made = _SLOT_HEAD + xxhash.xxh3_128_hexdigest(body).encode() + b"\n" + body
    if len(made) > SLOT_BYTES:
        raise ValueError(f"a checkpoint of {len(made)} bytes")
    return made.ljust(SLOT_BYTES, b"\0")


def decode_checkpoint(data: bytes) -> tuple[Checkpoint, int]:
    """The later checkpoint in the file, and its turn. Raises ValueError saying what is wrong with both slots."""
    found, wrong = list[tuple[int, Checkpoint]](), list[str]()
    for at in (0, SLOT_BYTES):
        try:
            found.append(_decode_slot(data[at : at + SLOT_BYTES]))
        except ValueError as error:
            wrong.append(str(error))
    if not found:
        raise ValueError(wrong[0])
    turn, checkpoint = max(found)
    return checkpoint, turn


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
"""Entries run together."""
MAX_WAITING = 10_000
"""Messages from control that may wait. Beyond that the stream is cut, and control sends again from the checkpoint on.
"""
CONTACT_SECONDS = 10.0
"""Seconds between two checkpoints that record a contact with control."""

log = structlog.get_logger("edge")


@dataclass(slots=True)
class JobActions:
    """How jobs are carried out. `prefetch` takes a URL and a callback for its end; False: this edge cannot hold it."""

    purge: Callable[[Purge], Awaitable[Purged]]
    prefetch: Callable[[str, OnPrefetched], bool]
    offload: Callable[[Callable[[], None]], Awaitable[None]]


def _discard(_: Receipt) -> None:
    """Before control is connected, receipts go nowhere."""


class JobRunner:
    """Runs control's jobs. Call `load_checkpoint`, then `run` as one task.

    `send_receipt` is called with each receipt; `is_connected` says whether control's stream is connected.
    """

    def __init__(self, file: CheckpointFile, clock: Clock, actions: JobActions) -> None:
        self._file = file
        self._clock = clock
        self._actions = actions
        self.send_receipt: Callable[[Receipt], object] = _discard
        self.is_connected: Callable[[], bool] = lambda: False
        self.checkpoint = Checkpoint()
        """As on disk, or as it would be if the disk could be written."""
        self.completed = {PURGE: 0, PREFETCH: 0}
        self._queue: deque[Jobs] = deque()
        self._wake = asyncio.Event()
        self._progress = asyncio.Event()
        self._target: Version | None = None
        self._steps = 0
        self._timer: Timer | None = None

    def version(self) -> Version:
        """The version up to which all jobs are done here."""
        return self.checkpoint.version

    @property
    def is_catching_up(self) -> bool:
        """Whether jobs are left of those that control named first after it connected."""
        return self._target is not None and not self._reached()

    def _reached(self) -> bool:
        goal, held = self._target, self.checkpoint.version
        return goal is not None and goal.epoch == held.epoch and goal.number <= held.number

    async def load_checkpoint(self) -> None:
        """Read the checkpoint from disk."""

        def load() -> None:
            loaded.append(self._file.load())

        loaded: list[tuple[Checkpoint, str]] = []
        await self._actions.offload(load)
        self.checkpoint, why = loaded[0]
        if why:
            log.error("checkpoint-lost", error=why)

    async def wait_until_caught_up(self) -> bool:
        """Wait until the missed jobs are done; False if control is not connected or is silent for START_TIMEOUT."""
        while not self._reached():
            steps = self._steps
            self._progress.clear()
            timer = self._clock.call_later(START_TIMEOUT, self._progress.set)
            try:
                if not self.is_connected():
                    return False
                await self._progress.wait()
            finally:
                timer.cancel()
            if steps == self._steps and not self._reached():
                return False
        return True

    def on_connected(self) -> None:
        """Control's stream is connected: its first message will name the latest job."""
        self._target = None

    def enqueue(self, jobs: Jobs) -> None:
        """Queue entries of the job log. Raises UpstreamFailed if too many wait already."""
        if len(self._queue) >= MAX_WAITING:
            raise UpstreamFailed(UpstreamReason.JOBS_BEHIND, retry=True, detail="too many jobs wait on this edge")
        if self._target is None or self._target.epoch != jobs.epoch:
            self._target = Version(jobs.epoch, jobs.head)
        self._queue.append(jobs)
        self._wake.set()

    async def run(self) -> None:
        """Run jobs until cancelled."""
        self._schedule_contact()
        try:
            while True:
                await self._wake.wait()
                self._wake.clear()
                while self._queue:
                    await self._run_next_or_requeue()
                    self._steps += 1
                    self._progress.set()
                if self.is_connected() and not self.is_catching_up and self._contact_due():
                    await self._save_checkpoint(self.checkpoint.version)
        finally:
            if self._timer is not None:
                self._timer.cancel()

    def _schedule_contact(self) -> None:
        self._timer = self._clock.call_later(CONTACT_SECONDS, self._schedule_contact)
        self._wake.set()

    def _contact_due(self) -> bool:
        return self._target is not None and abs(self._clock.wall() - self.checkpoint.contact) >= CONTACT_SECONDS

    # -- running jobs ------------------------------------------------------------------------------------------

    async def _run_next_or_requeue(self) -> None:
        """Requeue what fails: the checkpoint would move past a lost purge, and nobody would run it again."""
        waiting = tuple(self._queue)
        try:
            await self._run_next()
        except Exception:
            came = [jobs for jobs in self._queue if not any(jobs is one for one in waiting)]
            self._queue = deque([*waiting, *came])
            self._wake.set()
            raise

    async def _run_next(self) -> None:
        jobs, held = self._queue.popleft(), self.checkpoint.version
        if jobs.epoch != held.epoch or held.number < jobs.floor:
            await self._drop_everything(jobs)
            return
        entries = [entry for entry in jobs.entries if entry.seq > held.number]
        while self._queue and len(entries) < BATCH and self._follows(self._queue[0]):
            more = self._queue.popleft().entries
            last = entries[-1].seq if entries else held.number
            entries += [entry for entry in more if entry.seq > last]
        for at in range(0, len(entries), BATCH):
            await self._run_batch(jobs.epoch, entries[at : at + BATCH])

    def _follows(self, jobs: Jobs) -> bool:
        return jobs.epoch == self.checkpoint.version.epoch and jobs.floor <= self.checkpoint.version.number

    async def _drop_everything(self, jobs: Jobs) -> None:
        """The log has forgotten what was purged since the checkpoint: any object may have been."""
        head, count, status = Version(jobs.epoch, jobs.head), 0, DONE
        if self.checkpoint.version != NOTHING or jobs.head:
            log.warning("purge-log-gap", action="drop everything cached", head=jobs.head)
            count, status = await self._purge(Purge(all=True))
        await self._save_checkpoint(head)
        self.send_receipt(Receipt(head, count, status=status))

    async def _run_batch(self, epoch: str, entries: Sequence[Job]) -> None:
        purges = [entry for entry in entries if entry.kind == PURGE]
        ends = await asyncio.gather(*(self._purge(_parse_purge(entry.content)) for entry in purges))
        failed = await self._save_checkpoint(Version(epoch, entries[-1].seq))
        for entry, (count, status) in zip(purges, ends, strict=True):
            self.completed[PURGE] += 1
            self.send_receipt(
                Receipt(Version(epoch, entry.seq), count, status=failed if status == DONE and failed else status)
            )
        for entry in entries:
            if entry.kind == PREFETCH:
                self._prefetch(Version(epoch, entry.seq), entry.content)
            elif entry.kind != PURGE:
                self.send_receipt(
                    Receipt(Version(epoch, entry.seq), status=f"this edge cannot run jobs of kind {entry.kind!r}")
                )

    async def _purge(self, purge: Purge) -> tuple[int, str]:
        """The number of objects purged, and DONE or what is left to do."""
        try:
            purged = await self._actions.purge(purge)
        except Exception as error:
            log.exception("purge-failed")
            return 0, f"failed: {error!r}"
        if purged.unrecorded_files:
            return int(purged), f"purged, but the removal of {purged.unrecorded_files} files could not be recorded"
        return int(purged), DONE

    async def _save_checkpoint(self, version: Version) -> str:
        """Write the checkpoint; an error's text, or "". It counts even if unwritten: an older one on disk only repeats
        purges.
        """
        contact = self._clock.wall() if self.is_connected() else self.checkpoint.contact
        self.checkpoint = made = Checkpoint(version, contact)
        try:
            await self._actions.offload(partial(self._file.save, made))
        except StorageFailed as error:
            log.error("checkpoint-not-stored", error=str(error))  # noqa: TRY400 (no trace is wanted)
            return f"purged, but the checkpoint could not be stored: {error}"
        return ""

    def _prefetch(self, job: Version, content: bytes) -> None:
        """Start the prefetches; the receipt follows when the last has ended. They delay no purge."""
        try:
            urls = list(parse_prefetch(load_json(content)).urls)
        except ValueError as error:
            self.send_receipt(Receipt(job, status=f"not understood: {error}"))
            return
        ends: dict[PrefetchEnd, int] = {}
        count = size = 0
        left = len(urls)

        def ended(_: PrefetchRequest | None, result: PrefetchResult) -> None:
            nonlocal left, count, size
            left -= 1
            count, size = count + result.is_cached, size + result.bytes
            if not result.is_cached:
                ends[result.end] = ends.get(result.end, 0) + 1
            if left == 0:
                self.completed[PREFETCH] += 1
                why = ", ".join(f"{number} {how}" for how, number in sorted(ends.items()))
                self.send_receipt(Receipt(job, count, size, f"not prefetched: {why}" if why else DONE))

        for url in urls:
            if not self._actions.prefetch(url, ended):
                ended(None, PrefetchResult(PrefetchEnd.REFUSED))
        if not urls:
            self.send_receipt(Receipt(job))


def _parse_purge(content: bytes) -> Purge:
    """The purge. One that this release cannot parse may mean anything, so it purges everything."""
    try:
        return parse_purge(load_json(content))
    except ValueError as error:
        log.error("purge-not-understood", action="drop everything cached", error=str(error))  # noqa: TRY400
        return Purge(all=True)
