"""The connections to one upstream: reused while idle, bounded in number, with a bounded queue for when all are busy.

The last one released is used next, so that surplus ones age and are closed. A slow upstream with many waiting requests
uses no more descriptors than `PoolLimits.connections`. A request that waits too long, or finds the queue full, gets
`Overloaded`.
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
"""We lack something ourselves: not the upstream's fault."""


@dataclass(frozen=True, slots=True)
class PoolLimits:
    """Limits per upstream, times in seconds. `requests` and `age` apply to one connection."""

    connections: int = 512
    idle: int = 64
    waiting: int = 1024
    idle_seconds: float = 30.0
    requests: int = 10_000
    age: float = 600.0


class Pool:
    """See the module. `name`: the name in the certificate, if not the address's host."""

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
        """Connections established or being established."""
        self.connects = 0
        self._waiting: deque[asyncio.Future[UpstreamConnection | None]] = deque()
        self.address = address
        self._network = network
        self._clock = clock
        self._name = name

    @property
    def waiting(self) -> int:
        """Requests waiting for a connection."""
        return len(self._waiting)

    @property
    def is_full(self) -> bool:
        """Whether a request would have to wait now."""
        return not self.idle and self.open >= self.limits.connections

    async def acquire(self, *, fresh: bool, within: float) -> UpstreamConnection:
        """A connection for one request: an idle one unless `fresh`, else a new one.

        Raises Overloaded if none becomes free within `within` seconds, and UpstreamFailed if none can be established.
        """
        until = self._clock.mono() + within
        if not fresh and (kept := self._take_idle()) is not None:
            return kept
        while self.open >= self.limits.connections:
            if self.idle:
                self.idle.pop(0).abort()  # its slot is passed on when it is closed
            handed = await self._wait_in_queue(until - self._clock.mono())
            if handed is None:
                break
            if handed.is_usable:
                return handed  # released just now, so as good as a fresh one
            handed.abort()
        else:
            self.open += 1
        return await self._dial(max(0.0, until - self._clock.mono()))

    def _take_idle(self) -> UpstreamConnection | None:
        """The idle connection used last, if it is still good."""
        now = self._clock.mono()
        while self.idle:
            connection = self.idle.pop()
            if connection.is_usable and connection.idle_since + self.limits.idle_seconds >= now and _quiet(connection):
                return connection
            connection.abort()
        return None

    async def _wait_in_queue(self, within: float) -> UpstreamConnection | None:
        """Wait for a released connection, or for a slot to make one (None), which is then reserved for the caller."""
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
                # It was handed something in the moment in which it was cancelled: pass that on.
                self._hand_on(waiter.result())
            raise
        finally:
            timer.cancel()
            if waiter in self._waiting:
                self._waiting.remove(waiter)

    def _next_waiter(self) -> asyncio.Future[UpstreamConnection | None] | None:
        """The request that has waited longest."""
        while self._waiting:
            waiter = self._waiting.popleft()
            if not waiter.done():
                return waiter
        return None

    def _hand_on(self, what: UpstreamConnection | None) -> None:
        """Pass a connection, or a free slot, to the next request."""
        if what is None:
            self._free_slot()
        else:
            self._released(what)

    async def _dial(self, within: float) -> UpstreamConnection:
        """A new connection in a reserved slot. Raises UpstreamFailed if it is refused or late."""
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
            self._on_dial_failed(made)
            if isinstance(error, OSError):
                raise _error_for(error) from error
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

    def _on_dial_failed(self, made: list[UpstreamConnection]) -> None:
        """The dial failed. A connection established in the same turn of the loop is closed, which frees its slot."""
        if not any(connection.discard() for connection in made):
            self._free_slot()

    def _free_slot(self) -> None:
        """A slot is free: the request that has waited longest gets it."""
        waiter = self._next_waiter()
        if waiter is None:
            self.open -= 1
        else:
            waiter.set_result(None)

    def _released(self, connection: UpstreamConnection) -> None:
        now = self._clock.mono()
        worn = connection.served >= self.limits.requests or now - connection.made_at >= self.limits.age
        waiter = None if worn else self._next_waiter()
        if waiter is not None:
            waiter.set_result(connection)
        elif worn or len(self.idle) >= self.limits.idle:
            connection.abort()
        else:
            connection.idle_since = now
            self.idle.append(connection)

    def _lost(self, connection: UpstreamConnection) -> None:
        if connection in self.idle:
            self.idle.remove(connection)
        self._free_slot()

    def drop_idle(self) -> None:
        """Abort every idle connection."""
        for connection in self.idle[:]:
            connection.abort()
        self.idle.clear()


def _quiet(connection: UpstreamConnection) -> bool:
    """Whether nothing is unread on an idle connection: neither its end nor unsolicited bytes.

    Either may have arrived since the loop last polled. Over TLS, unread bytes may be TLS's own.
    """
    sock = connection.transport.get_extra_info("socket")
    if sock is None or connection.secure:
        return True
    poll = select.poll()
    poll.register(sock.fileno(), select.POLLIN | select.POLLRDHUP)
    return not poll.poll(0)


def _error_for(error: OSError) -> UpstreamFailed | Overloaded:
    """The OSError as one of our errors."""
    if error.errno in _EXHAUSTED:
        return Overloaded(OverloadReason.DESCRIPTORS)
    if isinstance(error, ssl.SSLCertVerificationError):
        return UpstreamFailed(
            UpstreamReason.CERTIFICATE, retry=True, detail=getattr(error, "verify_message", "") or str(error)
        )
    if isinstance(error, ssl.SSLError):
        return UpstreamFailed(UpstreamReason.TLS, retry=True, detail=getattr(error, "reason", None) or str(error))
    return UpstreamFailed(UpstreamReason.CONNECT, retry=True, detail=str(error))
