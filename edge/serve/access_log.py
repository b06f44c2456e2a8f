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

from cache.cache import TaskRunner
from kernel.clock import Clock
from kernel.errors import BadSettings

FLUSH_SECONDS = 0.5
FLUSH_LINES = 2_000
MAX_QUEUED_LINES = 100_000
"""Lines that wait for the disk; beyond it they are dropped."""
PIECES = 6
"""Each line waits as so many pieces, which are joined in the thread that writes: hits share most of theirs."""
_NO_MORE = (b"",) * (PIECES - 1)

_TRACEPARENT = re.compile(rb"[0-9a-f]{2}-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}")
_CLEAN = re.compile(rb"[ !#-\[\]-~]*")


_TRACE_ENDS = tuple(b'%03x"}\n' % number for number in range(4096))
"""Ends of lines: the last digits of a trace id, ready made."""
_MAX_TRACES = len(_TRACE_ENDS)


@lru_cache(maxsize=65536)
def _quoted(text: str | None) -> str:
    return "null" if text is None else json.dumps(text)


class AccessLog:
    """The access log of one edge. `file` None: nothing is written, but lines are still made for no one: skip
    `log_request`."""

    def __init__(
        self, file: Path, node: str, clock: Clock, workshop: TaskRunner, dropped: Callable[[int], object]
    ) -> None:
        """Open the file for appending; BadSettings when it cannot be."""
        self._node = json.dumps(node)
        self._file = file
        self._clock = clock
        self._workshop = workshop
        self._dropped = dropped
        self._pieces: list[bytes] = []
        self._flushing = False
        self._timed = False
        self._moment = b""
        self._moment_from = self._moment_to = 0.0
        self._process = os.urandom(8).hex()
        self._thousands = self._trace = 0
        self._traces = b""
        self._next_traces()
        self._fd = self._open()

    def _open(self) -> int:
        try:
            self._file.parent.mkdir(parents=True, exist_ok=True)
            return os.open(self._file, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise BadSettings("access_log", f"{self._file} cannot be written: {error.strerror}") from None

    def reopen(self) -> None:
        """After the file was moved away (log rotation)."""
        new = self._open()
        os.dup2(new, self._fd, inheritable=False)  # a thread may be writing: the descriptor's number must stay ours
        os.close(new)

    def log_request(
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
        trace = match[1] if match else self._next_trace()
        text = path.decode("ascii") if _CLEAN.fullmatch(path) else json.dumps(path.decode("latin-1"))[1:-1]
        line = (
            f'{{"time":{self._clock.wall():.3f}{self.line_prefix(session, address, country, method.decode("latin-1"))}'
            f'{text}","status":{status},"bytes":{sent},"outcome":"{outcome}","reason":{_quoted(reason)},'
            f'"ms":{seconds * 1e3:.3f},"trace_id":"{trace.decode()}"}}\n'
        )
        self._pieces += (line.encode("utf-8", "replace"), *_NO_MORE)
        self._added()

    def line_prefix(self, session: str | None, address: str, country: str | None, method: str) -> str:
        """The part of a line between its time and its path: the same for all of a viewer's requests."""
        return (
            f',"node":{self._node},"session":{_quoted(session)},"address":"{address}","country":{_quoted(country)},'
            f'"method":"{method}","path":"'
        )

    @staticmethod
    def hit_record(sent: int) -> bytes:
        """The part of a fast-path hit's line between its path and its trace id; `sent`: bytes of the body."""
        return b'","status":200,"bytes":%d,"outcome":"hit","reason":null,"ms":0,"trace_id":"' % sent

    def log_hit(self, beginning: bytes, name: bytes, record: bytes, wall: float) -> None:
        """Log a hit of the fast path. `beginning`: `line_prefix` and the path's folder; `record`: from `hit_record`."""
        if not self._moment_from <= wall < self._moment_to:
            self._new_moment(wall)
        pieces = self._pieces
        self._trace = number = self._trace + 1
        if number == _MAX_TRACES:
            self._next_traces()
            number = 0
        pieces += (self._moment, beginning, name, record, self._traces, _TRACE_ENDS[number])
        if not self._timed or len(pieces) >= FLUSH_LINES * PIECES:
            self._added()

    def _new_moment(self, wall: float) -> None:
        millisecond = int(wall * 1000)
        self._moment_from, self._moment_to = millisecond / 1000, (millisecond + 1) / 1000
        self._moment = b'{"time":%.3f' % self._moment_from

    def _next_trace(self) -> bytes:
        self._trace += 1
        if self._trace == _MAX_TRACES:
            self._next_traces()
        return self._traces + _TRACE_ENDS[self._trace][:3]

    def _next_traces(self) -> None:
        self._trace = 0
        self._traces = f"{self._process}{self._thousands:013x}".encode()
        self._thousands += 1

    def _added(self) -> None:
        if len(self._pieces) >= FLUSH_LINES * PIECES:
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
            if len(self._pieces) > MAX_QUEUED_LINES * PIECES:
                self._dropped(len(self._pieces) // PIECES)
                self._pieces.clear()
            return
        if self._pieces:
            pieces, self._pieces = self._pieces, []
            self._flushing = True
            self._workshop.spawn(self._write(pieces))

    async def _write(self, pieces: list[bytes]) -> None:
        try:
            await self._workshop.offload(lambda: self._append(pieces))
        except OSError:
            self._dropped(len(pieces) // PIECES)
        finally:
            self._flushing = False
        if self._pieces:
            self._added()  # they came due while this batch was being written

    def _append(self, pieces: list[bytes]) -> None:
        rest = memoryview(b"".join(pieces))
        while rest:
            rest = rest[os.write(self._fd, rest) :]

    def close(self) -> None:
        """Write the rest, in this thread, and let the file go."""
        pieces, self._pieces = self._pieces, []
        try:
            self._append(pieces)
        except OSError:
            self._dropped(len(pieces) // PIECES)
        os.close(self._fd)
