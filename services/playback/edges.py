"""Which edges to send a viewer to: asked of control, remembered for moments, known without it all the same."""

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
from services.playback.eligibility import edges_for
from services.playback.pathways import MAX_PATHWAYS, Pathway, pathway_id

WITHIN = 0.15
"""Seconds that control has to answer."""
REMEMBERED = 1.0
CALM_TTL = 10.0
"""Control names a shorter time while any edge is in trouble."""
AWAY = 2.0
"""Seconds for which control is not asked after it failed to answer."""
BUCKETS = 64
"""Viewers are asked for as one of so many, so that what one was told serves others."""
MAX_ANSWERS = 10_000
AT_ONCE = 200
TTL_WITHOUT = 5.0
_WELL = ("good", "returning")

log = structlog.get_logger()


class Named(Protocol):
    """An edge as control names it."""

    @property
    def address(self) -> str:
        """HOST:PORT."""

    @property
    def why(self) -> str:
        """Why it has its place, beginning with its standing."""


class Routed(Protocol):
    """Control's answer."""

    @property
    def edges(self) -> Sequence[Named]:
        """Best first."""

    @property
    def ttl(self) -> float:
        """Seconds until to ask again."""


class Router(Protocol):
    """What is asked of control."""

    async def route(
        self, content_id: str, *, region: str = "", country: str = "", session: str = "", most: int = 0, within: float
    ) -> Routed:
        """Which edges a session should use."""


@dataclass(frozen=True, slots=True)
class Found:
    """The edges to use, best first, for `ttl` seconds; `calm`: no edge is known to be in trouble."""

    pathways: tuple[Pathway, ...]
    ttl: float
    calm: bool = True


class EdgeFinder:
    """`find` never fails for want of control. `bases` are the configured edges: known without control, and how the
    addresses that control names are reached."""

    def __init__(
        self, control: Router | None, bases: Sequence[str], region: str, clock: Clock, counters: Counters
    ) -> None:
        self._control = control
        self._bases = tuple(bases)
        self._by_address = {urlsplit(base).netloc: base for base in bases}
        self._scheme = urlsplit(bases[0]).scheme if bases else "http"
        self._region = region
        self._clock = clock
        self._counters = counters
        self._answers: TTLCache[tuple[str, str, str], Found] = TTLCache(MAX_ANSWERS, REMEMBERED, timer=clock.mono)
        self._away_until = float("-inf")
        self._running = asyncio.Semaphore(AT_ONCE)

    async def find(self, content_id: str, country: str | None, bucket: str) -> Found:
        """The edges for a viewer of that bucket (`bucket_of` a session, say). Raises Overloaded."""
        key = (content_id, country or "", bucket)
        found = self._answers.get(key)
        if found is None:
            found = await self._ask(content_id, country or "", bucket)
            self._answers[key] = found
        return found

    async def _ask(self, content_id: str, country: str, bucket: str) -> Found:
        if self._control is None or self._clock.mono() < self._away_until:
            return self._without(bucket)
        if self._running.locked():
            raise Overloaded(OverloadReason.ROUTING)
        async with self._running:
            try:
                async with asyncio.timeout(WITHIN):
                    routed = await self._control.route(
                        content_id, region=self._region, country=country, session=bucket,
                        most=MAX_PATHWAYS, within=WITHIN,
                    )  # fmt: skip
            except (MatineeError, TimeoutError) as error:
                self._away_until = self._clock.mono() + AWAY
                self._counters.routes.labels("control-away").inc()
                log.warning("control-unreachable", what="edges", error=str(error) or type(error).__name__)
                return self._without(bucket)
        if not routed.edges:
            self._counters.routes.labels("no-edge").inc()
            return self._without(bucket)
        self._counters.routes.labels("control").inc()
        return Found(tuple(self._pathway(one) for one in routed.edges), routed.ttl, routed.ttl >= CALM_TTL)

    def _pathway(self, named: Named) -> Pathway:
        base = self._by_address.get(named.address, f"{self._scheme}://{named.address}")
        return Pathway(pathway_id(base), base, named.why.partition(":")[0] in _WELL, named.why)

    def _without(self, bucket: str) -> Found:
        """The configured edges, in the viewer's own order."""
        listed = edges_for(bucket, self._bases)
        return Found(tuple(Pathway(pathway_id(base), base, why="configured") for base in listed), TTL_WITHOUT)


def bucket_of(viewer: str) -> str:
    """Which of the buckets a viewer falls into."""
    return str(int.from_bytes(hashlib.blake2b(viewer.encode(), digest_size=4).digest()) % BUCKETS)
