"""One request to an upstream and its response: the head awaited, the body handed on piece by piece, each in time.

Four limits, each with its timer set to the moment and no later: the head within `first_byte` of the request (of the
last of it, while the upstream is still taking it; a 1xx is no head), pieces of the body within `idle` of one another,
and the whole within `total`, to which `MIN_RATE` bytes add a second, so that a trickle ends and a large body at a
decent pace does not. Time during which our readers hold the upstream back counts for none of them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from edge.upstreams.http1_client import UpstreamConnection
from kernel.clock import Clock, Timer
from kernel.errors import UpstreamFailed
from kernel.fetch_reasons import UpstreamReason
from kernel.http.message import Fields

MAX_EARLY_BYTES = 2
"""Pieces of a body that are read before its head is understood."""
MIN_RATE = 16 * 1024
"""Bytes of a body that add a second to its time."""


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Seconds: to connect, from the request to the head, between two pieces of a body, for all of it (0: no limit)."""

    connect: float = 3.0
    first_byte: float = 10.0
    idle: float = 15.0
    total: float = 600.0


class ExchangeObserver(Protocol):
    """Who is told how an exchange went, once."""

    def answered(self, status: int) -> None:
        """A head came."""

    def over(self, error: UpstreamFailed | None, *, whole: bool) -> None:
        """It is over: `whole`, broken by the upstream's fault (`error`), or given up by us."""


class Exchange:
    """One request and its response; implements `edge.upstreams.http1_client.Answer`."""

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
        self.until_close = False
        """Whether only the end of the connection ends the body: a body cut short may look the same."""
        self.connection: UpstreamConnection | None = None
        self._headed: asyncio.Future[None] = loop.create_future()
        self._ended: asyncio.Future[None] = loop.create_future()
        self._sink: Callable[[bytes], object] | None = None
        self._early: list[bytes] = []
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

    def begun(self, connection: UpstreamConnection, first_byte: float | None = None) -> None:
        """The request is sent over this connection: the clock of the first byte runs (`first_byte`: a shorter one)."""
        self.connection = connection
        if first_byte is not None:
            self._first_byte = first_byte
        self._began = self._moved = self._clock.mono()
        self._unsent = connection.unsent
        connection.on_taken = self._request_taken
        self._wait(self._first_byte)

    def _request_taken(self) -> None:
        """The last of a long request went out only now."""
        self._began = self._moved = self._clock.mono()

    async def head(self) -> None:
        """Wait for the head; UpstreamFailed when there will be none."""
        await self._headed

    async def body_to(self, sink: Callable[[bytes], object]) -> None:
        """Hand the body to `sink` piece by piece; returns at its end, UpstreamFailed when it breaks off."""
        early, self._early = self._early, []
        while early:
            sink(early.pop(0))
        self._sink = sink
        if self._paused_at is None and self.connection is not None:
            self.connection.hold(on=False)
        try:
            await self._ended
        finally:
            self.close()

    def pause(self) -> None:
        """Read no more for now: the readers are behind. Waiting for them is not the upstream's idleness."""
        if self._paused_at is None:
            self._paused_at = self._clock.mono()
            if self.connection is not None:
                self.connection.hold(on=True)

    def resume(self) -> None:
        """Read on."""
        if self._paused_at is not None:
            self._moved = self._clock.mono()
            self._paused_for += self._moved - self._paused_at
            self._paused_at = None
            if self.connection is not None:
                self.connection.hold(on=False)

    def close(self) -> None:
        """Done with it: an unfinished answer's connection is cut."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        connection, self.connection = self.connection, None
        if connection is not None and not self._whole:
            connection.cut()
        for future in (self._headed, self._ended):
            if not future.done():
                future.cancel()
        self._tell(None)

    # -- time --------------------------------------------------------------------------------------------------

    def _wait(self, seconds: float) -> None:
        self._timer = self._clock.call_later(seconds, self._due)

    def _due(self) -> None:
        """A limit may be reached: see which, or how long there is still to go."""
        self._timer = None
        now = self._clock.mono()
        if not self._headed.done():
            left, reason = self._moved + self._first_byte - now, UpstreamReason.FIRST_BYTE_TIMEOUT
            unsent = self.connection.unsent if self.connection is not None else 0
            if left <= 0 and 0 < unsent < self._unsent:
                left, self._moved, self._unsent = self._first_byte, now, unsent  # still taking the request
            elif left <= 0 and self._uploads(unsent):
                left, self._moved = self._first_byte, now
        elif self._paused_at is not None:
            left, reason = self._timeouts.idle, UpstreamReason.IDLE_TIMEOUT
        else:
            left, reason = min(
                (self._moved + self._timeouts.idle - now, UpstreamReason.IDLE_TIMEOUT), self._left_of_all(now)
            )
        if left > 0:
            self._wait(left)
            return
        if self.connection is not None:
            self.connection.cut()
        self.on_broken(UpstreamFailed(reason))

    def _uploads(self, unsent: int) -> bool:
        """Whether more of the request is to come, and that it has not come yet is no fault of the upstream's."""
        connection = self.connection
        if connection is None or not connection.sending:
            return False
        before, self._taken = self._taken, connection.taken
        return not unsent or self._taken > before

    def _left_of_all(self, now: float) -> tuple[float, UpstreamReason]:
        total = self._timeouts.total
        if not total:
            return float("inf"), UpstreamReason.TOTAL_TIMEOUT
        spent = now - self._began - self._paused_for
        return total + self._received / MIN_RATE - spent, UpstreamReason.TOTAL_TIMEOUT

    # -- Answer ------------------------------------------------------------------------------------------------

    def on_interim(self, status: int, fields: Fields) -> None:
        """A 1xx; 100 is an answer to an Expect that is never sent, so nobody hears of it."""
        if self._interim is not None and status != 100:
            self._interim(status, fields)

    def on_head(self, status: int, fields: Fields, length: int | None) -> None:
        """The head: from now on the clock is that of the pieces."""
        self.status, self.fields, self.length = status, fields, length
        if self.connection is not None:
            self.until_close = self.connection.by_close
        self._moved = self._clock.mono()
        if self._timer is not None:
            self._timer.cancel()
            self._due_after_head()
        if not self._headed.done():
            self._headed.set_result(None)
        if self._outcome is not None:
            self._outcome.answered(status)

    def _due_after_head(self) -> None:
        left, _ = self._left_of_all(self._moved)
        self._wait(max(0.0, min(self._timeouts.idle, left)))

    def on_body(self, data: bytes) -> None:
        """A piece."""
        self._moved = self._clock.mono()
        self._received += len(data)
        if self._sink is None:
            self._early.append(data)  # one turn of the loop at most: then the head is understood
            if len(self._early) == MAX_EARLY_BYTES and self.connection is not None:
                self.connection.hold(on=True)  # a turn may bring megabytes
        else:
            self._sink(data)

    def on_end(self) -> None:
        """Whole."""
        self._whole = True
        self.connection = None  # another exchange's from now on
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if not self._ended.done():
            self._ended.set_result(None)
        self._tell(None)

    def on_broken(self, error: UpstreamFailed) -> None:
        """Not to become whole."""
        for future in (self._headed, self._ended):
            if not future.done():
                future.set_exception(error)
                future.exception()  # looked at: whoever waits still gets it
        self._tell(error)

    def _tell(self, error: UpstreamFailed | None) -> None:
        outcome, self._outcome = self._outcome, None
        if outcome is not None:
            outcome.over(error, whole=self._whole)
