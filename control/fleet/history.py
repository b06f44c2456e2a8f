"""Revisions of the desired state: show one, compare two, roll one back.

Details (values before and after) are deleted after a time (`control.db.desired_table`); author, time and reason stay.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select

from control.db.schema import details, revisions
from control.db.store import Store
from control.db.transaction import Tx, Work
from control.desired.resources import KEY_OWNERS, Change
from control.desired.revision_diff import ResourceChange, invert, squash, touch_json, unpack
from control.fleet import nodes
from kernel.documents import moment_text
from kernel.fleet.messages import TYPES

MAX_COMPARED = 1_000
"""Largest distance of two revisions that are compared."""
_RESOURCE_KINDS = (*TYPES, KEY_OWNERS)
_RESTORABLE_KINDS = (*_RESOURCE_KINDS, nodes.NODE, nodes.GROUP)
"""Settings are not among them: they are rolled back in stages, by a rollout."""


class RevisionUnknown(LookupError):
    """There is no such revision, or its details have been deleted."""


class RollbackConflict(ValueError):
    """A value that the revision changed has been changed again since."""


@dataclass(frozen=True, slots=True)
class Revision:
    """A revision; `touches` is None if its details have been deleted."""

    number: int
    at: float
    author: str
    reason: str
    touched: dict[str, Any]
    touches: tuple[ResourceChange, ...] | None


async def read_revision(store: Store, number: int) -> Revision:
    """One revision. Raises Forgotten, StorageFailed."""
    query = select(revisions, details.c.content).outerjoin(details, details.c.number == revisions.c.number)
    rows = await store.read(query.where(revisions.c.number == number))
    if not rows:
        raise RevisionUnknown(f"there is no revision {number}")
    row, content = rows[0], rows[0]["content"]
    return Revision(
        row["number"], row["at"], row["author"], row["reason"], json.loads(row["touched"]),
        None if content is None else squash([unpack(content)]),
    )  # fmt: skip


def revision_json(one: Revision) -> dict[str, Any]:
    """A revision as the API shows it: `changes` with values before and after, null if they have been deleted."""
    changes = None if one.touches is None else [touch_json(touch) for touch in one.touches]
    told = {"revision": one.number, "at": moment_text(one.at), "author": one.author, "reason": one.reason}
    return told | one.touched | {"changes": changes}


async def changes_between(store: Store, older: int, newer: int) -> tuple[ResourceChange, ...]:
    """The net changes after revision `older` up to `newer`.

    Raises ValueError, Forgotten, StorageFailed.
    """
    if not 0 <= older <= newer:
        raise ValueError(f"revision {newer} is not after {older}")
    if newer - older > MAX_COMPARED:
        raise ValueError(f"at most {MAX_COMPARED} revisions are compared at once")
    within = (details.c.number > older) & (details.c.number <= newer)
    rows = await store.read(select(details).where(within).order_by(details.c.number))
    if newer > store.desired.revision:
        raise RevisionUnknown(f"there is no revision {newer}")
    if len(rows) != newer - older:
        known = {row["number"] for row in rows}
        gone = next(number for number in range(older + 1, newer + 1) if number not in known)
        raise RevisionUnknown(f"the details of revision {gone} have been deleted")
    return squash(unpack(row["content"]) for row in rows)


async def prepare_rollback(store: Store, number: int) -> Work:
    """Work that rolls a revision back by a new one; it returns the new number, or None if nothing changes.

    Raises RevisionUnknown, and ValueError if the revision changed what cannot be rolled back. The work raises
    RollbackConflict if a value has been changed since.
    """
    taken = await read_revision(store, number)
    if taken.touches is None:
        raise RevisionUnknown(f"the details of revision {number} have been deleted")
    kinds = sorted({touch.kind for touch in taken.touches} - set(_RESTORABLE_KINDS))
    if kinds:
        raise ValueError(f"revision {number} changed {', '.join(kinds)}, which cannot be rolled back")
    touches = taken.touches

    async def work(tx: Tx) -> int | None:
        await _check_unchanged(tx, touches)
        for touch in _in_order(invert(touches)):
            if touch.kind in _RESOURCE_KINDS:
                _put(tx, touch)
            else:
                await nodes.restore(tx, touch.kind, touch.name, touch.after)
        return tx.number if tx.is_revision else None

    return work


async def _check_unchanged(tx: Tx, touches: tuple[ResourceChange, ...]) -> None:
    others = any(touch.kind not in _RESOURCE_KINDS for touch in touches)
    said = await nodes.all_operator_json(tx.connection) if others else {}
    for touch in touches:
        now = tx.desired.content(touch.kind, touch.name) if touch.kind in _RESOURCE_KINDS else said.get(touch[:2])
        if now != touch.after:
            raise RollbackConflict(f"{touch.kind} {touch.name} has been changed since")


def _in_order(touches: tuple[ResourceChange, ...]) -> list[ResourceChange]:
    """Put groups before the nodes in them, and remove them after those."""
    return sorted(touches, key=lambda touch: (touch.kind == nodes.GROUP) == (touch.after is None))


def _put(tx: Tx, touch: ResourceChange) -> None:
    key = (touch.kind, touch.name)
    tx.change(Change(removes=frozenset({key})) if touch.after is None else Change({key: touch.after}))
