"""Learn of other replicas' changes: PostgreSQL notifies, and a poll every second catches lost notifications."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from typing import Any

from kernel.errors import StorageFailed
from system.database.engine import Engine

POLL_EVERY = 1.0
"""Seconds; a notification may be lost with its connection."""


class ChangeListener:
    """Calls `refresh` whenever something may have changed. Run `run` as one task; it ends if there are no replicas."""

    def __init__(self, database: Engine, replica: str, refresh: Callable[[], Awaitable[object]]) -> None:
        self._database = database
        self._replica = replica
        self._refresh = refresh
        self._wake = asyncio.Event()
        self._connection: Any = None

    async def run(self) -> None:
        """Listen and poll until cancelled."""
        if self._database.listen is None:
            return
        try:
            while True:
                await self._listen()
                self._wake.clear()
                with contextlib.suppress(StorageFailed):  # the store has logged it; the next round retries
                    await self._refresh()
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(POLL_EVERY):
                        await self._wake.wait()
        finally:
            await self._close()

    async def _listen(self) -> None:
        if self._connection is not None or self._database.listen is None:
            return
        with contextlib.suppress(TimeoutError, *self._database.failures):
            self._connection = await self._database.listen(self._heard, self._lost)

    def _heard(self, replica: str) -> None:
        if replica != self._replica:
            self._wake.set()

    def _lost(self) -> None:
        self._connection = None

    async def _close(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            with contextlib.suppress(TimeoutError, *self._database.failures):
                await connection.close(timeout=2)
