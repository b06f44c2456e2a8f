"""One request to an upstream and its response: waits for the head, passes the body on in pieces, each within a time
limit.

Four limits: the head within `first_byte` after the request (after its last byte, while the upstream still takes it; a
1xx is no head); pieces of the body within `idle` of one another; and the whole within `total`, which each `MIN_RATE`
bytes extend by a second, so that a trickle ends and a large body at a decent rate does not. Time during which our
readers hold the upstream back counts towards none of them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from cache.body import Chunk
from edge.upstreams.http1_client import UpstreamConnection
from kernel.clock import Clock, Timer
from kernel.errors import UpstreamFailed
from kernel.fetch_reasons import UpstreamReason
from kernel.http.message import Fields

MAX_EARLY_BYTES = 2
"""Pieces of a body that are buffered before its head is handled."""
MIN_RATE = 16 * 1024
"""Bytes of a body that extend its total time by a second."""


@dataclass(frozen=True, slots=True)
class Timeouts:
    """In seconds: to connect, from request to head, between two pieces of a body, and for all of it (0: no limit)."""

    connect: float = 3.0
    first_byte: float = 10.0
    idle: float = 15.0
    total: float = 600.0


class ExchangeObserver(Protocol):
    """Learns how an exchange went."""

    def on_head(self, status: int) -> None:
        """The head arrived."""

    def on_end(self, error: UpstreamFailed | None, *, whole: bool) -> None:
        """Called once, at the end: `whole`, broken by the upstream (`error`), or aborted by us."""


class Exchange:
    """One request and its response; implements `edge.upstreams.http1_client.ResponseListener`."""

    def __init__(
        self,
        clock: Clock,
        timeouts: Timeouts,
        interim: Callable[[int, Fields], object] | None,
        outcome: ExchangeObserver | None = None,
    ) -> None:
        loop = asyncio.get_running_loop()
        self.status = 0
        self.fields: Fields = []
        self.length: int | None = None
        self.ends_at_close = False
        """Whether the body ends with the connection: a truncated body may look complete."""
        self.connection: UpstreamConnection | None = None
        self._headed: asyncio.Future[None] = loop.create_future()
        self._ended: asyncio.Future[None] = loop.create_future()
        self._sink: Callable[[Chunk], object] | None = None
        self._early: list[Chunk] = []
        self._clock = clock
        self._timeouts = timeouts
        self._first_byte = timeouts.first_byte
        self._timer: Timer | None = None
        self._interim = interim
        self._outcome = outcome
        self._began = self._moved = clock.mono()
        self._unsent = self._taken = 0
        self._received = 0
        self._paused_at: float | None = None
        self._paused_for = 0.0
        self._whole = False

    def on_sent(self, connection: UpstreamConnection, first_byte: float | None = None) -> None:
        """The request is sent on this connection: start the timer of the first byte (`first_byte` may shorten it)."""
        self.connection = connection
        if first_byte is not None:
            self._first_byte = first_byte
        self._began = self._moved = self._clock.mono()
        self._unsent = connection.unsent
        connection.on_request_taken = self._request_taken
        self._arm_timer(self._first_byte)

    def _request_taken(self) -> None:
        """The last bytes of a long request were taken only now."""
        self._began = self._moved = self._clock.mono()

    async def wait_for_head(self) -> None:
        """Wait for the head. Raises UpstreamFailed if there will be none."""
        await self._headed

    async def read_body(self, sink: Callable[[Chunk], object]) -> None:
        """Pass the body to `sink` in pieces until its end. Raises UpstreamFailed if it is cut off."""
        early, self._early = self._early, []
        while early:
            sink(early.pop(0))
        self._sink = sink
        if self._paused_at is None and self.connection is not None:
            self.connection.pause_reading(on=False)
        try:
            await self._ended
        finally:
            self.close()

    def pause(self) -> None:
        """Stop reading: the readers are behind. The wait for them is not the upstream's idle time."""
        if self._paused_at is None:
            self._paused_at = self._clock.mono()
            if self.connection is not None:
                self.connection.pause_reading(on=True)

    def resume(self) -> None:
        """Continue reading."""
        if self._paused_at is not None:
            self._moved = self._clock.mono()
            self._paused_for += self._moved - self._paused_at
            self._paused_at = None
            if self.connection is not None:
                self.connection.pause_reading(on=False)

    def close(self) -> None:
        """End the exchange; an unfinished response's connection is aborted."""
        self._sink = None  # it refers to the fill, and the body would be held until the garbage collector runs
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        connection, self.connection = self.connection, None
        if connection is not None and not self._whole:
            connection.abort()
        for future in (self._headed, self._ended):
            if not future.done():
                future.cancel()
        self._report_end(None)

    # -- timers -------------------------------------------------------------------------------------------------

    def _arm_timer(self, seconds: float) -> None:
        self._timer = self._clock.call_later(seconds, self._on_timer)

    def _on_timer(self) -> None:
        """A limit may be reached: find out which, or how long is left."""
        self._timer = None
        now = self._clock.mono()
        if not self._headed.done():
            left, reason = self._moved + self._first_byte - now, UpstreamReason.FIRST_BYTE_TIMEOUT
            unsent = self.connection.unsent if self.connection is not None else 0
            if left <= 0 and 0 < unsent < self._unsent:
                left, self._moved, self._unsent = self._first_byte, now, unsent  # the upstream still takes the request
            elif left <= 0 and self._uploads(unsent):
                left, self._moved = self._first_byte, now
        elif self._paused_at is not None:
            left, reason = self._timeouts.idle, UpstreamReason.IDLE_TIMEOUT
        else:
            left, reason = min(
                (self._moved + self._timeouts.idle - now, UpstreamReason.IDLE_TIMEOUT), self._left_of_all(now)
            )
        if left > 0:
            self._arm_timer(left)
            return
        if self.connection is not None:
            self.connection.abort()
        self.on_broken(UpstreamFailed(reason))

    def _uploads(self, unsent: int) -> bool:
        """Whether more of the request will follow, and the upstream is not to blame that it has not yet."""
        connection = self.connection
        if connection is None or not connection.is_sending:
            return False
        before, self._taken = self._taken, connection.bytes_taken
        return not unsent or self._taken > before

    def _left_of_all(self, now: float) -> tuple[float, UpstreamReason]:
        total = self._timeouts.total
        if not total:
            return float("inf"), UpstreamReason.TOTAL_TIMEOUT
        spent = now - self._began - self._paused_for
        return total + self._received / MIN_RATE - spent, UpstreamReason.TOTAL_TIMEOUT

    # -- ResponseListener ---------------------------------------------------------------------------------------

    def on_interim(self, status: int, fields: Fields) -> None:
        """A 1xx. 100 is not passed on: it answers an Expect that we never send."""
        if self._interim is not None and status != 100:
            self._interim(status, fields)

    def on_head(self, status: int, fields: Fields, length: int | None) -> None:
        """The head: from now on the idle and total limits apply."""
        self.status, self.fields, self.length = status, fields, length
        if self.connection is not None:
            self.ends_at_close = self.connection.ends_at_close
        self._moved = self._clock.mono()
        if self._timer is not None:
            self._timer.cancel()
            self._due_after_head()
        if not self._headed.done():
            self._headed.set_result(None)
        if self._outcome is not None:
            self._outcome.on_head(status)

    def _due_after_head(self) -> None:
        left, _ = self._left_of_all(self._moved)
        self._arm_timer(max(0.0, min(self._timeouts.idle, left)))

    def on_body(self, data: Chunk) -> None:
        """A piece of the body."""
        self._moved = self._clock.mono()
        self._received += len(data)
        if self._sink is None:
            self._early.append(data)  # for one turn of the loop at most, until the head is handled
            if len(self._early) == MAX_EARLY_BYTES and self.connection is not None:
                self.connection.pause_reading(on=True)  # one turn may bring megabytes
        else:
            self._sink(data)

    def on_end(self) -> None:
        """The response is complete."""
        self._whole = True
        self.connection = None  # it now belongs to the next exchange
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if not self._ended.done():
            self._ended.set_result(None)
        self._report_end(None)

    def on_broken(self, error: UpstreamFailed) -> None:
        """The response will not be complete."""
        for future in (self._headed, self._ended):
            if not future.done():
                future.set_exception(error)
                future.exception()  # marks it as retrieved: the waiter still gets it
        self._report_end(error)

    def _report_end(self, error: UpstreamFailed | None) -> None:
        outcome, self._outcome = self._outcome, None
        if outcome is not None:
            outcome.on_end(error, whole=self._whole)
