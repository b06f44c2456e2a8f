"""What a start finds in the disk tier's folder. Whatever a crash left, there is a state to start from.

The journal says what most files are; a file that it does not know is asked itself. Files that are not ours, not whole
or marked dead are removed, and of two files for one key and one alternate the older one.
"""

from __future__ import annotations

import contextlib
import os
import re
from dataclasses import dataclass, field
from pathlib import Path

from cache.disk_file import Damaged, read_head
from cache.entry import Entry
from cache.journal import Journal, Line
from kernel.clock import Instant

HEAD = ".head"
"""Suffix of a newer head beside its object's file."""
STALE, DEAD = 0, 1
"""Dates of files (seconds since 1970) that were purged softly, or were to be removed and could not be."""
_NAME = re.compile("[0-9a-f]{16}-[0-9a-f]{1,16}")


@dataclass(slots=True)
class Found:
    """All that is there, oldest first; the highest number of a file; files that were damaged; those without a line."""

    entries: list[Entry] = field(default_factory=list)
    number: int = 0
    damaged: int = 0
    unknown: list[str] = field(default_factory=list)


def path_of(folder: Path, name: str) -> Path:
    """Where the file of this name is."""
    return folder / "objects" / name[:2] / name


def number_of(name: str) -> int:
    """The number in a file's name."""
    return int(name.rpartition("-")[2], 16)


def recover(folder: Path, journal: Journal, now: Instant) -> Found:
    """Clean the folder and read what is in it. OSError where it cannot be listed."""
    for left in (folder / "tmp").iterdir():
        _remove(left)
    lines, found = journal.read(), Found()
    found.number = max(map(number_of, lines), default=0)  # names are not used again, not those of removed files either
    latest: dict[tuple[bytes, object], Entry] = {}
    names: set[str] = set()
    for number in range(256):
        for name in _names(folder, f"{number:02x}"):
            entry = _entry(folder, name, lines, found, now)
            if entry is None:
                _remove_object(folder, name)
                continue
            known = latest.get((entry.key, entry.vary))
            if known is None or (known.disk or 0) < (entry.disk or 0):
                latest[entry.key, entry.vary] = entry
                names.add(name)
                name = "" if known is None else f"{name.partition('-')[0]}-{known.disk:x}"
            if name:
                names.discard(name)
                _remove_object(folder, name)
    journal.start(names)
    found.entries = sorted(latest.values(), key=lambda entry: entry.disk or 0)
    unknown = {number_of(name): name for name in found.unknown}
    for entry in found.entries:
        if entry.disk in unknown:
            journal.add(unknown[entry.disk], entry.to_index(now))
    return found


def _entry(folder: Path, name: str, lines: dict[str, Line], found: Found, now: Instant) -> Entry | None:
    """What the file is, by its line or by its head; None when it has to go."""
    found.number = max(found.number, number_of(name))
    try:
        if name in lines:
            line = lines[name]
            if line is None:
                return None
            entry = Entry.from_disk(line, now)
        else:
            path, newer = path_of(folder, name), path_of(folder, name + HEAD)
            date = path.stat().st_mtime
            if date == DEAD:
                return None
            if newer.exists():
                path, date = newer, newer.stat().st_mtime
            entry = Entry.from_disk(read_head(path)[0], now)
            found.unknown.append(name)
            if date == STALE:  # nobody knows when: no window of staleness is left
                entry.make_stale(now.mono)
                entry.no_windows()
    except (Damaged, OSError, KeyError, TypeError, ValueError):
        found.damaged += 1
        return None
    entry.disk = number_of(name)
    return entry


def _names(folder: Path, shard: str) -> list[str]:
    """Names of objects in a shard; what else lies there is removed."""
    with os.scandir(folder / "objects" / shard) as listing:
        there = [item.name for item in listing]
    objects = {name for name in there if name.startswith(shard) and _NAME.fullmatch(name)}
    for name in there:
        if name not in objects and name.removesuffix(HEAD) not in objects:
            _remove(folder / "objects" / shard / name)
    return sorted(objects)


def _remove_object(folder: Path, name: str) -> None:
    _remove(path_of(folder, name))
    _remove(path_of(folder, name + HEAD))


def _remove(path: Path) -> None:
    """Away with what is not ours or not whole; what cannot be removed (a folder) is not in our way."""
    with contextlib.suppress(OSError):
        path.unlink()
