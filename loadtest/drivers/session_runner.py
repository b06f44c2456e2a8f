"""Runs one player on the event loop: carries out its commands, and calls it when something has happened."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, Protocol
from urllib.parse import urljoin

from loadtest.drivers.answers import MAX_REDIRECTS, answer_of, outcome_of, redirect_of
from loadtest.drivers.body_checks import BodyCheck, BodyChecks
from loadtest.drivers.connection import Connection, Exchange
from loadtest.drivers.http1 import Endpoint, ResponseReader, Target, request_head, target_of
from loadtest.drivers.line import Line
from loadtest.player.player import Player
from loadtest.player.requests import Abort, Command, Fetch
from loadtest.session import Failure, RequestKind


class Shared(Protocol):
    """What the sessions of a driver share."""

    loop: asyncio.AbstractEventLoop
    speed: float
    fields: tuple[tuple[str, str], ...]
    """Sent with every request to the target."""
    checks: BodyChecks | None

    def connect(self, make: Callable[[], Connection], endpoint: Endpoint) -> Coroutine[Any, Any, None]:
        """Open a connection; OSError or TimeoutError."""

    def spawn(self, work: Coroutine[Any, Any, None]) -> None:
        """Run as a task of the driver."""

    def note_object(self, fetch: Fetch) -> None:
        """Count a media object that was asked for."""


class _Running:
    """A request on its way."""

    __slots__ = ("asked_s", "check", "connection", "fetch", "first_byte_s", "handle", "redirects", "seen", "url")

    def __init__(self, fetch: Fetch, now: float) -> None:
        self.fetch = fetch
        self.url = fetch.url
        self.asked_s = now
        self.first_byte_s: float | None = None
        self.connection: Connection | None = None
        self.redirects = 0
        self.seen = -1
        self.handle: asyncio.TimerHandle | None = None
        self.check: BodyCheck | None = None


class SessionRunner:
    """One session. `on_over` is called once, when the player has nothing left to do."""

    def __init__(self, player: Player, shared: Shared, on_over: Callable[[SessionRunner], None]) -> None:
        self.player = player
        self._shared = shared
        self._loop = shared.loop
        self._began_s = self._loop.time()
        self._on_over = on_over
        self._line = Line(player.viewer.network, self._began_s, shared.speed)
        self._idle: list[Connection] = []
        self._running: dict[Fetch, _Running] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._is_over = False
        self._fields = (("User-Agent", player.viewer.device.user_agent), *shared.fields)

    def now(self) -> float:
        """Story seconds since the session began."""
        return (self._loop.time() - self._began_s) * self._shared.speed

    def begin(self) -> None:
        """Start playing."""
        self._carry_out(self.player.begin(self.now()))

    def stop(self) -> None:
        """The run ends: the viewer leaves now."""
        if not self._is_over:
            self._carry_out(self.player.stop(self.now()))

    def cut(self) -> None:
        """End at once, without waiting for the last reports."""
        for running in list(self._running.values()):
            self._forget(running)
        self._close()

    def _carry_out(self, commands: list[Command]) -> None:
        for command in commands:
            if isinstance(command, Abort):
                running = self._running.get(command.fetch)
                if running is not None:
                    self._forget(running)
            else:
                self._request(command)
        if self.player.is_over:
            self._close()
        elif not self._is_over:
            self._set_timer()

    def _set_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        wake_s = self.player.wake_s
        if wake_s is not None and wake_s != float("inf"):
            self._timer = self._loop.call_at(self._began_s + wake_s / self._shared.speed, self._wake)

    def _wake(self) -> None:
        self._timer = None
        self._carry_out(self.player.on_timer(self.now()))

    def _close(self) -> None:
        if self._is_over:
            return
        self._is_over = True
        if self._timer is not None:
            self._timer.cancel()
        for connection in self._idle:
            connection.close()
        self._idle.clear()
        self._on_over(self)

    # One request

    def _request(self, fetch: Fetch) -> None:
        now = self._loop.time()
        fetch.sent_s = (now - self._began_s) * self._shared.speed
        running = _Running(fetch, now)
        self._running[fetch] = running
        self._shared.note_object(fetch)
        running.handle = self._loop.call_later(fetch.timeout_s, self._time_out, running)
        if self._line.latency_s:
            self._loop.call_later(self._line.latency_s, self._send, running)
        else:
            self._send(running)

    def _send(self, running: _Running) -> None:
        if running.fetch not in self._running:
            return
        try:
            target = target_of(running.url)
        except ValueError as error:
            self._end(running, Failure.PROTOCOL, str(error))
            return
        connection = next((one for one in self._idle if one.endpoint == target.endpoint and one.is_open), None)
        if connection is not None:
            self._idle.remove(connection)
            self._send_on(connection, running, target)
        else:
            self._shared.spawn(self._connect(running, target))

    async def _connect(self, running: _Running, target: Target) -> None:
        loop = self._loop
        connection = Connection(target.endpoint, self._line, loop.time, loop)
        try:
            if self._line.latency_s:
                await asyncio.sleep(self._line.latency_s * (2 if target.endpoint.tls else 1))
            await asyncio.wait_for(self._shared.connect(lambda: connection, target.endpoint), running.fetch.timeout_s)
        except TimeoutError:
            self._end(running, Failure.TIMEOUT, f"no connection to {target.endpoint.host}")
        except OSError as error:
            self._end(running, Failure.CONNECT, str(error))
        else:
            if running.fetch in self._running:
                self._send_on(connection, running, target)
            else:
                connection.close()

    def _send_on(self, connection: Connection, running: _Running, target: Target) -> None:
        fetch = running.fetch
        running.connection = connection
        try:
            data = request_head(target, (*self._fields, *fetch.headers), byte_range=fetch.byte_range, body=fetch.body)
        except ValueError as error:
            self._end(running, Failure.PROTOCOL, str(error))
            return

        def on_first_byte(_: Fetch, now: float) -> None:
            running.first_byte_s = now
            fetch.first_byte_s = (now - self._began_s) * self._shared.speed

        def on_failed(failure: Failure, detail: str) -> None:
            # A server may close an idle connection just when it is used again (RFC 9112 §9.3.1).
            if connection.uses > 1 and running.first_byte_s is None and failure is Failure.CONNECT:
                running.connection = None
                self._send(running)
            else:
                self._end(running, failure, detail)

        if self._shared.checks is not None and fetch.kind is RequestKind.SEGMENT:
            # A new one for each exchange: the body of a redirect is none of the segment's.
            running.check = self._shared.checks.begin(fetch)
        on_body = running.check.update if running.check is not None else None
        exchange = Exchange(fetch, on_first_byte, lambda reader: self._received(running, reader), on_failed, on_body)
        connection.send(exchange, data, keeps_body=fetch.keeps_body)

    def _received(self, running: _Running, reader: ResponseReader) -> None:
        connection = running.connection
        if connection is not None and connection.is_open:
            self._idle.append(connection)
        running.connection = None
        location = redirect_of(running.fetch, reader)
        if location is not None:
            self._redirect(running, location)
            return
        outcome = outcome_of(running.fetch, reader)
        if running.check is not None and outcome in (200, 206):
            # The connection's next request uses the reader again, perhaps before the task runs: copy what it says now.
            copy = ResponseReader(status=reader.status, headers=dict(reader.headers), size=reader.size)
            self._shared.spawn(self._checked(running, copy, running.check))
            return
        self._end(running, outcome, "", reader)

    async def _checked(self, running: _Running, reader: ResponseReader, check: BodyCheck) -> None:
        """Answer once the origin's copy has been compared."""
        failure = await check.failure(reader.size)
        self._end(running, failure or reader.status, "", reader)

    def _redirect(self, running: _Running, location: str) -> None:
        running.redirects += 1
        running.url = urljoin(running.url, location)
        if running.redirects > MAX_REDIRECTS:
            self._end(running, Failure.PROTOCOL, f"more than {MAX_REDIRECTS} redirects")
        else:
            self._send(running)

    def _time_out(self, running: _Running) -> None:
        """Without progress since the last look the request has failed."""
        if running.fetch.loaded > running.seen >= 0 or (running.seen < 0 and running.first_byte_s is not None):
            running.seen = running.fetch.loaded
            running.handle = self._loop.call_later(running.fetch.timeout_s, self._time_out, running)
            return
        self._end(running, Failure.TIMEOUT, "no progress")

    def _forget(self, running: _Running) -> None:
        self._running.pop(running.fetch, None)
        if running.handle is not None:
            running.handle.cancel()
        if running.connection is not None:
            running.connection.close()
            running.connection = None

    def _end(
        self, running: _Running, outcome: int | Failure, detail: str, reader: ResponseReader | None = None
    ) -> None:
        fetch = running.fetch
        if fetch not in self._running:
            return
        self._forget(running)
        now = self._loop.time()
        answer = answer_of(
            fetch,
            running.url,
            outcome,
            reader,
            ttfb_s=None if running.first_byte_s is None else running.first_byte_s - running.asked_s,
            total_s=now - running.asked_s,
            detail=detail,
        )
        if not self._is_over:
            self._carry_out(self.player.on_answer(fetch, answer, self.now()))
