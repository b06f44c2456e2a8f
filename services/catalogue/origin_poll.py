"""Poll the origin's library, and mark its titles as playable in the catalogue."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable

import aiohttp
import structlog
from aiohttp import web

from httpd.bounded_body import read_at_most
from kernel.clock import Clock
from kernel.errors import StorageFailed
from services.catalogue.library import parse_library
from services.catalogue.store import CatalogueStore
from services.counters import Counters
from services.http.route import Access, Route, json_response

log = structlog.get_logger()

ANNOUNCEMENTS = "/titles/announcements"
MAX_LIBRARY_BYTES = 64 << 20
MAX_RETRY_SECONDS = 10.0
REQUEST_TIMEOUT = 10.0


class LibraryPoller:
    """Polls the library. While the origin fails, the catalogue stays unchanged."""

    def __init__(
        self, session: aiohttp.ClientSession, origin: str, store: CatalogueStore, changed: Callable[[], None],
        counters: Counters, clock: Clock, every: float,
    ) -> None:  # fmt: skip
        self._clock = clock
        self._session = session
        self._url = f"{origin}/library"
        self._store = store
        self._changed = changed
        self._counters = counters
        self._every = every
        self._etag: str | None = None
        self._failing = False
        self._announced = asyncio.Event()
        self.first_poll_done = asyncio.Event()
        """Set after the first successful poll."""

    async def run(self) -> None:
        """Poll for ever, with growing pauses while the origin fails."""
        pause = self._every
        while True:
            try:
                await self.poll_once()
                pause, self._failing = self._every, False
                self.first_poll_done.set()
            except (aiohttp.ClientError, TimeoutError, ValueError, StorageFailed) as error:
                self._counters.library_failures.inc()
                if not self._failing:  # Log the first failure of a row only.
                    log.warning("library-unreadable", url=self._url, error=str(error) or type(error).__name__)
                self._failing = True
                pause = min(pause * 2, max(MAX_RETRY_SECONDS, self._every))
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(pause):
                    await self._announced.wait()
            self._announced.clear()

    def routes(self) -> tuple[Route, ...]:
        """The route by which the origin announces a publication."""
        summary = "Read the origin's library now: it has a new publication"
        return (Route("POST", ANNOUNCEMENTS, self.announce, Access.OPERATOR, summary, statuses=(202,)),)

    async def announce(self, _: web.Request) -> web.StreamResponse:
        """`POST /titles/announcements`: the next poll is now; whatever the body says is read from the library."""
        self._announced.set()
        return json_response({}, status=202)

    async def poll_once(self) -> None:
        """Poll once. Raises ClientError, TimeoutError, ValueError (invalid library), StorageFailed."""
        headers = {"If-None-Match": self._etag} if self._etag else {}
        timeout = aiohttp.ClientTimeout(REQUEST_TIMEOUT)
        async with self._session.get(self._url, headers=headers, timeout=timeout, allow_redirects=False) as got:
            if got.status == 304:
                return
            if got.status != 200:
                raise ValueError(f"the origin answered {got.status}")
            body = await read_at_most(got.content, MAX_LIBRARY_BYTES + 1)
            if len(body) > MAX_LIBRARY_BYTES:
                raise ValueError(f"the library is larger than {MAX_LIBRARY_BYTES >> 20} MiB")
            etag = got.headers.get("ETag")
        entries, faults = parse_library(body)
        for fault in faults[:10]:
            log.warning("library-entry-invalid", error=fault)
        if await self._store.sync_library(entries, self._clock.wall()):
            log.info("library-read", titles=len(entries))
            self._changed()
        self._etag = etag
