"""Report errors and stalls of sessions to control in batches. Control shows them and decides nothing by them.

An edge gets at most one signal per session and few per viewer network (address, or IPv6 /64), so that one client
cannot distort the numbers with invented sessions.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from ipaddress import ip_network
from typing import Protocol
from urllib.parse import urlsplit

import structlog
from cachetools import TTLCache

from kernel.clock import Clock
from kernel.errors import MatineeError
from rpc.control_client import EdgeSignal
from services.http.geo import IPAddress

SEND_SECONDS = 2.0
SEND_TIMEOUT = 1.0
MAX_KEPT = 1_000
MAX_REQUESTS = 100_000
MAX_SESSIONS_PER_NETWORK = 2
"""Sessions counted per network and edge, within WINDOW_SECONDS."""
MAX_EDGES_PER_NETWORK = 8
"""Edges counted per network, within WINDOW_SECONDS."""
WINDOW_SECONDS = 60.0
MAX_NETWORKS = 10_000
IPV6_PREFIX = 64
MAX_ADDRESS_LENGTH = 300

log = structlog.get_logger()


class SignalSink(Protocol):
    """The part of the control client that takes signals."""

    async def put_signals(self, signals: Sequence[EdgeSignal], *, within: float) -> None:
        """Send what sessions experienced at edges."""


class SessionSignals:
    """Keeps the latest signal per session and edge, at most MAX_KEPT; further ones are dropped."""

    def __init__(self, control: SignalSink, clock: Clock) -> None:
        self._control = control
        self._met: dict[tuple[str, str], EdgeSignal] = {}
        self._said: TTLCache[str, dict[str, set[str]]] = TTLCache(MAX_NETWORKS, WINDOW_SECONDS, timer=clock.mono)
        self.rejected = 0

    def record_signal(
        self, session: str, edge: str, requests: int, errors: int, stalled: float, viewer: IPAddress | None = None
    ) -> None:
        """Keep a known session's signal about an edge (base URL or HOST:PORT). `viewer` is the sender's address."""
        address = _netloc(edge)
        if not address or not self._admits(network_of(viewer), address, session):
            self.rejected += 1
            return
        key = (session, address)
        if key in self._met or len(self._met) < MAX_KEPT:
            self._met[key] = EdgeSignal(
                address, session, min(requests, MAX_REQUESTS), min(errors, MAX_REQUESTS), stalled
            )

    def _admits(self, network: str, edge: str, session: str) -> bool:
        said = self._said.get(network)
        if said is None:
            said = self._said[network] = {}
        if edge not in said and len(said) >= MAX_EDGES_PER_NETWORK:
            return False
        sessions = said.setdefault(edge, set())
        if session not in sessions and len(sessions) >= MAX_SESSIONS_PER_NETWORK:
            return False
        sessions.add(session)
        return True

    async def run(self) -> None:
        """Send batches for ever; a batch that fails is dropped, because it is outdated by the next one."""
        while True:
            await asyncio.sleep(SEND_SECONDS)
            await self.send_batch()

    async def send_batch(self) -> None:
        """Send the pending signals."""
        if not self._met:
            return
        batch, self._met = list(self._met.values()), {}
        try:
            await self._control.put_signals(batch, within=SEND_TIMEOUT)
        except MatineeError as error:
            log.warning("signals-not-sent", error=str(error))


def _netloc(edge: str) -> str:
    """HOST:PORT of an edge as a viewer sent it; "" if invalid."""
    try:
        address = urlsplit(edge).netloc if "://" in edge else edge
    except ValueError:
        return ""
    return address if address.isprintable() and len(address) <= MAX_ADDRESS_LENGTH else ""


def network_of(viewer: IPAddress | None) -> str:
    """The network that counts as one viewer: the address; of IPv6 the /64, which one household has."""
    if viewer is None:
        return "unknown"
    if viewer.version == 6:
        return str(ip_network((viewer, IPV6_PREFIX), strict=False))
    return str(viewer)
