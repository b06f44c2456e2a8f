"""LOG: one JSON line a request, preformatted, batched, written in a thread.

The token is never here: paths come without it. When the log cannot keep up, lines are dropped and counted; a viewer
never waits for the log.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path

from cache.cache import Workshop
from kernel.clock import Clock
from kernel.errors import BadSettings

FLUSH_SECONDS = 0.5
FLUSH_LINES = 2_000
MOST_LINES = 100_000
"""Lines that wait for the disk; beyond it they are dropped."""

_TRACEPARENT = re.compile(rb"[0-9a-f]{2}-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}")
_CLEAN = re.compile(rb"[ !#-\[\]-~]*")


@lru_cache(maxsize=65536)
def _quoted(text: str | None) -> str:
    return "null" if text is None else json.dumps(text)


class AccessLog:
    """The access log of one edge. `file` None: nothing is written, but lines are still made for no one: skip `add`."""

    def __init__(
        self, file: Path, node: str, clock: Clock, workshop: Workshop, dropped: Callable[[int], object]
    ) -> None:
        """Open the file for appending; BadSettings when it cannot be."""
        self._node = json.dumps(node)
        self._file = file
        self._clock = clock
        self._workshop = workshop
        self._dropped = dropped
        self._lines: list[str] = []
        self._flushing = False
        self._timed = False
        self._millisecond = -1
        self._moment = ""
        self._traces = os.urandom(8).hex()
        self._trace = 0
        self._fd = self._open()

    def _open(self) -> int:
        try:
            self._file.parent.mkdir(parents=True, exist_ok=True)
            return os.open(self._file, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o640)
        except OSError as error:
            raise BadSettings("access_log", f"{self._file} cannot be written: {error.strerror}") from None

    def reopen(self) -> None:
        """After the file was moved away (log rotation)."""
        new = self._open()
        os.dup2(new, self._fd, inheritable=False)  # a thread may be writing: the descriptor's number must stay ours
        os.close(new)

    def add(
        self,
        traceparent: bytes | None,
        session: str | None,
        address: str,
        country: str | None,
        method: bytes,
        path: bytes,
        status: int,
        sent: int,
        outcome: str,
        reason: str | None,
        seconds: float,
    ) -> None:
        """One record; `edge.log_fields` says what stands in it."""
        match = _TRACEPARENT.fullmatch(traceparent) if traceparent is not None else None
        if match:
            trace = match[1].decode()
        else:
            self._trace += 1
            trace = f"{self._traces}{self._trace:016x}"
        text = path.decode("ascii") if _CLEAN.fullmatch(path) else json.dumps(path.decode("latin-1"))[1:-1]
        self._lines.append(
            f'{{"time":{self._clock.wall():.3f}{self.beginning(session, address, country, method.decode("latin-1"))}'
            f'{text}","status":{status},"bytes":{sent},"trace_id":"{trace}","outcome":"{outcome}",'
            f'"reason":{_quoted(reason)},"ms":{seconds * 1e3:.3f}}}\n'
        )
        self._added()

    def beginning(self, session: str | None, address: str, country: str | None, method: str) -> str:
        """The part of a line between its time and its path: the same for all of a viewer's requests."""
        return (
            f',"node":{self._node},"session":{_quoted(session)},"address":"{address}","country":{_quoted(country)},'
            f'"method":"{method}","path":"'
        )

    def hit(self, beginning: str, name: str, sent: int, wall: float) -> None:
        """The record of a hit that was answered in one straight run: `beginning` has the path's folder at its end."""
        millisecond = int(wall * 1000)
        if millisecond != self._millisecond:
            self._millisecond = millisecond
            self._moment = f'{{"time":{wall:.3f}'
        self._trace += 1
        lines = self._lines
        lines.append(
            f'{self._moment}{beginning}{name}","status":200,"bytes":{sent},"trace_id":"{self._traces}{self._trace:016x}",'
            '"outcome":"hit","reason":null,"ms":0}\n'
        )
        if not self._timed or len(lines) >= FLUSH_LINES:
            self._added()

    def _added(self) -> None:
        if len(self._lines) >= FLUSH_LINES:
            self.flush()
        elif not self._timed:
            self._timed = True
            self._clock.call_later(FLUSH_SECONDS, self._due)

    def _due(self) -> None:
        self._timed = False
        self.flush()

    def flush(self) -> None:
        """Send what there is to the disk, unless a batch is already on its way."""
        if self._flushing:
            if len(self._lines) > MOST_LINES:
                self._dropped(len(self._lines))
                self._lines.clear()
            return
        if self._lines:
            lines, self._lines = self._lines, []
            self._flushing = True
            self._workshop.spawn(self._write(lines))

    async def _write(self, lines: list[str]) -> None:
        try:
            await self._workshop.offload(lambda: self._append(lines))
        except OSError:
            self._dropped(len(lines))
        finally:
            self._flushing = False
        if self._lines:
            self._added()  # they came due while this batch was being written

    def _append(self, lines: list[str]) -> None:
        rest = memoryview("".join(lines).encode("utf-8", "replace"))
        while rest:
            rest = rest[os.write(self._fd, rest) :]

    def close(self) -> None:
        """Write the rest, in this thread, and let the file go."""
        lines, self._lines = self._lines, []
        try:
            self._append(lines)
        except OSError:
            self._dropped(len(lines))
        os.close(self._fd)
