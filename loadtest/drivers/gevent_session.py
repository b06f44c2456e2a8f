"""Runs one player in gevent greenlets: what a Locust user is made of.

It uses the standard library's sockets, which Locust has replaced by gevent's. One greenlet carries out the player's
commands, another one each request; events reach the first through a queue.
"""

from __future__ import annotations

import socket
import ssl
import time
from collections.abc import Callable
from urllib.parse import urljoin

import gevent
from gevent.queue import Empty, Queue

from loadtest.drivers.answers import MAX_REDIRECTS, answer_of, outcome_of, redirect_of
from loadtest.drivers.gevent_checks import GeventBodyCheck, GeventBodyChecks
from loadtest.drivers.http1 import BrokenResponse, Endpoint, ResponseReader, request_head, target_of
from loadtest.drivers.line import Line
from loadtest.player.player import Player
from loadtest.player.requests import Abort, Answer, Command, Fetch
from loadtest.session import Failure, RequestKind, SessionRecord

READ_BUFFER = 256 << 10
MAX_WAIT_S = 3_600.0
_SHARED = memoryview(bytearray(READ_BUFFER))
"""Nothing read is kept in it, and no greenlet gives way between reading and counting."""


class _Socket:
    """A connection that is kept for further requests."""

    __slots__ = ("endpoint", "sock", "uses")

    def __init__(self, endpoint: Endpoint, sock: socket.socket) -> None:
        self.endpoint, self.sock, self.uses = endpoint, sock, 0


