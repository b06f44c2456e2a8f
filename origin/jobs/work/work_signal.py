"""Wakes an idle worker when there may be work: by PostgreSQL's notifications, and by a look each second."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Any

import structlog

from kernel.errors import StorageFailed
from system.database.database import Database

log = structlog.get_logger("origin")

POLL_SECONDS = 1.0
LISTEN_AGAIN_SECONDS = 10.0
"""Until the next attempt to listen, after one has failed: polling goes on meanwhile."""


class WorkSignal:
    """Every change that may make steps ready notifies the queue's channel; `close` ends the listening."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._heard = asyncio.Event()
        self._connection: Any = None
        self._not_before = 0.0

    async def wait(self, seconds: float) -> None:
        """Until a notification, or so long. One that came since the last wait ends it at once."""
        await self._listen()
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._heard.wait()
        self._heard.clear()

    async def _listen(self) -> None:
        now = asyncio.get_running_loop().time()
        if self._connection is not None or now < self._not_before:
            return
        self._not_before = now + LISTEN_AGAIN_SECONDS
        try:
            self._connection = await self._database.listen(lambda _: self._heard.set(), self._lose)
        except StorageFailed as error:
            log.warning("not-listening", error=str(error))
            return
        self._heard.set()  # what came before the listening began was not heard

    def _lose(self) -> None:
        self._connection = None

    async def close(self) -> None:
        """Stop listening."""
        connection, self._connection = self._connection, None
        if connection is not None:
            with suppress(Exception):  # the server may be gone, and the process ends anyway
                await connection.close(timeout=1.0)
