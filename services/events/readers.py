"""How consumers read the event log: they wait for the next records after a cursor of their own."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Protocol

import structlog

from kernel.errors import StorageFailed
from services.events.segments import Page, read_page

log = structlog.get_logger()


class EventReader(Protocol):
    """What consumers need of the log."""

    async def read(self, cursor: int) -> Page:
        """The next records from a cursor on, waiting for the first one. Raises StorageFailed."""


async def read_in_thread(folder: Path, cursor: int) -> Page:
    """`read_page` off the event loop. Raises StorageFailed."""
    try:
        page = await asyncio.to_thread(read_page, folder, cursor)
    except OSError as error:
        raise StorageFailed(f"the event log {folder} cannot be read: {error}") from error
    if page.skipped:
        log.error("event-log-records-lost", bytes=page.skipped, cursor=cursor)
    return page
