"""Deeds: what somebody did, from where, why, from what to what, as the audit log (`control.audit.chain`) holds it.
Pure.

Nothing secret is written: of API keys and tokens only their ids.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, NamedTuple

from control.desired.revision_diff import ResourceChange

MAX_TEXT = 64_000
MAX_TOUCHES = 20
"""Things whose contents stand in a row; of more their names and a digest."""


class Action(StrEnum):
    """What was done; `ACTION_SENTENCES` says it."""

    AUDIT_BEGIN = "audit.begin"
    AUDIT_ADOPT = "audit.adopt"
    AUDIT_BROKEN = "audit.broken"
    AUDIT_PRUNE = "audit.prune"
    TITLES_PUT = "titles.put"
    TITLES_REMOVE = "titles.remove"
    DEFAULT_PUT = "default.put"
    KEYS_PUT = "keys.put"
    KEYS_WITHDRAW = "keys.withdraw"
    KEYS_RETIRE = "keys.retire"
    SESSION_REVOKE = "session.revoke"
    REVOCATIONS_END = "revocations.end"
    NODE_PUT = "node.put"
    NODE_REMOVE = "node.remove"
    NODE_DRAIN = "node.drain"
    NODE_UNDRAIN = "node.undrain"
    NODE_QUARANTINE = "node.quarantine"
    NODE_RELEASE = "node.release"
    NODE_ENROL = "node.enrol"
    NODE_RENEW = "node.renew"
    GROUP_PUT = "group.put"
    GROUP_REMOVE = "group.remove"
    ENROLMENT_MAKE = "enrolment.make"
    API_KEY_MAKE = "api-key.make"
    API_KEY_REVOKE = "api-key.revoke"
    PURGE_MAKE = "purge.make"
    PURGE_AGAIN = "purge.again"
    PREFETCH_MAKE = "prefetch.make"
    JOBS_BEGIN = "jobs.begin"
    EPOCH_BEGIN = "epoch.new"
    SETTINGS_PUSH = "settings.push"
    SETTINGS_SUPERSEDE = "settings.supersede"
    SETTINGS_HOLD = "settings.hold"
    SETTINGS_GO_ON = "settings.go-on"
    SETTINGS_BACK = "settings.back"
    SETTINGS_PROMOTE = "settings.promote"
    SETTINGS_DONE = "settings.done"
    SETTINGS_REVERT = "settings.revert"
    REVISION_ROLLBACK = "revision.rollback"
    CHANGE = "change"


ACTION_SENTENCES = {
    Action.AUDIT_BEGIN: "The log begins.",
    Action.AUDIT_ADOPT: "Rows of a release that knew no key become part of the chain.",
    Action.AUDIT_BROKEN: "Control found that the log had been changed, and goes on after what was left.",
    Action.AUDIT_PRUNE: "Rows older than `audit_keep` were removed.",
    Action.TITLES_PUT: "Licences of titles were set or removed.",
    Action.TITLES_REMOVE: "A title's licence was removed.",
    Action.DEFAULT_PUT: "What becomes of titles without a licence was set.",
    Action.KEYS_PUT: "Public keys were put.",
    Action.KEYS_WITHDRAW: "A public key was withdrawn by an operator.",
    Action.KEYS_RETIRE: "A public key was removed, as no token of it can be valid any more.",
    Action.SESSION_REVOKE: "A session was revoked.",
    Action.REVOCATIONS_END: "Revocations that had ended were removed.",
    Action.NODE_PUT: "An operator said what a node is.",
    Action.NODE_REMOVE: "A node was forgotten.",
    Action.NODE_DRAIN: "A node was drained.",
    Action.NODE_UNDRAIN: "A node serves again.",
    Action.NODE_QUARANTINE: "A node that claims what cannot be is held in quarantine.",
    Action.NODE_RELEASE: "A node was released from quarantine.",
    Action.NODE_ENROL: "A node joined with a token and was given a certificate.",
    Action.NODE_RENEW: "A node's certificate was renewed.",
    Action.GROUP_PUT: "An operator said what the nodes of a group are.",
    Action.GROUP_REMOVE: "A group was forgotten.",
    Action.ENROLMENT_MAKE: "An enrolment token was made.",
    Action.API_KEY_MAKE: "An API key was made.",
    Action.API_KEY_REVOKE: "An API key was revoked.",
    Action.PURGE_MAKE: "A purge was asked for.",
    Action.PURGE_AGAIN: "Edges purge again what late shields had not purged yet.",
    Action.PREFETCH_MAKE: "A prefetch was asked for.",
    Action.JOBS_BEGIN: "The log of jobs begins anew: edges drop everything.",
    Action.EPOCH_BEGIN: "A new epoch of the desired state begins.",
    Action.SETTINGS_PUSH: "A rollout of settings began.",
    Action.SETTINGS_SUPERSEDE: "A rollout was reverted, since another takes its place.",
    Action.SETTINGS_HOLD: "A rollout was held.",
    Action.SETTINGS_GO_ON: "A held rollout goes on.",
    Action.SETTINGS_BACK: "Settings were taken back by an operator.",
    Action.SETTINGS_PROMOTE: "A rollout went on to its next stage by itself.",
    Action.SETTINGS_DONE: "A rollout is done.",
    Action.SETTINGS_REVERT: "A rollout was reverted by itself.",
    Action.REVISION_ROLLBACK: "A revision was taken back.",
    Action.CHANGE: "Something else was changed; `after` says what.",
}


@dataclass(frozen=True, slots=True)
class Call:
    """How a change came: the address it came from, the caller's request id, and whether an operator asked.

    What an operator asks for stands in the log even where nothing had to be changed.
    """

    peer: str
    request_id: str = ""
    operator: bool = False


@dataclass(frozen=True, slots=True)
class Author:
    """Who changes something, when (Unix seconds) and why; `call` is None where control does it by itself.

    `action` and `target` name the change in the audit log where its work does not (see `Tx.note`).
    """

    name: str
    at: float
    reason: str = ""
    call: Call | None = None
    action: Action = Action.CHANGE
    target: str = ""


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """What was done; `before` and `after` are JSON values, None where there was or is nothing."""

    action: Action
    target: str
    before: Any = None
    after: Any = None


class Entry(NamedTuple):
    """A deed that is to become a row; `revision` is the one it made."""

    author: Author
    deed: AuditEntry
    revision: int | None = None


def plain(text: str, most: int) -> str:
    """Text as every database takes it: no NUL, no half characters, not too long."""
    return text.replace("\0", "").encode("utf-8", "replace").decode()[:most]


def told(touches: Sequence[ResourceChange]) -> tuple[Any, Any]:
    """From what to what, as a row holds it: the contents of a few things; of many their names and a digest."""
    return _contents(touches, "before"), _contents(touches, "after")


def _contents(touches: Sequence[ResourceChange], side: str) -> Any:
    found = {f"{one.kind}/{one.name}": getattr(one, side) for one in touches if getattr(one, side) is not None}
    if not found:
        return None
    shown = {name: content.decode("utf-8", "replace") for name, content in found.items()}
    if len(shown) <= MAX_TOUCHES:
        return shown
    digest = hashlib.sha256(canonical_bytes(sorted(shown.items()))).hexdigest()
    return {"things": len(shown), "names": sorted(shown)[:MAX_TOUCHES], "sha256": digest}


def canonical_bytes(value: object) -> bytes:
    """Bytes that are hashed for a value."""
    return json.dumps(value, ensure_ascii=True, separators=(",", ":")).encode()


def text_of(value: Any) -> str | None:
    """A value as a row holds it; of what is too long its beginning and a digest."""
    if value is None:
        return None
    text = json.dumps(value, ensure_ascii=True, sort_keys=True, separators=(",", ":"))
    if len(text) <= MAX_TEXT:
        return text
    digest = hashlib.sha256(text.encode()).hexdigest()
    return json.dumps({"cut": True, "bytes": len(text), "sha256": digest, "begins": text[:1_000]})
