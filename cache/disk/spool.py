"""Spooling: a body that turns out to be large is written to a file while it comes, and readers read it from there.

A body without a Content-Length is kept in memory until it is too large for that. From then on its bytes go to a file
without a name; once they are written, memory lets go of them. So a reader may be as far behind as it likes, and when
the body is complete its length is known and it can be cached in slices.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from cache.body import SpoolFile
from cache.fills.fill import Fill
from cache.fills.fill_state import FillEvent, FillState
from cache.tasks import TaskRunner

MAX_UNWRITTEN_BYTES = 4 << 20
"""Bytes that wait to be written before the upstream is paused."""


class Spool:
    """Writes the bytes of one fill to `file` as they come. `pause` and `resume` hold the upstream back."""

    def __init__(
        self,
        fill: Fill,
        file: SpoolFile,
        task_runner: TaskRunner,
        pause: Callable[[], object],
        resume: Callable[[], object],
    ) -> None:
        self._fill, self._file, self._task_runner = fill, file, task_runner
        self._pause, self._resume = pause, resume
        self._is_writing = self._is_pausing = False
        self._lock = asyncio.Lock()
        fill.spool = file

    def advance(self) -> None:
        """More bytes came: write them unless a write is running. No effect once the body is not to be kept."""
        fill = self._fill
        if fill.state is not FillState.FILLING:
            return
        if not self._is_pausing and fill.received - len(self._file) > MAX_UNWRITTEN_BYTES:
            self._is_pausing = True
            self._pause()
        if not self._is_writing:
            self._is_writing = True
            self._task_runner.spawn(self._write_available())

    async def _write_available(self) -> None:
        try:
            await self.drain()
        finally:
            self._is_writing = False
            self._let_go_on()

    async def drain(self) -> None:
        """Write all that came. If that fails, the body is passed on and not kept."""
        async with self._lock:
            await self._write_all()

    async def _write_all(self) -> None:
        fill, file = self._fill, self._file
        while fill.state is FillState.FILLING and (pieces := fill.unspooled_chunks()):
            count = sum(map(len, pieces))
            try:
                await self._task_runner.offload(lambda pieces=pieces: file.append(pieces))  # type: ignore[misc]
            except OSError:
                if fill.state is FillState.FILLING:
                    fill.stop_keeping(FillEvent.TOO_LARGE)
                return
            file.grow(count)
            fill.drop_spooled_chunks()
            if fill.received - len(file) <= MAX_UNWRITTEN_BYTES // 2:
                self._let_go_on()

    def _let_go_on(self) -> None:
        if self._is_pausing:
            self._is_pausing = False
            if not self._fill.is_pausing:  # it stopped keeping the body meanwhile, and a reader is far behind
                self._resume()
