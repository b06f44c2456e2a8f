"""The audit log as a keyed hash chain, and its verifier. Pure; `control.db.audit_log` stores it.

Each row holds the hash of the previous one and an HMAC of its own under the audit key, which is in no database. The
head, sealed by the same key, says where the log starts and ends. So verification finds rows that were changed,
inserted, removed, or cut off at either end. Rows of releases before the key (`key` is "") are hashed without one; the
row `audit.adopt` after them makes them part of the chain.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from control.audit.entry import Action, PendingRow, canonical_bytes, storable_text, text_of

GENESIS_HASH = "0" * 64
"""The hash that the first row holds in place of a previous row's."""
MAX_BREAKS = 100
"""Breaks that a verification lists."""
_UNKEYED = ("seq", "at", "actor", "action", "target", "before", "after", "reason", "request_id", "revision", "previous")
_KEYED = (*_UNKEYED, "peer", "key")
_SEALED = ("first", "previous", "last", "hash", "key")


class BadKey(ValueError):
    """The key file holds no usable audit key."""


@dataclass(frozen=True, slots=True)
class Keyring:
    """The audit keys by id: the first seals new rows, the others verify rows that were sealed with them."""

    keys: Mapping[str, bytes] = field(repr=False)

    @classmethod
    def of(cls, secrets: Iterable[bytes]) -> Keyring:
        """A keyring of secrets, the one in use first. Raises BadKey."""
        keys = {_key_id(secret): secret for secret in secrets}
        if not keys:
            raise BadKey("there is no key")
        return cls(keys)

    @property
    def current(self) -> str:
        """The id of the key in use."""
        return next(iter(self.keys))

    def mac(self, key: str, values: Sequence[object]) -> str | None:
        """The HMAC-SHA256 of values in hex; None for an unknown key."""
        secret = self.keys.get(key)
        return None if secret is None else hmac.new(secret, canonical_bytes(values), hashlib.sha256).hexdigest()


def _key_id(secret: bytes) -> str:
    return hmac.new(secret, b"matinee audit key", hashlib.sha256).hexdigest()[:16]


NO_KEY = Keyring.of([b""])
"""For tests and tools: control itself always has a key."""


def row_of(entry: PendingRow, seq: int, previous: str, keyring: Keyring, here: str) -> dict[str, Any]:
    """The row of an entry; `here` names this replica, as the peer of what control does by itself."""
    author, deed, call = entry.author, entry.entry, entry.author.call
    row: dict[str, Any] = {
        "seq": seq,
        "at": author.at,
        "actor": storable_text(author.name, 200),
        "action": storable_text(deed.action, 64),
        "target": storable_text(deed.target, 600),
        "before": text_of(deed.before),
        "after": text_of(deed.after),
        "reason": storable_text(author.reason, 1_000),
        "request_id": storable_text(call.request_id if call else "", 64),
        "revision": entry.revision,
        "previous": previous,
        "peer": storable_text(call.peer if call else here, 200),
        "key": keyring.current,
    }
    return row | {"hash": row_hash(row, keyring)}


def row_hash(row: Mapping[str, Any], keyring: Keyring) -> str | None:
    """The hash that a row must have; None if it is sealed under an unknown key."""
    if row["key"]:
        return keyring.mac(row["key"], [row[name] for name in _KEYED])
    return hashlib.sha256(canonical_bytes([row[name] for name in _UNKEYED])).hexdigest()


def sealed(head: Mapping[str, Any], keyring: Keyring) -> dict[str, Any]:
    """A head sealed by the key in use: `first` row and the hash before it, `last` row and its hash."""
    made = {"name": "head", **{name: head[name] for name in _SEALED if name != "key"}, "key": keyring.current}
    return made | {"mac": _seal(made, keyring)}


def is_sealed(head: Mapping[str, Any], keyring: Keyring) -> bool:
    """Whether a head is as control wrote it."""
    return hmac.compare_digest(_seal(head, keyring) or "", head["mac"])


def _seal(head: Mapping[str, Any], keyring: Keyring) -> str | None:
    return keyring.mac(head["key"], ["head", *(head[name] for name in _SEALED)])


class Break(NamedTuple):
    """A break in the chain: the row's number, and what is wrong."""

    seq: int
    why: str


