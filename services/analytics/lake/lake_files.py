"""The names of the lake's files, which say what is in them. Pure.

    day=2026-11-30/hour=19/kind=cmcd/log-5f3a-000000000012c000-0000000000133f10.parquet

Day and hour are when the platform received the events, in UTC; then comes what they were read from, and the range of
positions there. The same range always gives the same name, so that work that is done again after a crash replaces what
it had written. Where files of one source are merged, the new name spans theirs, and readers ignore what it spans: so
the put of one file is the whole change, and the small files may go at any time after it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import NamedTuple

VIEWS = "views"
"""The kind of the files that hold view rows."""

_KEY = re.compile(
    r"day=(\d{4}-\d\d-\d\d)/hour=(\d\d)/kind=([a-z]{1,20})/([a-z0-9.-]{1,120})-([0-9a-f]{16})-([0-9a-f]{16})\.parquet"
)


class Partition(NamedTuple):
    """What a file holds: events of one kind that came in within one hour."""

    day: str
    hour: int
    kind: str

    @property
    def prefix(self) -> str:
        """The folder of the partition's files."""
        return f"day={self.day}/hour={self.hour:02}/kind={self.kind}/"


class LakeFile(NamedTuple):
    """A file: its partition, the source, and the positions there from `start` up to, and without, `end`."""

    partition: Partition
    source: str
    start: int
    end: int

    @property
    def key(self) -> str:
        """Its name in the lake."""
        return f"{self.partition.prefix}{self.source}-{self.start:016x}-{self.end:016x}.parquet"


def partition_at(moment: float, kind: str) -> Partition:
    """The partition of what came in at a moment, in Unix seconds."""
    at = datetime.fromtimestamp(moment, UTC)
    return Partition(at.date().isoformat(), at.hour, kind)


def parse_key(key: str) -> LakeFile | None:
    """The file of this name; None for a name of another form."""
    match = _KEY.fullmatch(key)
    if match is None:
        return None
    return LakeFile(Partition(match[1], int(match[2]), match[3]), match[4], int(match[5], 16), int(match[6], 16))


def end_of(partition: Partition) -> float:
    """When the partition's hour is over, in Unix seconds."""
    return datetime.fromisoformat(f"{partition.day}T{partition.hour:02}:00:00+00:00").timestamp() + 3600


def visible_files(files: Iterable[LakeFile]) -> list[LakeFile]:
    """The files that count: without those whose range another file of the partition and source spans."""
    shown: list[LakeFile] = []
    # Of equal starts the longest comes first, so what a file spans follows it.
    for file in sorted(files, key=lambda one: (one.partition, one.source, one.start, -one.end)):
        last = shown[-1] if shown else None
        if last is not None and last[:2] == file[:2] and file.end <= last.end:
            continue
        shown.append(file)
    return shown


def files_between(files: Iterable[LakeFile], kind: str, since: float, until: float) -> list[LakeFile]:
    """The visible files of a kind whose hours touch a range of Unix seconds."""
    chosen = [one for one in files if one.partition.kind == kind]
    return [
        one for one in visible_files(chosen) if end_of(one.partition) > since and end_of(one.partition) - 3600 < until
    ]
