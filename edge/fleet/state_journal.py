"""The updates taken since the last good state was written whole: one line each, appended. Pure.

The first line names the state that the journal belongs to by its checksum: the journal of another state is left from
before the last one was written, and is not read. Each further line is the checksum (xxh3) of what follows, then the
update as JSON. A last line that was cut short was never said to be applied: it is as if it had not come. Anything else
that is wrong makes the journal damaged.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable

import xxhash

from edge.fleet.apply import State, apply
from kernel.documents import load_json, parse_object
from kernel.fleet.messages import DOCUMENTS, Nack, Resource, Update, Version

_MEMBERS = ("type", "epoch", "number", "base", "snapshot", "resources", "removed", "signature")
_CHECKSUM = 16


def beginning(state_file: bytes) -> bytes:
    """What the journal of a state file with these bytes begins with."""
    return b"matinee-edge-journal 1 of=%s\n" % xxhash.xxh3_128_hexdigest(state_file).encode()


def lines(updates: Iterable[Update]) -> bytes:
    """What is to be appended for the updates."""
    return b"".join(map(line_of, updates))


def replay(state: State, journal: bytes, of: bytes) -> State:
    """The state after the journal's updates, `of` being the state file's bytes; ValueError when it is damaged."""
    head = beginning(of)
    if not journal.startswith(head):
        return state
    *whole, _cut_short = journal.removeprefix(head).split(b"\n")
    for number, line in enumerate(whole, 1):
        try:
            update = update_of(line)
        except ValueError as error:
            raise ValueError(f"line {number} of its journal {error}") from None
        state, effects = apply(state, update)
        if not any(isinstance(effect, Nack) for effect in effects):
            continue
        if update.type in DOCUMENTS:
            state = state.without(update.type)  # another release took it: control sends it again
        else:
            raise ValueError(f"line {number} of its journal does not fit")
    return state


def line_of(update: Update) -> bytes:
    """The line of an update, with its end."""
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


def update_of(line: bytes) -> Update:
    """The update of a line without its end; ValueError saying what is wrong with it."""
    body = line[_CHECKSUM + 1 :]
    if line[: _CHECKSUM + 1] != _checksum(body) + b" ":
        raise ValueError("has a wrong checksum")
    return _update(load_json(body))


def _checksum(body: bytes) -> bytes:
    return xxhash.xxh3_64_hexdigest(body).encode()


def _update(value: object) -> Update:
    found = dict(parse_object(value, "update", _MEMBERS))
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
