"""The mark on disk, in the edge's fleet directory: up to where control's job log is done here, and when control was
last heard.

The file has two slots that are written in turn, each with its checksum (xxh3), so that a write is one short fdatasync
and a torn one leaves the mark before it: an older mark only repeats purges. Where neither can be read there is no mark,
and the edge drops what it holds, which is always right.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import xxhash

from kernel.documents import BadDocument, load_json, parse_object
from kernel.errors import StorageFailed
from kernel.fleet.messages import NOTHING, Version
from system.durable_files import replace_file

NAME = "mark"
SLOT = 4_096
_HEAD = b"matinee-edge-mark 1 xxh3="


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
    """Of the slot that was read or written last; 0: the file is to be made."""

    @property
    def path(self) -> Path:
        """Where the mark is."""
        return self.folder / NAME

    def load(self) -> tuple[Checkpoint, str]:
        """The mark, and what was wrong with the file; UNKNOWN where something was."""
        self._turn = 0
        try:
            mark, self._turn = decode(self.path.read_bytes())
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
                replace_file(self.path, slot(mark, turn).ljust(2 * SLOT, b"\0"))
            else:
                file = os.open(self.path, os.O_WRONLY | os.O_CLOEXEC)
                try:
                    os.pwrite(file, slot(mark, turn), (turn - 1) % 2 * SLOT)
                    os.fdatasync(file)
                finally:
                    os.close(file)
        except OSError as error:
            raise StorageFailed(f"{self.path} cannot be written: {error.strerror}") from None
        self._turn = turn


def slot(mark: Checkpoint, turn: int) -> bytes:
    """The bytes of a slot; those written later have a greater `turn`."""
    members = {"turn": turn, "epoch": mark.version.epoch, "number": mark.version.number, "contact": mark.contact}
    body = json.dumps(members).encode()
    made = _HEAD + xxhash.xxh3_128_hexdigest(body).encode() + b"\n" + body
    if len(made) > SLOT:
        raise ValueError(f"a mark of {len(made)} bytes")
    return made.ljust(SLOT, b"\0")


def decode(data: bytes) -> tuple[Checkpoint, int]:
    """The later mark of the file's bytes, and its turn; ValueError saying what is wrong with both."""
    found, wrong = list[tuple[int, Checkpoint]](), list[str]()
    for at in (0, SLOT):
        try:
            found.append(_slot(data[at : at + SLOT]))
        except ValueError as error:
            wrong.append(str(error))
    if not found:
        raise ValueError(wrong[0])
    turn, mark = max(found)
    return mark, turn


def _slot(data: bytes) -> tuple[int, Checkpoint]:
    head, _, body = data.rstrip(b"\0").partition(b"\n")
    if head != _HEAD + xxhash.xxh3_128_hexdigest(body).encode():
        raise ValueError("its checksum is wrong")
    members = parse_object(load_json(body), "", ("turn", "epoch", "number", "contact"))
    turn, epoch, number, contact = (members.get(name) for name in ("turn", "epoch", "number", "contact"))
    if not isinstance(turn, int) or not isinstance(epoch, str) or not isinstance(number, int):
        raise BadDocument("", "has no turn, epoch and number")
    if not isinstance(contact, (int, float)):
        raise BadDocument("", "has no contact")
    return turn, Checkpoint(Version(epoch, number), float(contact))
