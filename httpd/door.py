"""An HTTP door: an aiohttp application at an address, its connections bounded in number and in time."""

from __future__ import annotations

import asyncio
import errno
import logging
from collections.abc import Awaitable, Callable
from typing import Any

import structlog
from aiohttp import web

from httpd.client_timeouts import Verdict, verdict
from httpd.connection import Connection
from httpd.connection_limits import Crowd
from httpd.process import connections_within
from httpd.rate_limited_log import Seldom
from kernel.errors import BadSettings
from kernel.settings.door_settings import DoorLimits
from kernel.settings.table import Address

BACKLOG = 1024
SWEEPS = 4
"""Looks at every connection within the shortest time that any is given."""
LINGER_SECONDS = 10.0
"""How long the rest of a body that nobody wants is read, so that the answer is not lost in a reset."""
SLOWEST_SWEEP, FASTEST_SWEEP = 1.0, 0.05

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
log = structlog.get_logger("httpd")


class _Library(logging.Handler):
    """What aiohttp's server says of its own (a handler's exception that nobody turned into an answer), seldom."""

    def __init__(self, seldom: Seldom) -> None:
        super().__init__()
        self._seldom = seldom
        self.last: Any = None

    def emit(self, record: logging.LogRecord) -> None:
        """Say it, with its trace."""
        self.last = record.exc_info
        self._seldom("http-library")


class Door:
    """`open` it, `close` it. `exit_seconds`: how long running answers may take then."""

    def __init__(self, app: web.Application, limits: DoorLimits, exit_seconds: float, **parser: int) -> None:
        self._loop = asyncio.get_running_loop()
        self.now: Callable[[], float] = self._loop.time
        self._limits = limits
        self._crowd: Crowd[Connection] = Crowd(limits.connections, limits.per_address, limits.exempt)
        self._of: dict[object, Connection] = {}
        self._seldom = Seldom(self.now, self._say)
        self._library = _Library(self._seldom)
        app.middlewares.insert(0, self._middleware())
        logger = logging.Logger("httpd.aiohttp", logging.ERROR)  # noqa: LOG001 (this door's own, that nobody else configures)
        logger.addHandler(self._library)
        later = limits.patience.idle + 2 * SLOWEST_SWEEP  # aiohttp's own timer, which the sweep comes before
        options: dict[str, Any] = {"keepalive_timeout": later, "logger": logger}
        options |= {"lingering_time": min(LINGER_SECONDS, limits.patience.head), **parser}
        self._runner = web.AppRunner(
            app, access_log=None, handle_signals=False, shutdown_timeout=exit_seconds, **options
        )
        self._server: asyncio.AbstractServer | None = None
        self._timer: asyncio.TimerHandle | None = None

    async def setup(self) -> None:
        """Start the application; nobody is let in yet."""
        await self._runner.setup()

    async def open(self, listen: Address, setting: str = "listen") -> Address:
        """Listen; the address with the port that was free where 0 was asked for. BadSettings naming `setting`."""
        server = self._runner.server
        if server is None:
            await self.setup()
            server = self._runner.server
        assert server is not None  # noqa: S101 (setup has made it)
        self._crowd.most = connections_within(self._limits.connections)
        try:
            self._server = await self._loop.create_server(
                lambda: Connection(self, server), listen.host, listen.port, backlog=BACKLOG
            )
        except OSError as error:
            why = "the port is taken" if error.errno == errno.EADDRINUSE else error.strerror or str(error)
            raise BadSettings(setting, f"{listen} cannot be listened on: {why}") from None
        self._sweep_later()
        return Address(listen.host, int(self._server.sockets[0].getsockname()[1]))

    def stop_listening(self) -> None:
        """Let nobody in any more; the address is free. Whoever is in is answered."""
        if self._server is not None:
            self._server.close()

    async def close(self) -> None:
        """Let nobody in, let what runs end, and stop the application."""
        self.stop_listening()
        await self._runner.cleanup()
        if self._timer is not None:
            self._timer.cancel()

    # -- connections -------------------------------------------------------------------------------------------

    def admits(self, connection: Connection, address: str) -> bool:
        """Whether a new connection may stay; another that only waits may have to go for it."""
        stays, leaves = self._crowd.enter(connection, address)
        if leaves is not None:
            leaves.cut()
        if not stays or leaves is not None:
            self._seldom("connections-full" if not stays else "connections-shed")
        return stays

    def joined(self, connection: Connection) -> None:
        """It has a protocol of aiohttp's, by which its requests are known."""
        self._of[connection.inner] = connection

    def lost(self, connection: Connection) -> None:
        """It is gone."""
        self._crowd.left(connection)
        self._of.pop(connection.inner, None)

    def _middleware(self) -> Any:
        @web.middleware
        async def watched(request: web.Request, handler: Handler) -> web.StreamResponse:
            connection = self._of.get(request.protocol)
            if connection is None:  # a test's own server
                return await handler(request)
            self._crowd.asks(connection)
            connection.begins(request)
            try:
                response = await handler(request)
                if connection.late_at is not None and not response.prepared:
                    response.force_close()
                return response
            finally:
                connection.ends()
                self._crowd.waits(connection)

        return watched

    def _sweep_later(self) -> None:
        patience = self._limits.patience
        shortest = min(patience.head, patience.body, patience.idle, patience.stalled) / SWEEPS
        pause = min(SLOWEST_SWEEP, max(FASTEST_SWEEP, shortest))
        self._timer = self._loop.call_later(pause, self._sweep)

    def _sweep(self) -> None:
        self._sweep_later()
        for connection in self._crowd.all():
            match verdict(connection.look(), self._limits.patience):
                case Verdict.CLOSE:
                    connection.close()
                case Verdict.LATE_HEAD:
                    connection.answer_late_head()
                case Verdict.LATE_BODY:
                    connection.answer_late_body()
                case Verdict.STALLED:
                    connection.cut()
                case Verdict.STAY:
                    pass

    def _say(self, word: str, kept_back: int) -> None:
        trace, self._library.last = self._library.last, None
        log.warning(word, connections=len(self._crowd), more_since=kept_back, exc_info=trace)
