"""The job log as one replica of control holds it, and what of it an edge is told next. Pure.

Entries have numbers without gaps. The latest are kept; an edge that is further behind drops everything it holds.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from kernel.documents import load_json
from kernel.fleet.jobs import content_of, merged, parse_purge
from kernel.fleet.messages import PURGE, Job, Jobs, Version

ENTRIES_KEPT = 10_000
BYTES_KEPT = 64 << 20
AT_ONCE = 100
"""Entries in one message, ..."""
BYTES_AT_ONCE = 1 << 20
"""... and bytes of them, unless one alone is longer."""


class Entry(NamedTuple):
    """A job and when it was asked for (Unix seconds). `refers`: jobs that this one repeats on the edges, because a
    shield was late with them."""

    job: Job
    at: float
    refers: tuple[int, ...] = ()

    @property
    def waits(self) -> bool:
        """Whether edges are told of it only after the shields have done it."""
        return self.job.kind == PURGE and not self.refers


class JobLog:
    """`floor`: entries up to it are forgotten; `head`: the latest."""

    def __init__(self) -> None:
        self.epoch = ""
        self.floor = self.head = 0
        self._entries: dict[int, Entry] = {}
        self._bytes = 0

    def begin(self, epoch: str, floor: int) -> None:
        """Begin anew after `floor`: the log as it was counts no more."""
        self.epoch, self.floor, self.head = epoch, floor, floor
        self._entries, self._bytes = {}, 0

    def add_entries(self, entries: Iterable[Entry]) -> list[Entry]:
        """Add those that come next; what is here already, or would leave a gap, is passed over. Those added."""
        added = []
        for entry in entries:
            if entry.job.seq == self.head + 1:
                self._entries[entry.job.seq] = entry
                self._bytes += len(entry.job.content)
                self.head += 1
                added.append(entry)
        while len(self._entries) > ENTRIES_KEPT or (self._bytes > BYTES_KEPT and len(self._entries) > 1):
            self.floor += 1
            self._bytes -= len(self._entries.pop(self.floor).job.content)
        return added

    def get(self, seq: int) -> Entry | None:
        """An entry that is still here."""
        return self._entries.get(seq)

    def after(self, seq: int, upto: int) -> Sequence[Entry]:
        """The entries after `seq`, not after `upto`, as many as go into one message."""
        found, size = list[Entry](), 0
        for number in range(max(seq, self.floor) + 1, min(upto, self.head, seq + AT_ONCE) + 1):
            entry = self._entries[number]
            size += len(entry.job.content)
            if found and size > BYTES_AT_ONCE:
                break
            found.append(entry)
        return found

    def first(self, mark: Version, limit: int) -> Jobs:
        """What an edge is told first: its head, and what it lacks up to `limit`.

        One that cannot know what it missed (another epoch, too far behind, ahead of us) is told a floor above its mark.
        """
        if mark.epoch != self.epoch or not self.floor <= mark.number <= self.head:
            return Jobs(self.epoch, max(self.floor, mark.number + 1), limit)
        return self._message(mark.number, max(limit, mark.number))

    def next(self, told: int, limit: int) -> Jobs | None:
        """What an edge is told that was told up to `told`; None when that is all."""
        if told >= limit:
            return None
        return Jobs(self.epoch, self.floor, limit) if told < self.floor else self._message(told, limit)

    def _message(self, told: int, limit: int) -> Jobs:
        return Jobs(self.epoch, self.floor, limit, tuple(entry.job for entry in self.after(told, limit)))


def told_by(jobs: Jobs, before: int) -> int:
    """Up to where an edge is told that was told up to `before`, and now this."""
    if jobs.entries:
        return jobs.entries[-1].seq
    return jobs.head if before < jobs.floor else before


def repeated(entries: Iterable[Entry], most: int) -> list[bytes]:
    """The contents of as few purges as reach what these do, each with at most `most` names."""
    return [content_of(one) for one in merged((parse_purge(load_json(entry.job.content)) for entry in entries), most)]
