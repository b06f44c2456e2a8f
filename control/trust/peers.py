"""Authorise gRPC peers: a peer is the node in its certificate, while that node is enrolled.

TLS has checked that the fleet's authority issued the certificate and that it is valid now. This module checks that the
node is still enrolled, that it has not been enrolled again since (which voids the old certificate), and that its role
may make the call.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import structlog
from sqlalchemy import select

from control.db.schema import nodes
from control.db.store import Store
from kernel.clock import Clock
from kernel.errors import StorageFailed
from kernel.fleet.identity import SKEW, BadIdentity, Identity, identity
from kernel.fleet.messages import FromEdge, Hello

EDGES = ("edge", "shield")
SERVICES = ("service",)
RETRY_AFTER = 5.0
RELOAD_EVERY = 0.5
_EARLIEST = SKEW + 1

log = structlog.get_logger("control")


class PeerRefused(Exception):
    """The peer may not do this; the text is for its operator."""


class Peers:
    """The enrolled nodes in memory. `gone(id, why)` is called for each node that is removed or enrolled again."""

    def __init__(self, store: Store, clock: Clock, gone: Callable[[str, str], object]) -> None:
        self._store = store
        self._clock = clock
        self._reload_lock = asyncio.Lock()
        self._reloaded_at = -RELOAD_EVERY
        self._on_removed = gone
        self._changed = asyncio.Event()
        self._enrolled: Mapping[str, tuple[str, float]] = {}
        store.on_change("nodes", self._changed.set)

    async def load(self) -> None:
        """Load the enrolled nodes. Raises StorageFailed."""
        query = select(nodes.c.id, nodes.c.role, nodes.c.enrolled).where(nodes.c.enrolled.is_not(None))
        rows = await self._store.read(query)
        before, self._enrolled = self._enrolled, {row["id"]: (row["role"], row["enrolled"]) for row in rows}
        for node_id, how in before.items():
            if self._enrolled.get(node_id) != how:
                self._on_removed(node_id, "this node is no longer enrolled, or was enrolled again")

    async def run(self) -> None:
        """Reload whenever nodes change, for ever."""
        while True:
            await self._changed.wait()
            self._changed.clear()
            try:
                await self.load()
            except StorageFailed as error:
                log.warning("enrolled-nodes-unreadable", error=str(error))
                asyncio.get_running_loop().call_later(RETRY_AFTER, self._changed.set)

    async def check(self, context: Any, *roles: str) -> Identity:
        """The caller's identity, if it has one of the roles. Raises PeerRefused."""
        who = _certificate_identity(context, roles)
        if self._enrolled.get(who.id, ("", 0.0))[0] != who.role:
            await self._reload_once()
        role, since = self._enrolled.get(who.id, ("", 0.0))
        if role != who.role:
            raise PeerRefused(f"{who.role} {who.id} is not enrolled")
        if who.begins < since - _EARLIEST:
            raise PeerRefused(f"{who.role} {who.id} was enrolled again: this certificate is no longer valid")
        return who

    async def _reload_once(self) -> None:
        """Reload once: a node may connect here before this replica learns that it joined at another one."""
        async with self._reload_lock:
            now = self._clock.mono()
            if now - self._reloaded_at < RELOAD_EVERY:
                return
            self._reloaded_at = now
            try:
                await self.load()
            except StorageFailed as error:
                log.warning("enrolled-nodes-unreadable", error=str(error))


def _certificate_identity(context: Any, roles: Sequence[str]) -> Identity:
    shown = context.auth_context().get("x509_pem_cert")
    if not shown:
        raise PeerRefused("a certificate of the fleet is required")
    try:
        who = identity(shown[0])
    except BadIdentity as error:
        raise PeerRefused(str(error)) from None
    if who.role not in roles:
        raise PeerRefused(f"{who.role} {who.id} may not make this call")
    return who


def check_hello(who: Identity, said: FromEdge) -> None:
    """Raises PeerRefused if a hello names another node than its certificate."""
    if isinstance(said, Hello) and (said.id, said.role) != (who.id, who.role):
        raise PeerRefused(f"{who.role} {who.id} says that it is {said.role[:64]} {said.id[:64]}")
