"""The last good state on disk, in the edge's fleet directory: an edge starts from it while control is away.

`state.json` has one line that names the format, the length and the checksum (xxh3) of what follows, then JSON: the
rules as RULES.json has them, the JWKS, the edge's own documents, the versions. It is replaced as a whole (temp file,
fsync, rename). Small updates are appended to `state.journal` (see `edge.fleet.state_journal`), so that one country of
one title does not write a large catalogue anew. A damaged state is never served: its files are set aside under names
of their own. A sound document that this release does not take (it was written by another) is left out: control sends
it.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, Protocol

import xxhash

from edge.fleet.apply import State, check_document, key_set
from edge.fleet.state_journal import beginning, lines, replay
from edge.policy.rules import Rules, revocation_json
from kernel.auth.licence import licence_json
from kernel.documents import BadDocument, load_json, parse_object
from kernel.errors import StorageFailed
from kernel.fleet.messages import DOCUMENTS, KEYS, TYPES, Update, Version
from system.durable_files import replace_file

NAME = "state.json"
JOURNAL = "state.journal"
MIN_JOURNAL = 64 << 10
"""Bytes a journal may have however small the state; beyond half the state's size it is written anew."""

DAMAGED_KEPT = 5
"""Damaged files set aside; beyond that many the newest name is used again."""

_HEAD = re.compile(rb"matinee-edge-state 1 xxh3=([0-9a-f]{32}) bytes=(\d{1,12})\n")
_MAX_HEAD_LENGTH = 100
_MEMBERS = ("versions", "rules", "jwks", "documents")


class Damaged(Exception):
    """The file is not what was written: says why, and where it was set aside (None: it could not be)."""

    def __init__(self, why: str, kept_as: Path | None) -> None:
        super().__init__(f"the last good state is damaged ({why}); kept as {kept_as or 'it was'}")
        self.why = why
        self.kept_as = kept_as


class Keeper(Protocol):
    """Keeps the last good state on disk: `StateFile`, or `edge.fleet.signed_state.SignedState` for an edge of a
    fleet."""

    def load(self) -> State | None:
        """The last good state; None when there is none. Raises Damaged, StorageFailed."""

    def keep(self, state: State, updates: Sequence[Update], /) -> None:
        """Make `state` the last good one, `updates` being what led to it since the last call. Raises StorageFailed."""

    def check(self, update: Update, /) -> None:
        """Raises NotSigned for an update that is not to be believed."""

    def is_full(self, kind: str, /) -> bool:
        """Whether a snapshot of the type should come instead of its next delta."""


@dataclass(slots=True)
class StateFile:
    """The files in `folder`; one process has them at a time, and calls one method at a time."""

    folder: Path
    _journal_room: int = 0
    """Bytes that may yet be appended to the journal; 0: the state is to be written whole."""

    @property
    def path(self) -> Path:
        """Where the state is."""
        return self.folder / NAME

    @property
    def journal(self) -> Path:
        """Where the updates since are."""
        return self.folder / JOURNAL

    def load(self) -> State | None:
        """The last good state; None when there is none. Raises Damaged, and StorageFailed when it cannot be read."""
        try:
            data = self.path.read_bytes()
            journal = self.journal.read_bytes() if self.journal.exists() else b""
        except FileNotFoundError:
            return None
        except OSError as error:
            raise StorageFailed(f"{self.path} cannot be read: {error.strerror}") from None
        try:
            return replay(decode(data), journal, of=data)
        except ValueError as error:
            raise Damaged(str(error), set_aside([self.path, self.journal])) from None

    def keep(self, state: State, updates: Sequence[Update]) -> None:
        """Make `state` the last good one, `updates` being what led to it since the last call.

        When this returns, the state outlives a loss of power. Raises StorageFailed.
        """
        whole = any(update.snapshot and update.type in TYPES for update in updates)
        added = b"" if whole else lines(updates)
        if not added or len(added) > self._journal_room:
            self.save(state)
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

    def save(self, state: State) -> None:
        """Write the state whole and begin a new journal. Raises StorageFailed."""
        self._journal_room = 0
        data = encode(state)
        try:
            self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            replace_file(self.path, data)
            replace_file(self.journal, beginning(data))  # until here there is a journal of another state: not read
        except OSError as error:
            raise StorageFailed(f"{self.path} cannot be written: {error.strerror}") from None
        self._journal_room = max(MIN_JOURNAL, len(data) // 2)

    def check(self, update: Update) -> None:
        """Control on this machine is believed: nothing is signed."""

    def is_full(self, kind: str) -> bool:  # noqa: ARG002 (see Keeper)
        """Never: the state is written whole when the journal has grown."""
        return False


def encode(state: State) -> bytes:
    """The file's bytes. Made title by title: in a thread, it never keeps the event loop waiting for long."""
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


def decode(data: bytes) -> State:
    """The state of the file's bytes; ValueError saying what is wrong with them."""
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
    return State(
        rules=Rules.parse(document.get("rules"), default="deny", version=held.number if held else 0),
        keys=key_set(jwks, versions[KEYS]) if KEYS in versions else State().keys,
        jwks=jwks,
        documents=documents,
        versions=versions,
    )


def _documents(value: object, versions: dict[str, Version]) -> Mapping[str, Mapping[str, object]]:
    """The documents that can be used; of others the version is forgotten too."""
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
    """Rename damaged files, the first of which gives the names; None when that cannot be done."""
    names = [files[0].with_name(f"{files[0].name}.damaged-{number}") for number in range(1, DAMAGED_KEPT + 1)]
    target = next((name for name in names if not name.exists()), names[-1])
    ending = target.name.removeprefix(files[0].name)
    try:
        for file in reversed(files):
            if file.exists():
                file.replace(file.with_name(file.name + ending))
    except OSError:
        return None
    return target