class Verifier:
    """Verifies the chain over pages of rows in order, in constant memory.

    `head`: as in the database, or None; `anchor`: (number, hash) of a row that was once the last, as kept outside the
    database; `after`: verify only the rows after that number.
    """

    def __init__(
        self,
        keyring: Keyring,
        head: Mapping[str, Any] | None,
        anchor: tuple[int, str] | None = None,
        after: int = 0,
    ) -> None:
        self.breaks: list[Break] = []
        self.more = False
        """Whether there are breaks beyond those listed."""
        self.rows = 0
        self.first = self.last = 0
        self._keyring = keyring
        self._head = head
        self._anchor = anchor
        self._after = after
        self._next, self._previous = 1, GENESIS_HASH
        self._is_keyed = False
        if head is not None and self._accept_head(head):
            self._next, self._previous = head["first"], head["previous"]

    def _accept_head(self, head: Mapping[str, Any]) -> bool:
        if head["key"] not in self._keyring.keys:
            self._record_break(
                head["last"], f"the head is sealed under the key {head['key']}, which is not in the key file"
            )
        elif is_sealed(head, self._keyring):
            return True
        else:
            self._record_break(head["last"], "the head was altered")
        self._head = None
        return False

    def add_rows(self, rows: Iterable[Mapping[str, Any]]) -> None:
        """Verify the next rows."""
        for row in rows:
            seq = int(row["seq"])
            if not self.rows:
                self.first = seq
            if self.rows or not self._after:
                self._check_sequence(row, seq)
            self._check_row(row, seq)
            self.rows += 1
            self.last, self._next, self._previous = seq, seq + 1, row["hash"]

    def _check_sequence(self, row: Mapping[str, Any], seq: int) -> None:
        if seq > self._next:
            gone = f"row {self._next} is" if seq == self._next + 1 else f"rows {self._next} to {seq - 1} are"
            self._record_break(self._next, f"{gone} missing")
        elif seq < self._next:
            self._record_break(seq, f"the log begins with row {self._next}: this one was inserted before it")
        elif row["previous"] != self._previous:
            self._record_break(seq, "it does not follow the row before: that one or this one was altered")

    def _check_row(self, row: Mapping[str, Any], seq: int) -> None:
        made = row_hash(row, self._keyring)
        if made is None:
            self._record_break(seq, f"it is sealed under the key {row['key'][:16]}, which is not in the key file")
        elif not hmac.compare_digest(made, row["hash"]):
            self._record_break(seq, "its content was altered: another hash")
        elif not row["key"] and self._is_keyed:
            self._record_break(seq, "it has no key, after rows with one")
        elif row["action"] == Action.AUDIT_BROKEN:
            self._record_break(seq, f"control recorded here: {row['reason']}")
        self._is_keyed = self._is_keyed or bool(row["key"])
        if self._anchor is not None and seq == self._anchor[0] and row["hash"] != self._anchor[1]:
            self._record_break(
                seq, "it is not the row that control saw: the database was restored from an older copy and continued"
            )

    def finish(self) -> None:
        """Verify the end of the log, after the last row."""
        head, last = self._head, max(self.last, self._after)
        if head is None:
            if not self.breaks and self.rows:
                self._record_break(self.last, "the head is missing")
        elif last < head["last"]:
            self._record_cut_off(last + 1, head["last"])
        elif self.rows and self.last > head["last"]:
            self._record_break(head["last"] + 1, "rows were added after the last one that control wrote")
        elif self.rows and self._previous != head["hash"]:
            self._record_break(self.last, "it is not the row that control wrote last: another hash")
        if self._anchor is not None and max(last, head["last"] if head else 0) < self._anchor[0]:
            self._record_cut_off(last + 1, self._anchor[0])

    def _record_cut_off(self, first: int, last: int) -> None:
        gone = f"row {first} is" if first == last else f"rows {first} to {last} are"
        self._record_break(first, f"{gone} missing: the end of the log was cut off")

    def _record_break(self, seq: int, why: str) -> None:
        if len(self.breaks) < MAX_BREAKS:
            self.breaks.append(Break(seq, why))
        else:
            self.more = True


def first_break(rows: Iterable[Mapping[str, Any]], keyring: Keyring) -> int | None:
    """The number of the first broken row among these rows (in order), or None: a quick check of one page."""
    verifier = Verifier(keyring, None, after=1)
    verifier.add_rows(rows)
    return verifier.breaks[0].seq if verifier.breaks else None
