"""The job log as one replica holds it, and which part of it an edge is sent next. Pure.

Entries are numbered without gaps. Only the latest are kept; an edge further behind drops its whole cache.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from kernel.documents import load_json
from kernel.fleet.jobs import content_of, merged, parse_purge
from kernel.fleet.messages import PURGE, Job, Jobs, Version

MAX_ENTRIES = 10_000
MAX_BYTES = 64 << 20
MAX_ENTRIES_PER_MESSAGE = 100
"""Entries in one message, ..."""
MAX_BYTES_PER_MESSAGE = 1 << 20
"""... and bytes of them, unless one alone is longer."""


class LogEntry(NamedTuple):
    """A job and when it was requested (Unix seconds).

    `refers`: the jobs that this one repeats on the edges because a shield was late with them.
    """

    job: Job
    at: float
    refers: tuple[int, ...] = ()

    @property
    def waits_for_shields(self) -> bool:
        """Whether edges get it only after the shields have done it."""
        return self.job.kind == PURGE and not self.refers


class JobLog:
    """`floor`: entries up to it are forgotten; `head`: the latest."""

    def __init__(self) -> None:
        self.epoch = ""
        self.floor = self.head = 0
        self._entries: dict[int, LogEntry] = {}
        self._bytes = 0

    def restart(self, epoch: str, floor: int) -> None:
        """Start an empty log after `floor`."""
        self.epoch, self.floor, self.head = epoch, floor, floor
        self._entries, self._bytes = {}, 0

    def add_entries(self, entries: Iterable[LogEntry]) -> list[LogEntry]:
        """Add the entries that follow the head and return them; skip known ones and those that would leave a gap."""
        added = []
        for entry in entries:
            if entry.job.seq == self.head + 1:
                self._entries[entry.job.seq] = entry
                self._bytes += len(entry.job.content)
                self.head += 1
                added.append(entry)
        while len(self._entries) > MAX_ENTRIES or (self._bytes > MAX_BYTES and len(self._entries) > 1):
            self.floor += 1
            self._bytes -= len(self._entries.pop(self.floor).job.content)
        return added

    def get(self, seq: int) -> LogEntry | None:
        """An entry that is still here."""
        return self._entries.get(seq)

    def entries_after(self, seq: int, upto: int) -> Sequence[LogEntry]:
        """The entries after `seq`, not after `upto`, as many as go into one message."""
        found, size = list[LogEntry](), 0
        for number in range(max(seq, self.floor) + 1, min(upto, self.head, seq + MAX_ENTRIES_PER_MESSAGE) + 1):
            entry = self._entries[number]
            size += len(entry.job.content)
            if found and size > MAX_BYTES_PER_MESSAGE:
                break
            found.append(entry)
        return found

    def first_message(self, mark: Version, limit: int) -> Jobs:
        """The first message to an edge: the head, and what it lacks up to `limit`.

        An edge that cannot know what it missed (another epoch, too far behind, ahead of control) gets a floor above its
        mark, on which it drops its whole cache.
        """
        if mark.epoch != self.epoch or not self.floor <= mark.number <= self.head:
            return Jobs(self.epoch, max(self.floor, mark.number + 1), limit)
        return self._message(mark.number, max(limit, mark.number))

    def next_message(self, told: int, limit: int) -> Jobs | None:
        """The next message to an edge that was sent everything up to `told`; None when nothing is left."""
        if told >= limit:
            return None
        return Jobs(self.epoch, self.floor, limit) if told < self.floor else self._message(told, limit)

    def _message(self, told: int, limit: int) -> Jobs:
        return Jobs(self.epoch, self.floor, limit, tuple(entry.job for entry in self.entries_after(told, limit)))


def last_sent(jobs: Jobs, before: int) -> int:
    """The last job sent to an edge once `jobs` follow everything up to `before`."""
    if jobs.entries:
        return jobs.entries[-1].seq
    return jobs.head if before < jobs.floor else before


def merged_contents(entries: Iterable[LogEntry], most: int) -> list[bytes]:
    """The contents of the fewest purges that cover these entries, each with at most `most` names."""
    return [content_of(one) for one in merged((parse_purge(load_json(entry.job.content)) for entry in entries), most)]
