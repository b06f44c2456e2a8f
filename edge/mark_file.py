"""The mark on disk, in the edge's fleet directory: up to where control's job log is done here, and when control was
last heard.

One line names the format and the checksum (xxh3) of what follows, JSON; replaced as a whole (temp file, fsync, rename).
A mark that cannot be read is no mark: the edge drops what it holds, which is always right.
"""

from __future__ import annotations

import contextlib
import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import xxhash

from kernel.documents import BadDocument, load_json, parse_object
from kernel.errors import StorageFailed
from kernel.fleet import NOTHING, Version

NAME = "mark.json"
_HEAD = b"matinee-edge-mark 1 xxh3="


class Mark(NamedTuple):
    """`version`: all jobs up to this one are done (NOTHING: this edge never had a mark). `contact`: Unix seconds when
    control was last heard with nothing left to do; 0: not known."""

    version: Version = NOTHING
    contact: float = 0.0


UNKNOWN = Mark(Version("unknown", 0))
"""There was a mark and it is lost."""


@dataclass(slots=True)
class MarkFile:
    """The file in `folder`; one process has it at a time, and calls one method at a time."""

    folder: Path

    @property
    def path(self) -> Path:
        """Where the mark is."""
        return self.folder / NAME

    def load(self) -> tuple[Mark, str]:
        """The mark, and what was wrong with the file (empty: nothing; then the mark is UNKNOWN otherwise)."""
        try:
            return decode(self.path.read_bytes()), ""
        except FileNotFoundError:
            return Mark(), ""
        except OSError as error:
            return UNKNOWN, f"{self.path} cannot be read: {error.strerror}"
        except ValueError as error:
            return UNKNOWN, f"{self.path} is damaged: {error}"

    def save(self, mark: Mark) -> None:
        """When this returns, the mark outlives a loss of power. Raises StorageFailed."""
        temporary = self.path.with_name(NAME + ".part")
        try:
            self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
            with os.fdopen(descriptor, "wb") as file:
                file.write(encode(mark))
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(self.path)
            folder = os.open(self.folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)
        except OSError as error:
            with contextlib.suppress(OSError):
                temporary.unlink()
            raise StorageFailed(f"{self.path} cannot be written: {error.strerror}") from None


def encode(mark: Mark) -> bytes:
    """The file's bytes."""
    members = {"epoch": mark.version.epoch, "number": mark.version.number, "contact": mark.contact}
    body = json.dumps(members).encode()
    return _HEAD + xxhash.xxh3_128_hexdigest(body).encode() + b"\n" + body


def decode(data: bytes) -> Mark:
    """The mark of the file's bytes; ValueError saying what is wrong with them."""
    head, _, body = data.partition(b"\n")
    if head != _HEAD + xxhash.xxh3_128_hexdigest(body).encode():
        raise ValueError("its checksum is wrong")
    members = parse_object(load_json(body), "", ("epoch", "number", "contact"))
    epoch, number, contact = members.get("epoch"), members.get("number"), members.get("contact")
    if not isinstance(epoch, str) or not isinstance(number, int) or not isinstance(contact, (int, float)):
        raise BadDocument("", "has no epoch, number and contact")
    return Mark(Version(epoch, number), float(contact))
