"""Quarantine: holds a node that claims more than control's own log contains, until an operator decides.

Control's log is the truth. A version or checkpoint beyond its end is a node's mistake, a lie, or a sign that control's
database was restored from a copy, which control never concludes from a node's claim. So control disconnects the node
and sends it no viewers until an operator releases it (`release`) or, if history was indeed lost, starts a new epoch
(`control.new_epoch`), in which all nodes take snapshots and drop their caches.
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
    """The reason why a node is in quarantine; "" if it is not."""
    content = desired.content(QUARANTINE, node_id)
    return "" if content is None else str(json.loads(content).get("why", "")) or "in quarantine"


def all_quarantined(desired: Desired) -> Mapping[str, Any]:
    """Reason and start of each quarantine, by node id."""
    return {name: json.loads(held.content) for name, held in desired.resource_set(QUARANTINE).resources.items()}


class Quarantine:
    """Puts nodes in quarantine, in the database."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    async def hold(self, node_id: str, why: str) -> None:
        """Put a node in quarantine. Raises Overloaded, StorageFailed."""
        now = self._clock.wall()
        content = canonical({"why": why[:MAX_WHY], "since": moment_text(now)})

        def change(desired: Desired) -> Change:
            held = desired.content(QUARANTINE, node_id) is not None
            return Change() if held else Change(puts={(QUARANTINE, node_id): content})

        log.error("node-quarantined", node=node_id, why=why, see="docs/operating.md")
        reason = f"{node_id} is in quarantine: {why}"
        await self._store.commit(change, Author("control", now, reason, action=Action.NODE_QUARANTINE))


async def release(tx: Tx, node_id: str) -> None:
    """Release a node. Raises NotFound if it is not in quarantine."""
    if not tx.change(Change(removes=frozenset({(QUARANTINE, node_id)}))):
        raise NotFound(f"{node_id[:80]} is not in quarantine")
