"""Takes titles down and puts them back: out of the library and the catalogue, off the edges; nothing is deleted."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import msgspec
import structlog

from kernel.clock import Clock
from kernel.errors import BadRequest
from kernel.store_faults import StoreFault
from kernel.vocabulary import is_content_id
from origin.jobs.work.announce import Announcer
from origin.storage.library import Library
from origin.storage.records import TitleRecord
from origin.stores.object_store import StoreFailed
from system.clock import utc_timestamp

log = structlog.get_logger("origin")

SETTLE_SECONDS = 1.0
"""Every origin reads a title's record again within half a second: an edge purged before that could fetch it again."""


@dataclass(frozen=True, slots=True)
class Withdrawals:
    """The operations. They raise BadRequest (404), StoreFailed, and UpstreamFailed when somebody could not be told.

    Both may be called again, and tell everybody again.
    """

    library: Library
    announcer: Announcer
    clock: Clock
    pause: Callable[[float], Awaitable[None]] = asyncio.sleep

    async def withdraw(self, content_id: str) -> bool:
        """Take a title down; returns whether the edges were purged, which needs control.

        A new publication of the title stays down until `restore`.
        """
        now = utc_timestamp(self.clock.wall())
        await self._change(content_id, lambda found: msgspec.structs.replace(found, withdrawn=found.withdrawn or now))
        log.warning("title-withdrawn", content_id=content_id)
        await self.pause(SETTLE_SECONDS)
        return await self.announcer.announce_withdrawal(content_id)

    async def restore(self, content_id: str) -> bool:
        """Put a title back; returns whether the edges were purged of the answers that it is not there."""
        await self._change(content_id, lambda found: msgspec.structs.replace(found, withdrawn=""))
        log.info("title-restored", content_id=content_id)
        await self.pause(SETTLE_SECONDS)
        return await self.announcer.announce_withdrawal(content_id)

    async def _change(self, content_id: str, change: Callable[[TitleRecord], TitleRecord]) -> None:
        try:
            if not is_content_id(content_id):
                raise StoreFailed(StoreFault.MISSING, content_id)
            await self.library.change_title(content_id, change)
        except StoreFailed as error:
            if error.fault is not StoreFault.MISSING:
                raise
            raise BadRequest(404, "no-such-title", f"no title {content_id[:80]!r} is published") from None
