"""The audit log: who changed what, from what to what, when and why. Rows are only added, each holding the hash of the
one before, so that a row that is changed or taken out is found by whoever reads the log (`verify`).

Nothing secret is written: of keys and tokens only their ids.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select

from control.schema import audit
from control.transaction import Tx, plain

FIRST = "0" * 64
"""What the first row holds for the row before it."""
MOST_TEXT = 64_000
_HASHED = ("seq", "at", "actor", "action", "target", "before", "after", "reason", "request_id", "revision", "previous")


@dataclass(frozen=True, slots=True)
class Deed:
    """What somebody did; `before` and `after` are JSON values, None where there was or is nothing."""

    actor: str
    action: str
    target: str
    before: Any = None
    after: Any = None
    reason: str = ""
    request_id: str = ""


async def note(tx: Tx, deed: Deed) -> int:
    """Add a row within the transaction of the deed itself; its number."""
    number = await tx.next("audit")
    last = (await tx.connection.execute(select(audit.c.hash).order_by(audit.c.seq.desc()).limit(1))).scalar()
    row = {
        "seq": number,
        "at": tx.author.at,
        "actor": plain(deed.actor, 200),
        "action": plain(deed.action, 64),
        "target": plain(deed.target, 600),
        "before": _text(deed.before),
        "after": _text(deed.after),
        "reason": plain(deed.reason, 1_000),
        "request_id": plain(deed.request_id, 64),
        "revision": tx.number if tx.is_revision else None,
        "previous": last or FIRST,
    }
    await tx.connection.execute(audit.insert().values(**row, hash=row_hash(row)))
    tx.announce("audit")
    return number


def row_hash(row: Mapping[str, Any]) -> str:
    """The hash of a row without its own."""
    said = json.dumps([row[name] for name in _HASHED], ensure_ascii=True, separators=(",", ":"))
    return hashlib.sha256(said.encode()).hexdigest()


def verify(rows: Iterable[Mapping[str, Any]], previous: str = FIRST) -> int | None:
    """The number of the first row that is not as it was written, or follows a gap; None when all hold.

    `rows` in order of their numbers; `previous`: the hash of the row before the first of them.
    """
    for row in rows:
        if row["previous"] != previous or row_hash(row) != row["hash"]:
            return int(row["seq"])
        previous = row["hash"]
    return None


def _text(value: Any) -> str | None:
    if value is None:
        return None
    text = json.dumps(value, ensure_ascii=True, sort_keys=True, separators=(",", ":"))
    return text if len(text) <= MOST_TEXT else json.dumps({"cut": True, "bytes": len(text), "begins": text[:1_000]})
