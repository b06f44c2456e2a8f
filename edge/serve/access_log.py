"""LOG: what each request leaves behind: a counter by status, bytes by rendition, and a line in the access log.

Access log lines are JSON, preformatted, batched and written in a thread. They never hold the token: paths come without
it. If the disk cannot keep up, lines are dropped and counted; no viewer waits for the log.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path

from cache.cache import TaskRunner
from edge.counters import Counts
from edge.policy.profile import SEC_PURPOSE
from edge.serve.transaction import Transaction
from kernel.clock import Clock
from kernel.errors import BadSettings
from kernel.http.trace_context import TRACEPARENT
from kernel.vocabulary import Outcome

FLUSH_SECONDS = 0.5
FLUSH_LINES = 2_000
MAX_QUEUED_LINES = 100_000
"""Lines that may wait for the disk; beyond it they are dropped."""
PIECES = 6
"""Pieces of a line, joined in the thread that writes: hits share most of theirs."""
_NO_MORE = (b"",) * (PIECES - 1)

_TRACEPARENT = re.compile(TRACEPARENT.encode())
_CLEAN = re.compile(rb"[ !#-\[\]-~]*")


_TRACE_ENDS = tuple(b'%03x"}\n' % number for number in range(4096))
"""Ends of lines, made once: the last digits of a trace id."""
_MAX_TRACES = len(_TRACE_ENDS)


@lru_cache(maxsize=65536)
def _quoted(text: str | None) -> str:
    return "null" if text is None else json.dumps(text)


class AccessLog:
    """The access log of one edge. `dropped` is called with the number of lines lost."""

    def __init__(
        self, file: Path, node: str, clock: Clock, task_runner: TaskRunner, dropped: Callable[[int], object]
    ) -> None:
        """Open the file for appending; BadSettings when it cannot be."""
        self._node = json.dumps(node)
        self._file = file
        self._clock = clock
        self._task_runner = task_runner
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
        """Open the file again, after log rotation moved it away."""
        new = self._open()
        os.dup2(new, self._fd, inheritable=False)  # a thread may be writing: the descriptor's number must stay ours
        os.close(new)

    def log_request(
        self,
        traceparent: bytes | None,
        session: str | None,
        address: str,
        country: str | None,
        protocol: str,
        method: bytes,
        path: bytes,
        status: int,
        sent: int,
        outcome: str,
        reason: str | None,
        seconds: float,
    ) -> None:
        """Queue one line; its fields are those of `edge.log_fields`. `seconds`: from the parsed request to now."""
        match = _TRACEPARENT.fullmatch(traceparent) if traceparent is not None else None
        trace = match[1] if match else self._next_trace()
        text = path.decode("ascii") if _CLEAN.fullmatch(path) else json.dumps(path.decode("latin-1"))[1:-1]
        prefix = self.line_prefix(session, address, country, protocol, method.decode("latin-1"))
        line = (
            f'{{"time":{self._clock.wall():.3f}{prefix}'
            f'{text}","status":{status},"bytes":{sent},"outcome":"{outcome}","reason":{_quoted(reason)},'
            f'"ms":{seconds * 1e3:.3f},"trace_id":"{trace.decode()}"}}\n'
        )
        self._pieces += (line.encode("utf-8", "replace"), *_NO_MORE)
        self._schedule_flush()

    def line_prefix(self, session: str | None, address: str, country: str | None, protocol: str, method: str) -> str:
        """The part of a line between its time and its path: the same for all of a viewer's requests."""
        return (
            f',"node":{self._node},"session":{_quoted(session)},"address":"{address}","country":{_quoted(country)},'
            f'"protocol":"{protocol}","method":"{method}","path":"'
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
            self._schedule_flush()

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

    def _schedule_flush(self) -> None:
        if len(self._pieces) >= FLUSH_LINES * PIECES:
            self.flush()
        elif not self._timed:
            self._timed = True
            self._clock.call_later(FLUSH_SECONDS, self._on_flush_due)

    def _on_flush_due(self) -> None:
        self._timed = False
        self.flush()

    def flush(self) -> None:
        """Start writing what is queued, unless a batch is being written."""
        if self._flushing:
            if len(self._pieces) > MAX_QUEUED_LINES * PIECES:
                self._dropped(len(self._pieces) // PIECES)
                self._pieces.clear()
            return
        if self._pieces:
            pieces, self._pieces = self._pieces, []
            self._flushing = True
            self._task_runner.spawn(self._write(pieces))

    async def _write(self, pieces: list[bytes]) -> None:
        try:
            await self._task_runner.offload(lambda: self._append(pieces))
        except OSError:
            self._dropped(len(pieces) // PIECES)
        finally:
            self._flushing = False
        if self._pieces:
            self._schedule_flush()  # due since this batch was started

    def _append(self, pieces: list[bytes]) -> None:
        rest = memoryview(b"".join(pieces))
        while rest:
            rest = rest[os.write(self._fd, rest) :]

    def close(self) -> None:
        """Write the rest, in this thread, and close the file."""
        pieces, self._pieces = self._pieces, []
        try:
            self._append(pieces)
        except OSError:
            self._dropped(len(pieces) // PIECES)
        os.close(self._fd)


class RequestRecorder:
    """Records finished requests, except those of the fast path, which records its own in fewer steps."""

    def __init__(self, counts: Counts, log: AccessLog | None, clock: Clock) -> None:
        self._counts = counts
        self._log = log
        self._mono = clock.mono

    def record_served(
        self, transaction: Transaction, status: int, sent: int, outcome: Outcome, reason: str | None = None
    ) -> None:
        """Record a request that the cache or upstream answered. `sent`: bytes of the body; they count for the rendition
        that viewers received, except in a prefetch by another edge."""
        counts, routed = self._counts, transaction.routed
        counts.bytes_sent += sent
        counts.count_outcome(outcome)
        if sent and routed.cdn is not None and SEC_PURPOSE not in transaction.request.fields:
            counts.renditions.record(routed.shard_key, sent)
        self.record_request(transaction, status, sent, outcome, reason)

    def record_request(
        self, transaction: Transaction, status: int, sent: int, outcome: Outcome, reason: str | None = None
    ) -> None:
        """Count the status and log the request. Called directly for what the edge answers itself."""
        statuses = self._counts.statuses
        statuses[status] = statuses.get(status, 0) + 1
        if self._log is not None:
            request, viewer, permit = transaction.request, transaction.viewer, transaction.permit
            self._log.log_request(
                request.fields.get(b"traceparent"), permit.session if permit is not None else None, viewer.address,
                viewer.country, request.protocol, request.method, transaction.routed.path, status, sent, outcome.value,
                reason, self._mono() - transaction.began,
            )  # fmt: skip
