"""The hot list of control, carried out: the first segments of what is hot are here before anybody asks for them."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from edge.prefetch.background import AT_A_TIME, BackgroundPrefetcher, PrefetchResult
from edge.prefetch.predictor import PrefetchPredictor
from edge.prefetch.scheduler import PrefetchRequest
from edge.prefetch.segment_index import RenditionIndex, SegmentIndex
from edge.tasks import TaskOwner
from kernel.clock import Clock, Timer
from kernel.fetch_reasons import PrefetchEnd
from kernel.fleet.hot_list import HotRow

LOOK_AGAIN = 300.0
"""Seconds after which what is on the list is brought again where it is gone."""
MAX_PLAYLISTS = 40
"""Playlists read to find a rendition."""
MASTERS = (b"master.m3u8", b"manifest.mpd")


class HotList:
    """`take` a list: it is worked off by a task of its own, and looked at again now and then. `region` stands in the
    paths where no viewer has asked for the title yet."""

    def __init__(
        self,
        unhurried: BackgroundPrefetcher,
        foresight: PrefetchPredictor,
        outlines: SegmentIndex,
        clock: Clock,
        tasks: TaskOwner,
        region: bytes,
    ) -> None:
        self._unhurried = unhurried
        self._foresight = foresight
        self._outlines = outlines
        self._clock = clock
        self._tasks = tasks
        self._region = region
        self._changed = self._running = False
        self._timer: Timer | None = None
        self._looked: dict[HotRow, float] = {}
        self.rows: tuple[HotRow, ...] = ()

    def take(self, rows: Sequence[HotRow]) -> None:
        """The list is this from now on: what rises comes first."""
        self.rows = tuple(sorted(rows, key=lambda row: not row.urgent))
        still = set(self.rows)
        self._looked = {row: at for row, at in self._looked.items() if row in still}
        self._changed = True
        self._wake()

    def stop(self) -> None:
        """Look no more."""
        if self._timer is not None:
            self._timer.cancel()

    def _wake(self) -> None:
        if not self._running and self.rows:
            self._running = True
            self._tasks.spawn(self._run())

    async def _run(self) -> None:
        """Bring what is on the list, and later what has gone again."""
        try:
            while self._changed:
                self._changed = False
                await self._once()
        finally:
            self._running = False
        self.stop()
        self._timer = self._clock.call_later(LOOK_AGAIN, self._again)

    def _again(self) -> None:
        self._changed = True
        self._wake()

    async def _once(self) -> None:
        for row in self.rows:
            if self._changed:
                return
            if self._clock.mono() >= self._looked.get(row, 0.0):
                self._looked[row] = self._clock.mono() + LOOK_AGAIN
                await self._bring(row)

    async def _bring(self, row: HotRow) -> None:
        title = row.content_id.encode("ascii")
        outline = await self._outline(row, title)
        if outline is None:
            return
        pieces = outline.first(row.segments)
        for at in range(0, len(pieces), AT_A_TIME):
            if self._changed and not row.urgent:
                self._looked.pop(row, None)
                return
            some = [PrefetchRequest(self._path(title, one.key), "hot", row.content_id, one.range, row.urgent) for one in
                    pieces[at : at + AT_A_TIME]]  # fmt: skip
            found = await asyncio.gather(*(self._unhurried.fetch(wish) for wish in some))
            if any(one.how is PrefetchEnd.FULL for one in found):
                return

    async def _outline(self, row: HotRow, title: bytes) -> RenditionIndex | None:
        """The rendition's outline: known, or read of the title's playlists."""
        rendition = row.rendition.encode("ascii")
        outline = self._outlines.of(title, rendition)
        for master in MASTERS:
            if outline is None and (await self._read(row, title + b"/" + master)).there:
                outline = self._outlines.of(title, rendition) or await self._read_all(row, title, rendition)
        return outline

    async def _read_all(self, row: HotRow, title: bytes, rendition: bytes) -> RenditionIndex | None:
        keys = self._outlines.playlists(title)
        folder = title + b"/" + (rendition + b"/" if rendition else b"")
        for key in sorted(keys, key=lambda key: not key.startswith(folder))[:MAX_PLAYLISTS]:
            await self._read(row, key)
            if (outline := self._outlines.of(title, rendition)) is not None:
                return outline
        return None

    async def _read(self, row: HotRow, key: bytes) -> PrefetchResult:
        wish = PrefetchRequest(self._path(row.content_id.encode("ascii"), key), "hot", row.content_id, None, row.urgent)
        brought = await self._unhurried.fetch(wish)
        if brought.there:
            await self._foresight.learn(wish.path)
        return brought

    def _path(self, title: bytes, key: bytes) -> bytes:
        return b"/cdn/" + (self._outlines.region(title) or self._region) + b"/" + key
