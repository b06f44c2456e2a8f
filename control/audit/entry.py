"""Entries of the audit log (`control.audit.chain`): who did what, from where, why, and the values before and after.
Pure.

No secret is written; API keys and tokens appear only by id.
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
"""Changes whose values a row holds; of more than these it holds their names and a digest."""


class Action(StrEnum):
    """What was done; `ACTION_SENTENCES` has a sentence for each."""

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
    Action.AUDIT_BEGIN: "The log was started.",
    Action.AUDIT_ADOPT: "Rows of a release without an audit key became part of the chain.",
    Action.AUDIT_BROKEN: "Control found the log altered, and continues after the last row left.",
    Action.AUDIT_PRUNE: "Rows older than `audit_keep` were removed.",
    Action.TITLES_PUT: "Licences of titles were set or removed.",
    Action.TITLES_REMOVE: "A title's licence was removed.",
    Action.DEFAULT_PUT: "The default for titles without a licence was set.",
    Action.KEYS_PUT: "Public keys were put.",
    Action.KEYS_WITHDRAW: "A public key was withdrawn by an operator.",
    Action.KEYS_RETIRE: "A retired public key was removed: its last token has expired.",
    Action.SESSION_REVOKE: "A session was revoked.",
    Action.REVOCATIONS_END: "Expired revocations were removed.",
    Action.NODE_PUT: "An operator set a node's properties.",
    Action.NODE_REMOVE: "A node was removed.",
    Action.NODE_DRAIN: "A node was drained.",
    Action.NODE_UNDRAIN: "A node was undrained.",
    Action.NODE_QUARANTINE: "A node that claims more than control's log holds was put in quarantine.",
    Action.NODE_RELEASE: "A node was released from quarantine.",
    Action.NODE_ENROL: "A node joined with a token and was given a certificate.",
    Action.NODE_RENEW: "A node's certificate was renewed.",
    Action.GROUP_PUT: "An operator set the properties of a group.",
    Action.GROUP_REMOVE: "A group was removed.",
    Action.ENROLMENT_MAKE: "An enrolment token was made.",
    Action.API_KEY_MAKE: "An API key was made.",
    Action.API_KEY_REVOKE: "An API key was revoked.",
    Action.PURGE_MAKE: "A purge was requested.",
    Action.PURGE_AGAIN: "Edges were sent a purge again after a late shield had done it.",
    Action.PREFETCH_MAKE: "A prefetch was requested.",
    Action.JOBS_BEGIN: "A new job log was started: edges drop their caches.",
    Action.EPOCH_BEGIN: "A new epoch of the desired state was started.",
    Action.SETTINGS_PUSH: "A rollout of settings was started.",
    Action.SETTINGS_SUPERSEDE: "A rollout was superseded by another, which includes its change.",
    Action.SETTINGS_HOLD: "A rollout was held.",
    Action.SETTINGS_GO_ON: "A held rollout was resumed.",
    Action.SETTINGS_BACK: "An operator rolled settings back.",
    Action.SETTINGS_PROMOTE: "A rollout advanced to its next stage by itself.",
    Action.SETTINGS_DONE: "A rollout is done.",
    Action.SETTINGS_REVERT: "A rollout was reverted by itself.",
    Action.REVISION_ROLLBACK: "A revision was rolled back.",
    Action.CHANGE: "Another change; `after` says which.",
}


@dataclass(frozen=True, slots=True)
class Call:
    """The request behind a change: the caller's address, its request id, and whether an operator made it.

    An operator's request is logged even if it changes nothing.
    """

    peer: str
    request_id: str = ""
    operator: bool = False


@dataclass(frozen=True, slots=True)
class Author:
    """The author of a change, when (Unix seconds) and why; `call` is None if control makes it by itself.

    `action` and `target` name the change in the audit log unless its work adds entries (`Tx.add_audit_entry`).
    """

    name: str
    at: float
    reason: str = ""
    call: Call | None = None
    action: Action = Action.CHANGE
    target: str = ""


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """An action on a target; `before` and `after` are JSON values, None if there was or is none."""

    action: Action
    target: str
    before: Any = None
    after: Any = None


class PendingRow(NamedTuple):
    """An entry that will become a row; `revision`: the one it made."""

    author: Author
    entry: AuditEntry
    revision: int | None = None


def storable_text(text: str, most: int) -> str:
    """Text that every database can store: no NUL, no lone surrogates, at most `most` characters."""
    return text.replace("\0", "").encode("utf-8", "replace").decode()[:most]


def audited_change(touches: Sequence[ResourceChange]) -> tuple[Any, Any]:
    """(before, after) as a row holds them: the values of a few changes; of many, their names and a digest."""
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
    """The bytes of a value that are hashed."""
    return json.dumps(value, ensure_ascii=True, separators=(",", ":")).encode()


def text_of(value: Any) -> str | None:
    """A value as a row holds it; if it is too long, its beginning and a digest."""
    if value is None:
        return None
    text = json.dumps(value, ensure_ascii=True, sort_keys=True, separators=(",", ":"))
    if len(text) <= MAX_TEXT:
        return text
    digest = hashlib.sha256(text.encode()).hexdigest()
    return json.dumps({"cut": True, "bytes": len(text), "sha256": digest, "begins": text[:1_000]})
