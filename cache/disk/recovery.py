"""Recover the disk tier at start: whatever a crash left, the result is a valid state.

The journal alone says which files are objects, so a start reads one file. The folder is swept afterwards, one shard at
a time, while viewers are served: files that the journal does not name are deleted, and entries without a file are
forgotten.
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
CLOCK_SHIFT = 20
"""If the highest file number is unknown, numbers continue at the wall-clock seconds shifted left by this many bits."""
NUMBER_GAP = 1 << 20
"""Numbers skipped at a start. They may belong to files that were written but not recorded before a kill; the sweep
deletes those."""
_NAME = re.compile("[0-9a-f]{16}-[0-9a-f]{1,16}")


@dataclass(slots=True)
class RecoveredObjects:
    """What a start recovered.

    `entries`: file name -> entry, oldest first. `number`: the highest file number. `damaged`: index lines that describe
    no valid entry. `notices`: for the operator."""

    entries: dict[str, Entry] = field(default_factory=dict)
    number: int = 0
    damaged: int = 0
    notices: list[CacheNotice] = field(default_factory=list)


def path_of(folder: Path, name: str) -> Path:
    """The path of a file by its name."""
    return folder / "objects" / name[:2] / name


def recover(folder: Path, journal: Journal, now: Instant) -> RecoveredObjects:
    """Read the journal and open it for appending. Raises OSError if the folder cannot be listed."""
    for left in (folder / "tmp").iterdir():
        remove_if_possible(left)
    with _gc_paused():
        known, found = journal.read(), RecoveredObjects()
        older = _entries(known, found, now)
    if not known.is_whole or not known.count:
        known.last_number = max(known.last_number, _unused_number(folder, now))
    known.last_number += NUMBER_GAP
    found.number = known.last_number
    if known.is_old_format:
        found.notices.append(CacheNotice.EARLIER_FORMAT)
    elif not known.is_whole:
        found.notices.append(CacheNotice.INDEX_DAMAGED)
        # The lost part may have recorded a purge, so revalidate everything before use.
        for entry in found.entries.values():
            entry.make_stale(now.mono)
            entry.clear_windows()
    return _start_journal(journal, known, older, found, now)


def _unused_number(folder: Path, now: Instant) -> int:
    """A file number above all that may have been used: by the files that exist, and by the clock for files that were
    moved away."""
    names = (name.removesuffix(HEAD) for shard in SHARDS for name in os.listdir(folder / "objects" / shard))  # noqa: PTH208 (names are enough)
    highest = max((number_of(name) for name in names if _NAME.fullmatch(name)), default=0)
    return max(highest, int(now.wall) << CLOCK_SHIFT)


def _start_journal(
    journal: Journal, known: JournalContents, older: list[str], found: RecoveredObjects, now: Instant
) -> RecoveredObjects:
    """Open the journal; rewrite it first if it was damaged or empty."""
    rewritten: dict[str, Line] | None = None
    if not known.is_whole or not known.count:
        rewritten = {name: list(entry.to_index(now).values()) for name, entry in found.entries.items()}
    with contextlib.suppress(OSError):  # the journal tries again with its first line
        journal.start(known, rewritten)
    if older:
        journal.record_removed(older)
    return found


def _entries(known: JournalContents, found: RecoveredObjects, now: Instant) -> list[str]:
    """Fill `found.entries`. Of several files of one key and alternate the newest counts; returns the names of the
    others."""
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
    """Pause the garbage collector: it would scan millions of new entries repeatedly, and none of them is garbage."""
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was:
            gc.enable()


# -- the sweep ---------------------------------------------------------------------------------------------------------


def sweep_shard(folder: Path, shard: str, kept: Container[str], last: int) -> set[str]:
    """Delete the files of a shard except those in `kept` and those with a number above `last`, written since the start.

    Returns the names of the object files that exist. Raises OSError if the shard cannot be listed."""
    with os.scandir(folder / "objects" / shard) as listing:
        names = [item.name for item in listing]
    objects = set[str]()
    for name in names:
        bare = name.removesuffix(HEAD)
        if bare[:2] != shard or not _NAME.fullmatch(bare) or (bare not in kept and number_of(bare) <= last):
            remove_if_possible(folder / "objects" / shard / name)
        elif bare == name:
            objects.add(name)
    return objects


def by_shard(names: Iterable[str]) -> dict[str, list[str]]:
    """File names grouped by their shard."""
    found: dict[str, list[str]] = {}
    for name in names:
        found.setdefault(name[:2], []).append(name)
    return found


def remove_if_possible(path: Path) -> None:
    """Delete a file that is incomplete or not ours; ignore failures (for instance a folder)."""
    with contextlib.suppress(OSError):
        path.unlink()
