"""The nodes and groups that operators speak of, held in memory by every replica and read anew when one has changed."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from sqlalchemy import select

from control.db import schema
from control.db.store import Store
from control.fleet.nodes import Group, Node, as_known
from kernel.fleet.messages import Hello


class FleetCache:
    """As of the last `refresh`, which is due when `is_old`; `wake` is called when that becomes so."""

    def __init__(self, store: Store, wake: Callable[[], object]) -> None:
        self._store = store
        self._wake = wake
        self.is_old = True
        self.believes = True
        """Whether what a node says of its size counts: where there are no certificates, all are on this machine."""
        self.nodes: Mapping[str, Node] = {}
        self.groups: Mapping[str, Group] = {}
        self.on_change: list[Callable[[], object]] = []
        """Called after a refresh; plain functions that do not fail."""
        for kind in ("nodes", "groups"):
            store.on_change(kind, self._note)

    def _note(self) -> None:
        self.is_old = True
        self._wake()

    def node(self, hello: Hello) -> Node:
        """An edge as the fleet knows it: its role, region, PoP, group, capacity, and whether it is drained."""
        return as_known(hello, self.nodes, self.groups, believes=self.believes)

    async def refresh(self) -> None:
        """Read what is said now. Raises StorageFailed; then it stays as it was."""
        if not self.is_old:
            return
        nodes = await self._store.read(select(schema.nodes))
        groups = await self._store.read(select(schema.groups))
        self.is_old = False
        self.nodes = {row["id"]: Node(**row) for row in nodes}
        self.groups = {row["name"]: Group(**row) for row in groups}
        for callback in self.on_change:
            callback()
