"""An HTTP listener for an aiohttp application, with limits for the number of connections and for their time."""

from __future__ import annotations

import asyncio
import errno
import logging
import ssl
from collections.abc import Awaitable, Callable
from typing import Any

import structlog
from aiohttp import web

from httpd.client_timeouts import ConnectionVerdict, judge_connection
from httpd.connection import Connection
from httpd.connection_limits import ConnectionTable
from httpd.process import connections_within
from httpd.rate_limited_log import RateLimitedLog
from kernel.errors import BadSettings
from kernel.settings.door_settings import DoorLimits
from kernel.settings.table import Address

BACKLOG = 1024
SWEEPS = 4
"""Sweeps within the shortest timeout."""
MAX_HANDSHAKE_SECONDS = 10.0
LINGER_SECONDS = 10.0
"""How long the rest of an unwanted request body is read, so that a reset does not destroy the response."""
MAX_SWEEP_SECONDS, MIN_SWEEP_SECONDS = 1.0, 0.05

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
log = structlog.get_logger("httpd")


class _AiohttpErrors(logging.Handler):
    """Rate-limits the log of aiohttp's server: exceptions that no handler turned into a response."""

    def __init__(self, rate_limited: RateLimitedLog) -> None:
        super().__init__()
        self._rate_limited = rate_limited
        self.last: Any = None

    def emit(self, record: logging.LogRecord) -> None:
        """Log it with its traceback."""
        self.last = record.exc_info
        self._rate_limited.log("aiohttp-error")


class Door:
    """`open` and `close` it. `exit_seconds`: the time that running responses have at `close`."""

    def __init__(self, app: web.Application, limits: DoorLimits, exit_seconds: float, **parser: int) -> None:
        self._loop = asyncio.get_running_loop()
        self.now: Callable[[], float] = self._loop.time
        self._limits = limits
        self._connections: ConnectionTable[Connection] = ConnectionTable(
            limits.connections, limits.per_address, limits.exempt
        )
        self._by_protocol: dict[object, Connection] = {}
        self._rate_limited = RateLimitedLog(self.now, self._write_log)
        self._aiohttp_errors = _AiohttpErrors(self._rate_limited)
        app.middlewares.insert(0, self._middleware())
        logger = logging.Logger("httpd.aiohttp", logging.ERROR)  # noqa: LOG001 (of this listener only)
        logger.addHandler(self._aiohttp_errors)
        later = limits.patience.idle + 2 * MAX_SWEEP_SECONDS  # aiohttp's own timer must be later than the sweep
        options: dict[str, Any] = {"keepalive_timeout": later, "logger": logger}
        options |= {"lingering_time": min(LINGER_SECONDS, limits.patience.head), **parser}
        self._runner = web.AppRunner(
            app, access_log=None, handle_signals=False, shutdown_timeout=exit_seconds, **options
        )
        self._server: asyncio.AbstractServer | None = None
        self._timer: asyncio.TimerHandle | None = None

    async def setup(self) -> None:
        """Start the application without listening."""
        await self._runner.setup()

    async def open(self, listen: Address, setting: str = "listen", tls: ssl.SSLContext | None = None) -> Address:
        """Listen, by TLS if a context is given. Returns the address with the actual port if 0 was given.

        Raises BadSettings naming `setting`.
        """
        server = self._runner.server
        if server is None:
            await self.setup()
            server = self._runner.server
        assert server is not None  # noqa: S101 (setup has made it)
        self._connections.max_connections = connections_within(self._limits.connections)
        try:
            self._server = await self._loop.create_server(
                lambda: Connection(self, server),
                listen.host,
                listen.port,
                backlog=BACKLOG,
                ssl=tls,
                # A client that does not finish its handshake has no connection yet that the table could bound.
                ssl_handshake_timeout=min(MAX_HANDSHAKE_SECONDS, self._limits.patience.head) if tls else None,
            )
        except OSError as error:
            why = "the port is in use" if error.errno == errno.EADDRINUSE else error.strerror or str(error)
            raise BadSettings(setting, f"{listen} cannot be listened on: {why}") from None
        self._sweep_later()
        return Address(listen.host, int(self._server.sockets[0].getsockname()[1]))

    def stop_listening(self) -> None:
        """Stop accepting connections and free the address; open connections are served."""
        if self._server is not None:
            self._server.close()

    async def close(self) -> None:
        """Stop accepting, let running requests end, and stop the application."""
        self.stop_listening()
        await self._runner.cleanup()
        if self._timer is not None:
            self._timer.cancel()

    # -- connections -------------------------------------------------------------------------------------------

    def admits(self, connection: Connection, address: str) -> bool:
        """Whether to admit a new connection; an idle one may be closed for it."""
        admitted, idle = self._connections.admit(connection, address)
        if idle is not None:
            idle.abort()
        if not admitted or idle is not None:
            self._rate_limited.log("connections-full" if not admitted else "connections-shed")
        return admitted

    def on_admitted(self, connection: Connection) -> None:
        """Remember it by aiohttp's protocol, which its requests carry."""
        self._by_protocol[connection.inner] = connection

    def on_lost(self, connection: Connection) -> None:
        """The connection was closed."""
        self._connections.remove(connection)
        self._by_protocol.pop(connection.inner, None)

    def _middleware(self) -> Any:
        @web.middleware
        async def watched(request: web.Request, handler: Handler) -> web.StreamResponse:
            connection = self._by_protocol.get(request.protocol)
            if connection is None:  # a test's own server
                return await handler(request)
            self._connections.mark_active(connection)
            connection.on_request_start(request)
            try:
                response = await handler(request)
                if connection.late_at is not None and not response.prepared:
                    response.force_close()
                return response
            finally:
                connection.on_request_end()
                self._connections.mark_idle(connection)

        return watched

    def _sweep_later(self) -> None:
        patience = self._limits.patience
        shortest = min(patience.head, patience.body, patience.idle, patience.stalled) / SWEEPS
        pause = min(MAX_SWEEP_SECONDS, max(MIN_SWEEP_SECONDS, shortest))
        self._timer = self._loop.call_later(pause, self._sweep)

    def _sweep(self) -> None:
        self._sweep_later()
        for connection in self._connections.all():
            match judge_connection(connection.snapshot(), self._limits.patience):
                case ConnectionVerdict.CLOSE:
                    connection.close()
                case ConnectionVerdict.LATE_HEAD:
                    connection.answer_late_head()
                case ConnectionVerdict.LATE_BODY:
                    connection.answer_late_body()
                case ConnectionVerdict.STALLED:
                    connection.abort()
                case ConnectionVerdict.STAY:
                    pass

    def _write_log(self, event: str, suppressed: int) -> None:
        traceback, self._aiohttp_errors.last = self._aiohttp_errors.last, None
        log.warning(event, connections=len(self._connections), suppressed=suppressed, exc_info=traceback)
