"""One request to an upstream and its response: the head awaited, the body handed on piece by piece, both in time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from edge.wire.h1_client import UpstreamConnection
from kernel.clock import Clock, Timer
from kernel.errors import UpstreamFailed
from kernel.http.message import Fields


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Seconds: to connect, from the request to the head, between two pieces of a body."""

    connect: float = 3.0
    first_byte: float = 10.0
    idle: float = 15.0


class Exchange:
    """One request and its response; implements `edge.wire.h1_client.Answer`."""

    def __init__(self, clock: Clock, timeouts: Timeouts, interim: Callable[[int, Fields], object] | None) -> None:
        loop = asyncio.get_running_loop()
        self.status = 0
        self.fields: Fields = []
        self.length: int | None = None
        self.connection: UpstreamConnection | None = None
        self._headed: asyncio.Future[None] = loop.create_future()
        self._ended: asyncio.Future[None] = loop.create_future()
        self._sink: Callable[[bytes], object] | None = None
        self._early: list[bytes] = []
        self._clock = clock
        self._timeouts = timeouts
        self._timer: Timer | None = None
        self._interim = interim
        self._moved = False
        self._paused = False
        self._whole = False

    def begun(self, connection: UpstreamConnection) -> None:
        """The request is sent over this connection: the clock of the first byte runs."""
        self.connection = connection
        self._timer = self._clock.call_later(self._timeouts.first_byte, self._late)

    async def head(self) -> None:
        """Wait for the head; UpstreamFailed when there will be none."""
        await self._headed

    async def body_to(self, sink: Callable[[bytes], object]) -> None:
        """Hand the body to `sink` piece by piece; returns at its end, UpstreamFailed when it breaks off."""
        early, self._early = self._early, []
        for data in early:
            sink(data)
        self._sink = sink
        try:
            await self._ended
        finally:
            self.close()

    def pause(self) -> None:
        """Read no more for now: the readers are behind. Waiting for them is not the upstream's idleness."""
        self._paused = True
        if self.connection is not None:
            self.connection.hold(on=True)

    def resume(self) -> None:
        """Read on."""
        self._paused = False
        self._moved = True
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

    def _late(self) -> None:
        """The first byte or the next piece is overdue, unless something moved since."""
        if self._headed.done() and (self._moved or self._paused):
            self._moved = False
            self._timer = self._clock.call_later(self._timeouts.idle, self._late)
            return
        self._timer = None
        if self.connection is not None:
            self.connection.cut()
        reason = "idle-timeout" if self._headed.done() else "first-byte-timeout"
        self.on_broken(UpstreamFailed(reason, status=504))

    # -- Answer ------------------------------------------------------------------------------------------------

    def on_interim(self, status: int, fields: Fields) -> None:
        """A 1xx."""
        if self._interim is not None:
            self._interim(status, fields)

    def on_head(self, status: int, fields: Fields, length: int | None) -> None:
        """The head."""
        self.status, self.fields, self.length = status, fields, length
        self._moved = True
        if not self._headed.done():
            self._headed.set_result(None)

    def on_body(self, data: bytes) -> None:
        """A piece."""
        self._moved = True
        if self._sink is None:
            self._early.append(data)  # one turn of the loop at most: then the head is understood
        else:
            self._sink(data)

    def on_end(self) -> None:
        """Whole."""
        self._whole = True
        if not self._ended.done():
            self._ended.set_result(None)

    def on_broken(self, error: UpstreamFailed) -> None:
        """Not to become whole."""
        for future in (self._headed, self._ended):
            if not future.done():
                future.set_exception(error)
                future.exception()  # looked at: whoever waits still gets it
