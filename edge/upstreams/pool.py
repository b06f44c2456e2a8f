"""The connections to one upstream: kept ones used again, their number bounded, a bounded queue for when all are busy.

The last one released is asked next, so that those not needed grow old and go. A slow upstream with many who wait holds
no more descriptors than `PoolLimits.connections`; who waits too long or finds the queue full is told so (`Overloaded`).
"""

from __future__ import annotations

import asyncio
import errno
import select
import ssl
from collections import deque
from dataclasses import dataclass
from typing import cast

from edge.upstreams.http1_client import UpstreamConnection
from edge.upstreams.network import Network
from kernel.clock import Clock
from kernel.errors import Overloaded, UpstreamFailed
from kernel.fetch_reasons import UpstreamReason
from kernel.settings.table import Address
from kernel.vocabulary import OverloadReason

_EXHAUSTED = frozenset((errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM, errno.EADDRNOTAVAIL))
"""What we are short of ourselves: no fault of the upstream's."""


@dataclass(frozen=True, slots=True)
class PoolLimits:
    """Numbers for each upstream; seconds for times. `requests` and `age` are of one connection."""

    connections: int = 512
    idle: int = 64
    waiting: int = 1024
    idle_seconds: float = 30.0
    requests: int = 10_000
    age: float = 600.0


