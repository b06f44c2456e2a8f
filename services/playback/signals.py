"""What sessions meet at edges, told to control in batches: passive signals of the edges' health."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Protocol
from urllib.parse import urlsplit

import structlog

from kernel.errors import MatineeError
from rpc.control_client import Met

EVERY = 2.0
WITHIN = 1.0
KEPT = 1_000
REQUESTS_MOST = 100_000

log = structlog.get_logger()


class Told(Protocol):
    """What is told to control."""

    async def put_signals(self, signals: Sequence[Met], *, within: float) -> None:
        """What sessions met at edges."""


class Signals:
    """Gathers, a session and edge at a time, the latest word only; at most KEPT, what is more is dropped."""

    def __init__(self, control: Told) -> None:
        self._control = control
        self._met: dict[tuple[str, str], Met] = {}

    def take(self, session: str, edge: str, requests: int, errors: int, stalled: float) -> None:
        """A session tells of an edge, by its base URL or HOST:PORT."""
        address = urlsplit(edge).netloc if "://" in edge else edge
        key = (session, address)
        if address and (key in self._met or len(self._met) < KEPT):
            self._met[key] = Met(address, session, min(requests, REQUESTS_MOST), min(errors, REQUESTS_MOST), stalled)

    async def run(self) -> None:
        """Tell control for ever; what it cannot be told is old by the next time, and is dropped."""
        while True:
            await asyncio.sleep(EVERY)
            await self.tell()

    async def tell(self) -> None:
        """Tell what was gathered."""
        if not self._met:
            return
        batch, self._met = list(self._met.values()), {}
        try:
            await self._control.put_signals(batch, within=WITHIN)
        except MatineeError as error:
            log.warning("signals-not-told", error=str(error))
