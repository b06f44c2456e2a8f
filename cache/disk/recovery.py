"""What a start finds in the disk tier's folder. Whatever a crash left, there is a state to start from.

The journal alone says which files are objects, so that a start reads one file. The folder is walked afterwards, a shard
at a time, while viewers are served: files that the journal does not name are removed, and objects whose files are not
there leave the books.
"""

from __future__ import annotations

import contextlib
import gc
import os
import re
from collections.abc import Container, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from cache.disk.journal import Journal, JournalContents, Line, number_of
from cache.entry import Entry
from kernel.clock import Instant
from kernel.vocabulary import CacheNotice

HEAD = ".head"
"""Suffix of a newer head beside its object's file."""
SHARDS = tuple(f"{number:02x}" for number in range(256))
NUMBERS_A_SECOND = 20
"""Bits of the clock's seconds above which file numbers begin where nobody knows which were given out."""
NUMBER_GAP = 1 << 20
"""Numbers passed over at a start: of files that a kill kept from being named, which the walk is to remove."""
_NAME = re.compile("[0-9a-f]{16}-[0-9a-f]{1,16}")


@dataclass(slots=True)
class RecoveredObjects:
    """All that is there, oldest first, by the names of its files; the highest number of a file; lines that were of no
    entry; what there is to tell an operator."""

    entries: dict[str, Entry] = field(default_factory=dict)
    number: int = 0
    damaged: int = 0
    notices: list[CacheNotice] = field(default_factory=list)


def path_of(folder: Path, name: str) -> Path:
    """Where the file of this name is."""
    return folder / "objects" / name[:2] / name


def recover(folder: Path, journal: Journal, now: Instant) -> RecoveredObjects:
    """Read the journal and begin to append to it. OSError where the folder cannot be listed."""
    for left in (folder / "tmp").iterdir():
        remove_if_possible(left)
    with _gc_paused():
        known, found = journal.read(), RecoveredObjects()
        older = _entries(known, found, now)
    if not known.is_whole or not known.count:
        known.last_number = max(known.last_number, _number_beyond(folder, now))
    known.last_number += NUMBER_GAP
    found.number = known.last_number
    if known.is_old_format:
        found.notices.append(CacheNotice.EARLIER_FORMAT)
    elif not known.is_whole:
        found.notices.append(CacheNotice.INDEX_DAMAGED)
        for entry in found.entries.values():  # a purge may have been in what is lost
            entry.make_stale(now.mono)
            entry.clear_windows()
    return _start_journal(journal, known, older, found, now)


def _number_beyond(folder: Path, now: Instant) -> int:
    """A number beyond those of files that nobody knows of, be they there or put aside: by the clock, and by what is
    there."""
    there = (name.removesuffix(HEAD) for shard in SHARDS for name in os.listdir(folder / "objects" / shard))  # noqa: PTH208 (names are enough)
    most = max((number_of(name) for name in there if _NAME.fullmatch(name)), default=0)
    return max(most, int(now.wall) << NUMBERS_A_SECOND)


def _start_journal(
    journal: Journal, known: JournalContents, older: list[str], found: RecoveredObjects, now: Instant
) -> RecoveredObjects:
    """With a journal that says no more than what was found, or owes it."""
    anew: dict[str, Line] | None = None
    if not known.is_whole or not known.count:
        anew = {name: list(entry.to_index(now).values()) for name, entry in found.entries.items()}
    with contextlib.suppress(OSError):  # the journal tries again with the first line
        journal.start(known, anew)
    if older:
        journal.record_removed(older)
    return found


def _entries(known: JournalContents, found: RecoveredObjects, now: Instant) -> list[str]:
    """Of two files for one key and one alternate the younger counts; names of the others."""
    latest: dict[tuple[bytes, object], str] = {}
    entries, older = found.entries, list[str]()
    for number, name, line in sorted((number_of(name), name, line) for name, line in known.lines.items()):
        try:
            entry = Entry.from_line(line, now)
        except (TypeError, ValueError):
            found.damaged += 1
            older.append(name)
            continue
        entry.disk = number
        before = latest.get((entry.key, entry.vary))
        if before is not None:
            del entries[before]
            older.append(before)
        latest[entry.key, entry.vary] = name
        entries[name] = entry
    return older


@contextlib.contextmanager
def _gc_paused() -> Iterator[None]:
    """Without the collector, which would walk all that was made so far again and again: none of it is garbage."""
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was:
            gc.enable()


# -- the walk ----------------------------------------------------------------------------------------------------------


def sweep_shard(folder: Path, shard: str, kept: Container[str], last: int) -> set[str]:
    """Remove what lies in a shard and is none of the files `kept`, nor of a number above `last`, which came since; the
    names of the objects that are there. OSError where it cannot be listed."""
    with os.scandir(folder / "objects" / shard) as listing:
        there = [item.name for item in listing]
    objects = set[str]()
    for name in there:
        bare = name.removesuffix(HEAD)
        if bare[:2] != shard or not _NAME.fullmatch(bare) or (bare not in kept and number_of(bare) <= last):
            remove_if_possible(folder / "objects" / shard / name)
        elif bare == name:
            objects.add(name)
    return objects


def by_shard(names: Iterable[str]) -> dict[str, list[str]]:
    """Names of files by the shard in which they lie."""
    found: dict[str, list[str]] = {}
    for name in names:
        found.setdefault(name[:2], []).append(name)
    return found


def remove_if_possible(path: Path) -> None:
    """Away with what is not ours or not whole; what cannot be removed (a folder) is not in our way."""
    with contextlib.suppress(OSError):
        path.unlink()