class Pool:
    """See the module. `name` is that of the certificate where it is not the address's host."""

    def __init__(
        self,
        address: Address,
        network: Network,
        clock: Clock,
        limits: PoolLimits,
        tls: ssl.SSLContext | None = None,
        name: str | None = None,
    ) -> None:
        self.limits = limits
        self.tls = tls
        self.idle: list[UpstreamConnection] = []
        self.open = 0
        """Connections made or being made."""
        self.connects = 0
        self._waiting: deque[asyncio.Future[UpstreamConnection | None]] = deque()
        self.address = address
        self._network = network
        self._clock = clock
        self._name = name

    @property
    def waiting(self) -> int:
        """How many wait for a connection."""
        return len(self._waiting)

    @property
    def full(self) -> bool:
        """Whether who asks now would have to wait."""
        return not self.idle and self.open >= self.limits.connections

    async def acquire(self, *, fresh: bool, within: float) -> UpstreamConnection:
        """A connection to ask over: an idle one, unless it is to be `fresh`, else a new one.

        Raises Overloaded when none becomes free within `within` seconds, and UpstreamFailed when none can be made.
        """
        until = self._clock.mono() + within
        if not fresh and (kept := self._kept()) is not None:
            return kept
        while self.open >= self.limits.connections:
            if self.idle:
                self.idle.pop(0).cut()  # its place is handed on when it is closed
            handed = await self._turn(until - self._clock.mono())
            if handed is None:
                break
            if handed.usable:
                return handed  # released this moment, so as good as a fresh one
            handed.cut()
        else:
            self.open += 1
        return await self._dial(max(0.0, until - self._clock.mono()))

    def _kept(self) -> UpstreamConnection | None:
        """The idle connection that was used last, if it is still good."""
        now = self._clock.mono()
        while self.idle:
            connection = self.idle.pop()
            if connection.usable and connection.idle_since + self.limits.idle_seconds >= now and _quiet(connection):
                return connection
            connection.cut()
        return None

    async def _turn(self, within: float) -> UpstreamConnection | None:
        """Wait for a connection that is released, or None: for a place to make one, which is then kept for us."""
        if len(self._waiting) >= self.limits.waiting or within <= 0:
            raise Overloaded(OverloadReason.UPSTREAM_BUSY)
        waiter: asyncio.Future[UpstreamConnection | None] = asyncio.get_running_loop().create_future()

        def give_up() -> None:
            if not waiter.done():
                waiter.set_exception(Overloaded(OverloadReason.UPSTREAM_BUSY))

        timer = self._clock.call_later(within, give_up)
        self._waiting.append(waiter)
        try:
            return await waiter
        except asyncio.CancelledError:
            if waiter.done() and not waiter.cancelled() and waiter.exception() is None:
                self._hand_on(waiter.result())  # its turn came in the very moment that it gave up
            raise
        finally:
            timer.cancel()
            if waiter in self._waiting:
                self._waiting.remove(waiter)

    def _first(self) -> asyncio.Future[UpstreamConnection | None] | None:
        """Whose turn it is."""
        while self._waiting:
            waiter = self._waiting.popleft()
            if not waiter.done():
                return waiter
        return None

    def _hand_on(self, what: UpstreamConnection | None) -> None:
        """A connection, or the place of one, is free."""
        if what is None:
            self._gone()
        else:
            self._released(what)

    async def _dial(self, within: float) -> UpstreamConnection:
        """A new connection, its place taken already; UpstreamFailed when it is refused or late."""
        self.connects += 1
        late = False
        task = asyncio.current_task()

        def cancel() -> None:
            nonlocal late
            late = True
            if task is not None:
                task.cancel()

        made: list[UpstreamConnection] = []
        timer = self._clock.call_later(within, cancel)
        try:
            _, protocol = await self._network.dial(self.address, lambda: self._make(made), self.tls, self._name)
        except (OSError, asyncio.CancelledError) as error:
            self._undialled(made)
            if isinstance(error, OSError):
                raise _why(error) from error
            if not late or task is None:
                raise
            task.uncancel()
            raise UpstreamFailed(UpstreamReason.CONNECT_TIMEOUT, retry=True) from None
        finally:
            timer.cancel()
        connection = cast("UpstreamConnection", protocol)
        connection.made_at = self._clock.mono()
        return connection

    def _make(self, made: list[UpstreamConnection]) -> UpstreamConnection:
        connection = UpstreamConnection(self._released, self._lost, secure=self.tls is not None)
        made.append(connection)
        return connection

    def _undialled(self, made: list[UpstreamConnection]) -> None:
        """Nothing came of it; a connection that came about in the same turn of the loop is closed, and then counted."""
        if not any(connection.discard() for connection in made):
            self._gone()

    def _gone(self) -> None:
        """A place is free: whoever waits longest has it."""
        waiter = self._first()
        if waiter is None:
            self.open -= 1
        else:
            waiter.set_result(None)

    def _released(self, connection: UpstreamConnection) -> None:
        now = self._clock.mono()
        worn = connection.served >= self.limits.requests or now - connection.made_at >= self.limits.age
        waiter = None if worn else self._first()
        if waiter is not None:
            waiter.set_result(connection)
        elif worn or len(self.idle) >= self.limits.idle:
            connection.cut()
        else:
            connection.idle_since = now
            self.idle.append(connection)

    def _lost(self, connection: UpstreamConnection) -> None:
        if connection in self.idle:
            self.idle.remove(connection)
        self._gone()

    def drop_idle(self) -> None:
        """Cut every idle connection."""
        for connection in self.idle[:]:
            connection.cut()
        self.idle.clear()


def _quiet(connection: UpstreamConnection) -> bool:
    """Whether nothing lies unread at a kept connection: an end, or bytes that nobody asked for.

    They may have come since the loop last looked; over TLS what lies there may be the layer's own.
    """
    sock = connection.transport.get_extra_info("socket")
    if sock is None or connection.secure:
        return True
    poll = select.poll()
    poll.register(sock.fileno(), select.POLLIN | select.POLLRDHUP)
    return not poll.poll(0)


def _why(error: OSError) -> UpstreamFailed | Overloaded:
    """In our words."""
    if error.errno in _EXHAUSTED:
        return Overloaded(OverloadReason.DESCRIPTORS)
    if isinstance(error, ssl.SSLCertVerificationError):
        return UpstreamFailed(
            UpstreamReason.CERTIFICATE, retry=True, detail=getattr(error, "verify_message", "") or str(error)
        )
    if isinstance(error, ssl.SSLError):
        return UpstreamFailed(UpstreamReason.TLS, retry=True, detail=getattr(error, "reason", None) or str(error))
    return UpstreamFailed(UpstreamReason.CONNECT, retry=True, detail=str(error))
