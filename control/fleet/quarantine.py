"""Quarantine: a node that claims to know more than control's own log is held there until an operator decides.

Control's log is the truth. A version or a mark beyond its end is a node's mistake, a lie, or the sign that control's
database was put back from a copy; no node's word makes control believe the last. So what is claimed costs the node that
claims it: control hangs up on it, sends no viewers there, and says so, until an operator releases it (`release`) or,
where history was lost indeed, begins a new epoch (`control.new_epoch`), in which all nodes take snapshots and drop
what they have cached.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import structlog

from control.audit.entry import Action, Author
from control.db.store import Store
from control.db.transaction import Tx
from control.desired.changes import NotFound, canonical
from control.desired.resources import QUARANTINE, Change, Desired
from kernel.clock import Clock
from kernel.documents import moment_text

MAX_WHY = 300

log = structlog.get_logger("control")


def quarantined(desired: Desired, node_id: str) -> str:
    """Why a node is in quarantine; "" when it is not."""
    content = desired.content(QUARANTINE, node_id)
    return "" if content is None else str(json.loads(content).get("why", "")) or "in quarantine"


def all_quarantined(desired: Desired) -> Mapping[str, Any]:
    """Why and since when, by node."""
    return {name: json.loads(held.content) for name, held in desired.resource_set(QUARANTINE).resources.items()}


class Quarantine:
    """The verbs, over the database."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    async def hold(self, node_id: str, why: str) -> None:
        """Put a node there. Raises Overloaded, StorageFailed."""
        now = self._clock.wall()
        content = canonical({"why": why[:MAX_WHY], "since": moment_text(now)})

        def change(desired: Desired) -> Change:
            held = desired.content(QUARANTINE, node_id) is not None
            return Change() if held else Change(puts={(QUARANTINE, node_id): content})

        log.error("node-quarantined", node=node_id, why=why, see="docs/operating.md")
        reason = f"{node_id} is in quarantine: {why}"
        await self._store.commit(change, Author("control", now, reason, action=Action.NODE_QUARANTINE))


async def release(tx: Tx, node_id: str) -> None:
    """Take a node out. Raises NotFound when it is not there."""
    if not tx.change(Change(removes=frozenset({(QUARANTINE, node_id)}))):
        raise NotFound(f"{node_id[:80]} is not in quarantine")
