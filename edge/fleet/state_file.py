"""The last good state on disk, in the edge's fleet directory: an edge starts from it while control is away.

`state.json` has one line with the format, the length and the checksum (xxh3) of what follows, then JSON: the rules as
in RULES.json, the JWKS, the edge's own documents, and the versions. It is replaced as a whole (temp file, fsync,
rename).

Small updates are appended to `state.journal`, so that changing one country of one title does not rewrite a large
catalogue. Its first line names the state file that it belongs to by checksum; the journal of another state is ignored.
Each further line is a checksum (xxh3) and an update as JSON. A truncated last line was never acknowledged as applied,
so it is ignored; any other fault makes the journal damaged.

A damaged state is never served: its files are set aside under names of their own. A sound document that this release
cannot use (another release wrote it) is left out: control sends it again.
Over 300 lines because a state file and its journal are read and written together.
"""

from __future__ import annotations

import base64
import json
import os
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, Protocol

import xxhash

from edge.fleet.apply import FleetState, apply, check_document, key_set
from edge.policy.rules import Rules, revocation_json
from kernel.auth.licence import licence_json
from kernel.documents import BadDocument, load_json, parse_object
from kernel.errors import StorageFailed
from kernel.fleet.messages import DOCUMENTS, KEYS, TYPES, Nack, Resource, Update, Version
from system.durable_files import replace_file

_UPDATE_MEMBERS = ("type", "epoch", "number", "base", "snapshot", "resources", "removed", "signature")
_CHECKSUM = 16


def journal_head(state_file: bytes) -> bytes:
    """The first line of the journal that belongs to a state file with these bytes."""
    return b"matinee-edge-journal 1 of=%s\n" % xxhash.xxh3_128_hexdigest(state_file).encode()


def journal_lines(updates: Iterable[Update]) -> bytes:
    """The lines to append for the updates."""
    return b"".join(map(encode_update, updates))


def replay_journal(state: FleetState, journal: bytes, of: bytes) -> FleetState:
    """The state after the journal's updates, `of` being the state file's bytes. Raises ValueError if it is damaged."""
    head = journal_head(of)
    if not journal.startswith(head):
        return state
    *whole, _cut_short = journal.removeprefix(head).split(b"\n")
    for number, line in enumerate(whole, 1):
        try:
            update = decode_update(line)
        except ValueError as error:
            raise ValueError(f"line {number} of its journal {error}") from None
        state, effects = apply(state, update)
        if not any(isinstance(effect, Nack) for effect in effects):
            continue
        if update.type in DOCUMENTS:
            # Another release stored this document: control sends it again.
            state = state.without_document(update.type)
        else:
            raise ValueError(f"line {number} of its journal does not fit")
    return state


def encode_update(update: Update) -> bytes:
    """The line of an update, with its newline."""
    value = {
        "type": update.type,
        "epoch": update.version.epoch,
        "number": update.version.number,
        "base": update.base,
        "snapshot": update.snapshot,
        "resources": [[item.name, item.number, item.content.decode()] for item in update.resources],
        "removed": update.removed,
    }
    if update.signature:
        value["signature"] = base64.b64encode(update.signature).decode()
    body = json.dumps(value, separators=(",", ":")).encode()
    return _checksum(body) + b" " + body + b"\n"


def decode_update(line: bytes) -> Update:
    """The update of a line without its newline. Raises ValueError saying what is wrong."""
    body = line[_CHECKSUM + 1 :]
    if line[: _CHECKSUM + 1] != _checksum(body) + b" ":
        raise ValueError("has a wrong checksum")
    return _update(load_json(body))


def _checksum(body: bytes) -> bytes:
    return xxhash.xxh3_64_hexdigest(body).encode()


