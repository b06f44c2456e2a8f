"""The last good state on disk, in the edge's fleet directory: an edge starts from it while control is away.

`state.json` has one line that names the format, the length and the checksum (xxh3) of what follows, then JSON: the
rules as RULES.json has them, the JWKS, the versions. It is replaced as a whole (temp file, fsync, rename); a damaged
file is never served: it is set aside under a name of its own.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import xxhash

from edge.apply import State, key_set
from edge.rules import Rules
from kernel.documents import BadDocument, load_json, parse_object
from kernel.errors import StorageFailed
from kernel.fleet import KEYS, TYPES, Version

NAME = "state.json"
DAMAGED_KEPT = 5
"""Damaged files set aside; beyond that many the newest name is used again."""

_HEAD = re.compile(rb"matinee-edge-state 1 xxh3=([0-9a-f]{32}) bytes=(\d{1,12})\n")
_HEAD_LONGEST = 100
_MEMBERS = ("versions", "rules", "jwks")


class Damaged(Exception):
    """The file is not what was written: says why, and where it was set aside (None: it could not be)."""

    def __init__(self, why: str, kept_as: Path | None) -> None:
        super().__init__(f"the last good state is damaged ({why}); kept as {kept_as or 'it was'}")
        self.why = why
        self.kept_as = kept_as


@dataclass(frozen=True, slots=True)
class StateFile:
    """The file in `folder`; one process has it at a time."""

    folder: Path

    @property
    def path(self) -> Path:
        """Where the state is."""
        return self.folder / NAME

    def load(self) -> State | None:
        """The last good state; None when there is none. Raises Damaged, and StorageFailed when it cannot be read."""
        try:
            data = self.path.read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise StorageFailed(f"{self.path} cannot be read: {error.strerror}") from None
        try:
            return decode(data)
        except ValueError as error:
            raise Damaged(str(error), self._set_aside()) from None

    def save(self, state: State) -> None:
        """Replace the file; when this returns, the state outlives a loss of power. Raises StorageFailed."""
        data = encode(state)
        temporary = self.folder / (NAME + ".part")
        try:
            self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
            with os.fdopen(descriptor, "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(self.path)
            _sync_folder(self.folder)
        except OSError as error:
            with contextlib.suppress(OSError):
                temporary.unlink()
            raise StorageFailed(f"{self.path} cannot be written: {error.strerror}") from None

    def _set_aside(self) -> Path | None:
        names = [self.folder / f"{NAME}.damaged-{number}" for number in range(1, DAMAGED_KEPT + 1)]
        target = next((name for name in names if not name.exists()), names[-1])
        try:
            self.path.replace(target)
        except OSError:
            return None
        return target


def encode(state: State) -> bytes:
    """The file's bytes."""
    document = {
        "versions": {kind: {"epoch": held.epoch, "number": held.number} for kind, held in state.versions.items()},
        "rules": state.rules.to_json(),
        "jwks": {"keys": [dict(jwk) for jwk in state.jwks.values()]},
    }
    body = json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode()
    return b"matinee-edge-state 1 xxh3=%s bytes=%d\n" % (xxhash.xxh3_128_hexdigest(body).encode(), len(body)) + body


def decode(data: bytes) -> State:
    """The state of the file's bytes; ValueError saying what is wrong with them."""
    head = _HEAD.match(data[:_HEAD_LONGEST])
    if head is None:
        raise ValueError("it does not begin as a state file does")
    body = data[head.end() :]
    if len(body) != int(head[2]):
        raise ValueError(f"it has {len(body)} bytes, not {int(head[2])}")
    if xxhash.xxh3_128_hexdigest(body).encode() != head[1]:
        raise ValueError("its checksum is wrong")
    document = parse_object(load_json(body), "", _MEMBERS)
    versions = _versions(document.get("versions"))
    jwks = _jwks(document.get("jwks"))
    held = versions.get("rules")
    return State(
        rules=Rules.parse(document.get("rules"), default="deny", version=held.number if held else 0),
        keys=key_set(jwks, versions[KEYS]) if KEYS in versions else State().keys,
        jwks=jwks,
        versions=versions,
    )


def _versions(value: object) -> dict[str, Version]:
    versions = {}
    for kind, held in parse_object(value, "versions", TYPES).items():
        members = parse_object(held, f"versions.{kind}", ("epoch", "number"))
        epoch, number = members.get("epoch"), members.get("number")
        if not isinstance(epoch, str) or not isinstance(number, int):
            raise BadDocument(f"versions.{kind}", "has no epoch and number")
        versions[kind] = Version(epoch, number)
    return versions


def _jwks(value: object) -> dict[str, dict[str, Any]]:
    keys = parse_object(value, "jwks", ("keys",)).get("keys")
    if not isinstance(keys, list) or not all(isinstance(jwk, dict) and isinstance(jwk.get("kid"), str) for jwk in keys):
        raise BadDocument("jwks.keys", "must be a list of keys with their kid")
    return {jwk["kid"]: jwk for jwk in keys}


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
