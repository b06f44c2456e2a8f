"""Select the edges for a viewer: ask control, cache its answer briefly, fall back to the configured edges."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol
from urllib.parse import urlsplit

import structlog
from cachetools import TTLCache

from kernel.clock import Clock
from kernel.errors import MatineeError, Overloaded
from kernel.vocabulary import OverloadReason
from services.counters import Counters
from services.playback.routing.pathways import MAX_PATHWAYS, Pathway, pathway_id

CONTROL_TIMEOUT = 0.15
"""Seconds to wait for control's answer."""
ANSWER_CACHE_SECONDS = 1.0
HEALTHY_TTL = 10.0
"""Control's `ttl` while all edges are healthy; it answers with a shorter one while any is not."""
CONTROL_BACKOFF_SECONDS = 2.0
"""Seconds without queries to control after one failed."""
BUCKETS = 64
"""Number of viewer buckets: viewers of a bucket share control's cached answer."""
MAX_CACHED_ANSWERS = 10_000
MAX_CONCURRENT_QUERIES = 200
FALLBACK_TTL = 5.0
_HEALTHY = ("good", "returning")

log = structlog.get_logger()


class NamedEdge(Protocol):
    """An edge in control's answer."""

    @property
    def address(self) -> str:
        """HOST:PORT."""

    @property
    def why(self) -> str:
        """Why the edge has this rank; starts with its health and a colon."""


class RouteAnswer(Protocol):
    """Control's answer to a route query."""

    @property
    def edges(self) -> Sequence[NamedEdge]:
        """Best first."""

    @property
    def ttl(self) -> float:
        """Seconds until the next query is useful."""


class RoutingClient(Protocol):
    """The part of the control client that selects edges."""

    async def route(
        self, content_id: str, *, region: str = "", country: str = "", session: str = "", most: int = 0, within: float
    ) -> RouteAnswer:
        """Rank the edges for a session; at most `most`, within `within` seconds."""


@dataclass(frozen=True, slots=True)
class EdgeChoice:
    """The edges to use, best first, for `ttl` seconds; `all_healthy` if control reports no unhealthy edge."""

    pathways: tuple[Pathway, ...]
    ttl: float
    all_healthy: bool = True


class EdgeFinder:
    """Finds edges, also while control is unreachable.

    `bases` are the configured edges' base URLs: the fallback, and the scheme for the addresses that control returns.
    """

    def __init__(
        self, control: RoutingClient | None, bases: Sequence[str], region: str, clock: Clock, counters: Counters
    ) -> None:
        self._control = control
        self._bases = tuple(bases)
        self._by_address = {urlsplit(base).netloc: base for base in bases}
        self._scheme = urlsplit(bases[0]).scheme if bases else "http"
        self._region = region
        self._clock = clock
        self._counters = counters
        self._answers: TTLCache[tuple[str, str, str], EdgeChoice] = TTLCache(
            MAX_CACHED_ANSWERS, ANSWER_CACHE_SECONDS, timer=clock.mono
        )
        self._away_until = float("-inf")
        self._running = asyncio.Semaphore(MAX_CONCURRENT_QUERIES)

    async def find_edges(self, content_id: str, country: str | None, bucket: str) -> EdgeChoice:
        """The edges for the viewers of a bucket (see `bucket_of`). Raises Overloaded."""
        key = (content_id, country or "", bucket)
        found = self._answers.get(key)
        if found is None:
            found = await self._ask_control(content_id, country or "", bucket)
            self._answers[key] = found
        return found

    async def _ask_control(self, content_id: str, country: str, bucket: str) -> EdgeChoice:
        if self._control is None or self._clock.mono() < self._away_until:
            return self._configured_edges(bucket)
        if self._running.locked():
            raise Overloaded(OverloadReason.ROUTING)
        async with self._running:
            try:
                async with asyncio.timeout(CONTROL_TIMEOUT):
                    routed = await self._control.route(
                        content_id, region=self._region, country=country, session=bucket,
                        most=MAX_PATHWAYS, within=CONTROL_TIMEOUT,
                    )  # fmt: skip
            except (MatineeError, TimeoutError) as error:
                self._away_until = self._clock.mono() + CONTROL_BACKOFF_SECONDS
                self._counters.routes.labels("control-away").inc()
                log.warning("control-unreachable", what="edges", error=str(error) or type(error).__name__)
                return self._configured_edges(bucket)
        if not routed.edges:
            self._counters.routes.labels("no-edge").inc()
            return self._configured_edges(bucket)
        self._counters.routes.labels("control").inc()
        return EdgeChoice(tuple(self._pathway(one) for one in routed.edges), routed.ttl, routed.ttl >= HEALTHY_TTL)

    def _pathway(self, named: NamedEdge) -> Pathway:
        base = self._by_address.get(named.address, f"{self._scheme}://{named.address}")
        return Pathway(pathway_id(base), base, named.why.partition(":")[0] in _HEALTHY, named.why)

    def _configured_edges(self, bucket: str) -> EdgeChoice:
        """The configured edges, in the bucket's order of preference."""
        listed = edges_for(bucket, self._bases)
        return EdgeChoice(tuple(Pathway(pathway_id(base), base, why="configured") for base in listed), FALLBACK_TTL)


def bucket_of(viewer: str) -> str:
    """The bucket of a viewer, given their session id or address."""
    return str(int.from_bytes(hashlib.blake2b(viewer.encode(), digest_size=4).digest()) % BUCKETS)


def edges_for(session: str, edges: Sequence[str]) -> list[str]:
    """All edges in the session's order of preference, by rendezvous hashing: load spreads, a session keeps its edge."""

    def weight(edge: str) -> bytes:
        return hashlib.blake2b(f"{session}\0{edge}".encode(), digest_size=8).digest()

    return sorted(edges, key=weight, reverse=True)
