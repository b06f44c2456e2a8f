"""Keeps control told of the licences of published titles, as the catalogue changes.

Playback never waits for it. Control keeps the cursor, so a new link goes on where control stands.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any, Protocol

import structlog

from kernel.errors import MatineeError
from services.catalogue.title import Change
from services.counters import Counters

log = structlog.get_logger()

MIN_RETRY_SECONDS = 0.5
MAX_RETRY_SECONDS = 10.0


class SyncStatus(Protocol):
    """What control holds."""

    @property
    def cursors(self) -> Mapping[str, int]:
        """How far control has read each source."""


class LicenceSink(Protocol):
    """What is said to control."""

    async def put_titles(
        self, titles: Sequence[Mapping[str, Any]], *, removed: Sequence[str] = (), cursor: int = 0, source: str = ""
    ) -> object:
        """Licences, and how far the source is read with them."""

    async def status(self) -> SyncStatus:
        """What control holds."""


class ChangeSource(Protocol):
    """What is told: the catalogue's change log."""

    async def head(self) -> int:
        """The latest change."""

    def follow(self, after: int) -> AsyncIterator[list[Change]]:
        """Batches of changes, for ever."""


class LicenceSync:
    """`run` tells control for as long as the process lives."""

    def __init__(self, control: LicenceSink, catalogue: ChangeSource, source: str, counters: Counters) -> None:
        self._control = control
        self._catalogue = catalogue
        self._source = source
        self._counters = counters

    async def run(self) -> None:
        """Tell, and after a failure again, from where control stands, with growing pauses."""
        pause = MIN_RETRY_SECONDS
        while True:
            try:
                async for _ in self._send_changes():
                    pause = MIN_RETRY_SECONDS
            except MatineeError as error:
                log.warning("control-unreachable", what="licences", error=str(error), retry_in=pause)
            await asyncio.sleep(pause)
            pause = min(pause * 2, MAX_RETRY_SECONDS)

    async def _send_changes(self) -> AsyncIterator[int]:
        cursor = (await self._control.status()).cursors.get(self._source, 0)
        if cursor > await self._catalogue.head():  # this catalogue was put back from a copy: tell everything anew
            cursor = 0
        yield cursor
        async for batch in self._catalogue.follow(cursor):
            cursor = batch[-1].seq
            titles = [
                {"contentId": change.title.content_id, "countries": change.title.countries}
                for change in batch
                if change.title.playable is not None
            ]
            gone = [change.title.content_id for change in batch if change.title.playable is None]
            # titles that nobody can play need no rule at the edges: control denies what it does not list
            await self._control.put_titles(titles, removed=gone, cursor=cursor, source=self._source)
            self._counters.control_cursor.set(cursor)
            yield cursor
