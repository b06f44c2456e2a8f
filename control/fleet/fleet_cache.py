"""The nodes and groups that operators speak of, held in memory by every replica and read anew when one has changed."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from sqlalchemy import select

from control.db import schema
from control.db.store import Store
from control.fleet.nodes import Group, Node, effective_node
from kernel.fleet.messages import Hello


class FleetCache:
    """As of the last `refresh`, which is due when `is_stale`; `wake` is called when that becomes so."""

    def __init__(self, store: Store, wake: Callable[[], object]) -> None:
        self._store = store
        self._wake = wake
        self.is_stale = True
        self.trusts_hello = True
        """Whether what a node says of its size counts: where there are no certificates, all are on this machine."""
        self.nodes: Mapping[str, Node] = {}
        self.groups: Mapping[str, Group] = {}
        self.on_change: list[Callable[[], object]] = []
        """Called after a refresh; plain functions that do not fail."""
        for kind in ("nodes", "groups"):
            store.on_change(kind, self._mark_stale)

    def _mark_stale(self) -> None:
        self.is_stale = True
        self._wake()

    def node(self, hello: Hello) -> Node:
        """An edge as the fleet knows it: its role, region, PoP, group, capacity, and whether it is drained."""
        return effective_node(hello, self.nodes, self.groups, trusts_hello=self.trusts_hello)

    async def refresh(self) -> None:
        """Read what is said now. Raises StorageFailed; then it stays as it was."""
        if not self.is_stale:
            return
        nodes = await self._store.read(select(schema.nodes))
        groups = await self._store.read(select(schema.groups))
        self.is_stale = False
        self.nodes = {row["id"]: Node(**row) for row in nodes}
        self.groups = {row["name"]: Group(**row) for row in groups}
        for callback in self.on_change:
            callback()
