"""FETCH: ask an upstream, within limits of time and number, and another one when the first cannot.

An exchange is begun by `Upstreams.send`, which returns when the head of the response is there. Its body is then handed
to a sink by plain calls. A request is sent again only while nothing of an answer has come, to a fresh connection or to
another upstream, and only while the retry budget lasts: a fifth of the requests beside a few a second.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable, Sequence
from typing import cast
from urllib.parse import urlsplit

import xxhash

from edge.exchange import Exchange, Timeouts
from edge.network import Network
from edge.wire.h1_client import UpstreamConnection
from kernel.clock import Clock
from kernel.errors import UpstreamFailed
from kernel.http.message import Fields
from kernel.settings import Address

MOST_IDLE = 64
IDLE_SECONDS = 30.0
MOST_TRIED = 3
EJECT_AFTER = 5
"""Failures in a row that take an upstream out for a while (30 s times the count, 300 s at most)."""


class Upstream:
    """One upstream: its address, idle connections, and how it has been doing."""

    def __init__(self, url: str, tls: ssl.SSLContext | None) -> None:
        parts = urlsplit(url)
        host = parts.hostname or ""
        secure = parts.scheme == "https"
        self.url = url
        self.address = Address(host, parts.port or (443 if secure else 80))
        self.authority = parts.netloc.encode("ascii")
        self.tls = (tls or ssl.create_default_context()) if secure else None
        self.idle: list[UpstreamConnection] = []
        self.failures = 0
        self.ejections = 0
        self.ejected_until = 0.0

    def weight(self, key: bytes) -> int:
        """Rendezvous: the upstream with the highest weight for a key comes first."""
        return xxhash.xxh3_64_intdigest(self.authority + b"\0" + key)

    def succeeded(self) -> None:
        """An answer came."""
        self.failures = 0
        self.ejections = 0

    def failed(self, now: float) -> None:
        """None came."""
        self.failures += 1
        if self.failures >= EJECT_AFTER:
            self.failures = 0
            self.ejections += 1
            self.ejected_until = now + min(300.0, 30.0 * self.ejections)


class Upstreams:
    """All upstreams of this node."""

    def __init__(
        self, urls: Sequence[str], network: Network, clock: Clock, timeouts: Timeouts, tls: ssl.SSLContext | None = None
    ) -> None:
        self.all = [Upstream(url, tls) for url in urls]
        self._network = network
        self._clock = clock
        self._timeouts = timeouts
        self._budget = 10.0
        self._budget_at = clock.mono()
        self.connects = 0
        self.retries = 0

    def order(self, key: bytes) -> list[Upstream]:
        """Whom to ask for a key, first choice first: by rendezvous, the ejected last (they are better than nobody)."""
        now = self._clock.mono()
        ranked = sorted(self.all, key=lambda upstream: upstream.weight(key), reverse=True)
        return sorted(ranked, key=lambda upstream: upstream.ejected_until > now)

    async def send(
        self,
        key: bytes,
        request: Callable[[Upstream], list[bytes]],
        *,
        head_only: bool = False,
        repeatable: bool = True,
        interim: Callable[[int, Fields], object] | None = None,
    ) -> Exchange:
        """Ask; returns when the head has come, UpstreamFailed when nobody answers.

        `request(upstream)` makes the bytes of the request; `repeatable` says that it may be sent twice.
        """
        self._earn()
        error = UpstreamFailed("no-upstream")
        for upstream in self.order(key)[:MOST_TRIED]:
            for fresh in (False, True):
                try:
                    return await self._once(upstream, request, fresh=fresh, head_only=head_only, interim=interim)
                except UpstreamFailed as failed:
                    error = failed
                if not (error.retry and repeatable and self._may_retry()):
                    raise error
                if error.reason != "closed":
                    break  # only a kept-alive connection that had gone stale is worth another try at the same upstream
        raise error

    def _earn(self) -> None:
        now = self._clock.mono()
        self._budget = min(20.0, self._budget + 0.2 + (now - self._budget_at) * 2.0)
        self._budget_at = now

    def _may_retry(self) -> bool:
        if self._budget < 1.0:
            return False
        self._budget -= 1.0
        self.retries += 1
        return True

    async def _once(
        self,
        upstream: Upstream,
        request: Callable[[Upstream], list[bytes]],
        *,
        fresh: bool,
        head_only: bool,
        interim: Callable[[int, Fields], object] | None,
    ) -> Exchange:
        exchange = Exchange(self._clock, self._timeouts, interim)
        try:
            connection = await self._connection(upstream, fresh=fresh)
            connection.ask(request(upstream), exchange, head_only=head_only)
            exchange.begun(connection)
            await exchange.head()
        except UpstreamFailed as error:
            exchange.close()
            if error.reason != "closed" or fresh:
                upstream.failed(self._clock.mono())
            raise
        except BaseException:
            exchange.close()
            raise
        upstream.succeeded()
        return exchange

    async def _connection(self, upstream: Upstream, *, fresh: bool) -> UpstreamConnection:
        oldest = self._clock.mono() - IDLE_SECONDS
        while upstream.idle and not fresh:
            connection = upstream.idle.pop()
            if connection.usable and connection.idle_since >= oldest:
                return connection
            connection.cut()
        return await self._dial(upstream)

    async def _dial(self, upstream: Upstream) -> UpstreamConnection:
        """A fresh connection within the connect time-out; a refused or late one may be tried elsewhere."""
        self.connects += 1
        late = False
        task = asyncio.current_task()

        def cancel() -> None:
            nonlocal late
            late = True
            if task is not None:
                task.cancel()

        made: list[UpstreamConnection] = []

        def make() -> UpstreamConnection:
            made.append(
                UpstreamConnection(
                    lambda connection: self._released(upstream, connection),
                    lambda connection: self._lost(upstream, connection),
                )
            )
            return made[-1]

        timer = self._clock.call_later(self._timeouts.connect, cancel)
        try:
            _, protocol = await self._network.dial(upstream.address, make, upstream.tls)
        except OSError as error:
            raise UpstreamFailed("connect", retry=True, detail=str(error)) from error
        except asyncio.CancelledError:
            for connection in made:
                connection.discard()  # it may have been made in the same turn of the loop
            if not late or task is None:
                raise
            task.uncancel()
            raise UpstreamFailed("connect-timeout", status=504, retry=True) from None
        finally:
            timer.cancel()
        return cast("UpstreamConnection", protocol)

    def _released(self, upstream: Upstream, connection: UpstreamConnection) -> None:
        if len(upstream.idle) >= MOST_IDLE:
            connection.cut()
            return
        connection.idle_since = self._clock.mono()
        upstream.idle.append(connection)

    def _lost(self, upstream: Upstream, connection: UpstreamConnection) -> None:
        if connection in upstream.idle:
            upstream.idle.remove(connection)

    def close(self) -> None:
        """Cut every idle connection."""
        for upstream in self.all:
            for connection in upstream.idle[:]:
                connection.cut()
            upstream.idle.clear()