def _update(value: object) -> Update:
    found = dict(parse_object(value, "update", _UPDATE_MEMBERS))
    try:
        return Update(
            type=found["type"],  # type: ignore[arg-type]  # the checksum says that we wrote it
            version=Version(found["epoch"], found["number"]),  # type: ignore[arg-type]
            nonce="",
            snapshot=found["snapshot"] is True,
            base=found["base"],  # type: ignore[arg-type]
            resources=tuple(Resource(name, number, text.encode()) for name, number, text in found["resources"]),  # type: ignore[attr-defined]
            removed=tuple(found["removed"]),  # type: ignore[arg-type]
            signature=base64.b64decode(found.get("signature", ""), validate=True),  # type: ignore[arg-type]
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ValueError(f"is incomplete: {error}") from None


STATE_NAME = "state.json"
JOURNAL_NAME = "state.journal"
MIN_JOURNAL_BYTES = 64 << 10
"""Bytes that a journal may have, however small the state. Beyond half the state's size the state is rewritten."""

MAX_DAMAGED_FILES = 5
"""Damaged files set aside. Beyond that the newest one is overwritten."""

_HEAD = re.compile(rb"matinee-edge-state 1 xxh3=([0-9a-f]{32}) bytes=(\d{1,12})\n")
_MAX_HEAD_LENGTH = 100
_MEMBERS = ("versions", "rules", "jwks", "documents")


class DamagedState(Exception):
    """The file was altered: says why, and where it was set aside (None: it could not be)."""

    def __init__(self, why: str, kept_as: Path | None) -> None:
        super().__init__(f"the last good state is damaged ({why}); kept as {kept_as or 'it was'}")
        self.why = why
        self.kept_as = kept_as


class StateStore(Protocol):
    """Stores the last good state: `StateFile`, or `edge.fleet.signed_state.SignedState` for a member of a fleet."""

    def load(self) -> FleetState | None:
        """The last good state; None without one. Raises DamagedState, StorageFailed."""

    def store(self, state: FleetState, updates: Sequence[Update], /) -> None:
        """Store `state`; `updates` led to it since the last call. Raises StorageFailed."""

    def verify(self, update: Update, /) -> None:
        """Raises NotSigned for an update that must not be trusted."""

    def wants_snapshot(self, kind: str, /) -> bool:
        """Whether control should send a snapshot of the type instead of its next delta."""


@dataclass(slots=True)
class StateFile:
    """The files in `folder`. One process has them at a time and calls one method at a time."""

    folder: Path
    _journal_room: int = 0
    """Bytes that may still be appended to the journal; 0: write the state whole."""

    @property
    def path(self) -> Path:
        """Path of the state."""
        return self.folder / STATE_NAME

    @property
    def journal(self) -> Path:
        """Path of the updates since."""
        return self.folder / JOURNAL_NAME

    def load(self) -> FleetState | None:
        """The last good state; None without one. Raises DamagedState, and StorageFailed if it cannot be read."""
        try:
            data = self.path.read_bytes()
            journal = self.journal.read_bytes() if self.journal.exists() else b""
        except FileNotFoundError:
            return None
        except OSError as error:
            raise StorageFailed(f"{self.path} cannot be read: {error.strerror}") from None
        try:
            return replay_journal(decode_state(data), journal, of=data)
        except ValueError as error:
            raise DamagedState(str(error), set_aside([self.path, self.journal])) from None

    def store(self, state: FleetState, updates: Sequence[Update]) -> None:
        """Store `state` durably; `updates` led to it since the last call. Raises StorageFailed."""
        whole = any(update.snapshot and update.type in TYPES for update in updates)
        added = b"" if whole else journal_lines(updates)
        if not added or len(added) > self._journal_room:
            self.write_whole(state)
            return
        room, self._journal_room = self._journal_room - len(added), 0
        try:
            descriptor = os.open(self.journal, os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC)
            with os.fdopen(descriptor, "wb") as file:
                file.write(added)
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise StorageFailed(f"{self.journal} cannot be written: {error.strerror}") from None
        self._journal_room = room

    def write_whole(self, state: FleetState) -> None:
        """Write the state whole and start a new journal. Raises StorageFailed."""
        self._journal_room = 0
        data = encode_state(state)
        try:
            self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            replace_file(self.path, data)
            # Until the second file is replaced, the journal belongs to another state and is ignored.
            replace_file(self.journal, journal_head(data))
        except OSError as error:
            raise StorageFailed(f"{self.path} cannot be written: {error.strerror}") from None
        self._journal_room = max(MIN_JOURNAL_BYTES, len(data) // 2)

    def verify(self, update: Update) -> None:
        """A control on this machine is trusted: nothing is signed."""

    def wants_snapshot(self, kind: str) -> bool:  # noqa: ARG002 (see StateStore)
        """Never: the state is written whole when the journal has grown."""
        return False


def encode_state(state: FleetState) -> bytes:
    """The file's bytes, encoded title by title: in a thread, this never delays the event loop for long."""
    rules = state.rules
    pieces = [
        '{"versions":',
        _text({kind: {"epoch": held.epoch, "number": held.number} for kind, held in state.versions.items()}),
        ',"jwks":',
        _text({"keys": [dict(jwk) for jwk in state.jwks.values()]}),
        ',"documents":',
        _text({kind: dict(document) for kind, document in state.documents.items()}),
        ',"rules":{"default":',
        _text("allow" if rules.unlisted is None else "deny"),
        ',"revoked_sessions":[',
        ",".join(_text(revocation_json(name, until)) for name, until in rules.sessions.items()),
        '],"titles":{',
        ",".join(f"{_text(name)}:{_text(licence_json(licence))}" for name, licence in rules.titles.items()),
        "}}}",
    ]
    body = "".join(pieces).encode()
    return b"matinee-edge-state 1 xxh3=%s bytes=%d\n" % (xxhash.xxh3_128_hexdigest(body).encode(), len(body)) + body


def _text(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def decode_state(data: bytes) -> FleetState:
    """The state in the file's bytes. Raises ValueError saying what is wrong."""
    head = _HEAD.match(data[:_MAX_HEAD_LENGTH])
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
    documents = _documents(document.get("documents", {}), versions)
    return FleetState(
        rules=Rules.parse(document.get("rules"), default="deny", version=held.number if held else 0),
        keys=key_set(jwks, versions[KEYS]) if KEYS in versions else FleetState().keys,
        jwks=jwks,
        documents=documents,
        versions=versions,
    )


def _documents(value: object, versions: dict[str, Version]) -> Mapping[str, Mapping[str, object]]:
    """The usable documents; the versions of the others are forgotten too."""
    found = {}
    for kind, content in parse_object(value, "documents", DOCUMENTS).items():
        try:
            found[kind] = check_document(kind, content)
        except ValueError:
            versions.pop(kind, None)
    return MappingProxyType(found)


def _versions(value: object) -> dict[str, Version]:
    versions = {}
    for kind, held in parse_object(value, "versions", (*TYPES, *DOCUMENTS)).items():
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


def set_aside(files: Sequence[Path]) -> Path | None:
    """Rename damaged files, all after the name of the first; None if that fails."""
    names = [files[0].with_name(f"{files[0].name}.damaged-{number}") for number in range(1, MAX_DAMAGED_FILES + 1)]
    target = next((name for name in names if not name.exists()), names[-1])
    ending = target.name.removeprefix(files[0].name)
    try:
        for file in reversed(files):
            if file.exists():
                file.replace(file.with_name(file.name + ending))
    except OSError:
        return None
    return target
