"""Send the licences of published titles to control whenever the catalogue changes.

Playback never waits for this. Control stores the cursor, so a restart continues where control is.
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
    """Control's status."""

    @property
    def cursors(self) -> Mapping[str, int]:
        """The last change that control has stored, by source."""


class LicenceSink(Protocol):
    """The part of the control client that takes licences."""

    async def put_titles(
        self, titles: Sequence[Mapping[str, Any]], *, removed: Sequence[str] = (), cursor: int = 0, source: str = ""
    ) -> object:
        """Store licences, together with the source's cursor after them."""

    async def status(self) -> SyncStatus:
        """Control's cursors."""


class ChangeSource(Protocol):
    """The catalogue's change log."""

    async def head(self) -> int:
        """The sequence number of the latest change."""

    def follow(self, after: int) -> AsyncIterator[list[Change]]:
        """Yield batches of changes, for ever."""


class LicenceSync:
    """Follows the catalogue; `run` is its background task."""

    def __init__(self, control: LicenceSink, catalogue: ChangeSource, source: str, counters: Counters) -> None:
        self._control = control
        self._catalogue = catalogue
        self._source = source
        self._counters = counters

    async def run(self) -> None:
        """Send changes for ever; after a failure, continue from control's cursor, with growing pauses."""
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
        if cursor > await self._catalogue.head():  # The catalogue was restored from an older backup: send everything.
            cursor = 0
        yield cursor
        # Unpublished titles need no rule at the edges: control denies titles that it does not list.
        async for batch in self._catalogue.follow(cursor):
            cursor = batch[-1].seq
            titles = [
                {"contentId": change.title.content_id, "countries": change.title.countries}
                for change in batch
                if change.title.playable is not None
            ]
            removed = [change.title.content_id for change in batch if change.title.playable is None]
            await self._control.put_titles(titles, removed=removed, cursor=cursor, source=self._source)
            self._counters.control_cursor.set(cursor)
            yield cursor