class GeventSession:
    """One session; `on_answer` is called for each request that ended, for Locust's statistics."""

    def __init__(
        self,
        player: Player,
        *,
        speed: float = 1.0,
        fields: tuple[tuple[str, str], ...] = (),
        tls: ssl.SSLContext | None = None,
        on_answer: Callable[[Fetch, Answer], None] | None = None,
        checks: GeventBodyChecks | None = None,
    ) -> None:
        self.player = player
        self._speed = speed
        self._fields = (("User-Agent", player.viewer.device.user_agent), *fields)
        self._tls = tls
        self._on_answer = on_answer
        self._checks = checks
        self._began_s = time.monotonic()
        self._line = Line(player.viewer.network, self._began_s, speed)
        self._events: Queue[tuple[Fetch, Answer]] = Queue()
        self._idle: list[_Socket] = []
        self._greenlets: dict[Fetch, gevent.Greenlet] = {}

    def now(self) -> float:
        """Story seconds since the session began."""
        return (time.monotonic() - self._began_s) * self._speed

    def play(self) -> SessionRecord:
        """Play to the end. When the greenlet is killed, the session ends as stopped."""
        try:
            self._carry_out(self.player.begin(self.now()))
            while not self.player.is_over:
                self._step()
        except gevent.GreenletExit:
            self._carry_out(self.player.stop(self.now()))
            raise
        finally:
            gevent.killall(list(self._greenlets.values()), block=False)
            for one in self._idle:
                one.sock.close()
        return self.player.record

    def _step(self) -> None:
        wake_s = self.player.wake_s
        wait_s = MAX_WAIT_S if wake_s is None else min(MAX_WAIT_S, max(0.0, (wake_s - self.now()) / self._speed))
        try:
            fetch, answer = self._events.get(timeout=wait_s) if wait_s > 0 else self._events.get_nowait()
        except Empty:
            self._carry_out(self.player.on_timer(self.now()))
            return
        if self._greenlets.pop(fetch, None) is not None:
            if self._on_answer is not None:
                self._on_answer(fetch, answer)
            self._carry_out(self.player.on_answer(fetch, answer, self.now()))

    def _carry_out(self, commands: list[Command]) -> None:
        for command in commands:
            if isinstance(command, Abort):
                greenlet = self._greenlets.pop(command.fetch, None)
                if greenlet is not None:
                    greenlet.kill(block=False)
            else:
                self._greenlets[command] = gevent.spawn(self._fetch, command)

    def _fetch(self, fetch: Fetch) -> None:
        began_s, fetch.sent_s = time.monotonic(), self.now()
        url, reader, detail = fetch.url, None, f"more than {MAX_REDIRECTS} redirects"
        result: int | Failure = Failure.PROTOCOL
        try:
            for _ in range(MAX_REDIRECTS + 1):
                # A new one for each exchange: the body of a redirect is none of the segment's.
                check = self._checks.begin(fetch) if self._checks and fetch.kind is RequestKind.SEGMENT else None
                reader = self._exchange(fetch, url, check)
                location = redirect_of(fetch, reader)
                if location is None:
                    result = outcome_of(fetch, reader)
                    break
                url = urljoin(url, location)
            else:
                reader = None
            if check is not None and result in (200, 206) and reader is not None:
                result = check.failure(reader.size) or result
        except _Failed as failed:
            result, reader, detail = failed.failure, None, failed.detail
        total_s = time.monotonic() - began_s
        ttfb_s = None
        if fetch.first_byte_s is not None and fetch.sent_s is not None:
            ttfb_s = (fetch.first_byte_s - fetch.sent_s) / self._speed
        answer = answer_of(fetch, url, result, reader, ttfb_s=ttfb_s, total_s=total_s, detail=detail)
        self._events.put((fetch, answer))

    def _exchange(self, fetch: Fetch, url: str, check: GeventBodyCheck | None) -> ResponseReader:
        """One request and its whole response. Raises _Failed."""
        try:
            target = target_of(url)
            data = request_head(target, (*self._fields, *fetch.headers), byte_range=fetch.byte_range, body=fetch.body)
        except ValueError as error:
            raise _Failed(Failure.PROTOCOL, str(error)) from None
        if self._line.latency_s:
            gevent.sleep(self._line.latency_s)
        while True:
            connection = self._connection(target.endpoint, fetch.timeout_s)
            connection.uses += 1
            reader = ResponseReader()
            reader.begin(keeps_body=fetch.keeps_body, on_body=check.update if check is not None else None)
            try:
                connection.sock.sendall(data)
                self._read(connection, reader, fetch)
            except _Failed as failed:
                connection.sock.close()
                # A server may close an idle connection just when it is used again (RFC 9112 §9.3.1).
                if connection.uses > 1 and not reader.has_head and failed.failure is Failure.CONNECT:
                    continue
                raise
            except TimeoutError:
                connection.sock.close()
                raise _Failed(Failure.TIMEOUT, "no progress") from None
            except OSError as error:
                connection.sock.close()
                if connection.uses > 1 and not reader.has_head:
                    continue
                raise _Failed(Failure.TRUNCATED if reader.has_head else Failure.CONNECT, str(error)) from None
            except BaseException:
                # Killed in mid-response: the connection is of no further use.
                connection.sock.close()
                raise
            if reader.can_reuse:
                self._idle.append(connection)
            else:
                connection.sock.close()
            return reader

    def _read(self, connection: _Socket, reader: ResponseReader, fetch: Fetch) -> None:
        limited = self._line.is_limited
        while not reader.is_done:
            size = self._line.read_size(time.monotonic(), READ_BUFFER) if limited else READ_BUFFER
            got = connection.sock.recv_into(_SHARED[:size])
            if not got:
                if reader.feed_end():
                    return
                raise _Failed(Failure.TRUNCATED if reader.has_head else Failure.CONNECT, "closed")
            had_head = reader.has_head
            try:
                reader.feed(_SHARED[:got])
            except BrokenResponse as error:
                raise _Failed(Failure.PROTOCOL, str(error)) from None
            if reader.has_head and not had_head:
                fetch.first_byte_s, fetch.size = self.now(), reader.length
            fetch.loaded = reader.size
            wait_s = self._line.wait_after(got, time.monotonic()) if limited else 0.0
            # While data keeps coming, gevent gives way to nobody by itself: others would send their requests late.
            gevent.sleep(wait_s)

    def _connection(self, endpoint: Endpoint, timeout_s: float) -> _Socket:
        for one in self._idle:
            if one.endpoint == endpoint:
                self._idle.remove(one)
                return one
        if self._line.latency_s:
            gevent.sleep(self._line.latency_s * (2 if endpoint.tls else 1))
        try:
            sock = socket.create_connection((endpoint.host, endpoint.port), timeout=timeout_s)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if endpoint.tls:
                context = self._tls or ssl.create_default_context()
                sock = context.wrap_socket(sock, server_hostname=endpoint.host)
        except TimeoutError:
            raise _Failed(Failure.TIMEOUT, f"no connection to {endpoint.host}") from None
        except OSError as error:
            raise _Failed(Failure.CONNECT, str(error)) from None
        return _Socket(endpoint, sock)


class _Failed(Exception):
    def __init__(self, failure: Failure, detail: str) -> None:
        super().__init__(detail)
        self.failure, self.detail = failure, detail
