"""The nodes and groups that operators described, in memory; reloaded when one has changed."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from sqlalchemy import select

from control.db import schema
from control.db.store import Store
from control.fleet.nodes import Group, Node, effective_node
from kernel.fleet.messages import Hello


class FleetCache:
    """The state of the last `refresh`; `wake` is called when it becomes stale."""

    def __init__(self, store: Store, wake: Callable[[], object]) -> None:
        self._store = store
        self._wake = wake
        self.is_stale = True
        self.trusts_hello = True
        """Whether a node's claim of its capacity counts: without mTLS, when all nodes are on this machine."""
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
        """A node's effective role, region, PoP, group, capacity and address, and whether it is drained."""
        return effective_node(hello, self.nodes, self.groups, trusts_hello=self.trusts_hello)

    async def refresh(self) -> None:
        """Reload nodes and groups if stale. Raises StorageFailed, and then keeps what it has."""
        if not self.is_stale:
            return
        nodes = await self._store.read(select(schema.nodes))
        groups = await self._store.read(select(schema.groups))
        self.is_stale = False
        self.nodes = {row["id"]: Node(**row) for row in nodes}
        self.groups = {row["name"]: Group(**row) for row in groups}
        for callback in self.on_change:
            callback()
