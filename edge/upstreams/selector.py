"""FETCH: send a request to an upstream, within limits of time and number, and to another one if the first fails.

`Upstreams.send` returns an exchange once the response's head is there; the body then goes to a sink by plain calls.
`kernel.upstreams.rendezvous` ranks the upstreams, `kernel.upstreams.health` ejects failing ones, and
`edge.upstreams.pool` bounds connections. A request is retried only while no byte of a response has reached anybody:

- over a fresh connection, if a kept one turns out to be dead or answers 408 (once, and only if the request may repeat);
- on the next upstream, if the first cannot be connected to or all its connections are busy: none of it was sent;
- on the next upstream, if one closed without a response or answered 502, 503 or 504, the request may repeat, and the
  retry budget allows it. A gateway error means that this path fails, not what the resource is; if no other upstream
  does better, that error is the response.

A late head is not retried: the viewer has waited long enough. The retry budget is a share of requests plus a few per
second, so that retries do not multiply the load when everything fails.
Over 300 lines because retrying is one decision.
"""

from __future__ import annotations

import ssl
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from urllib.parse import urlsplit

import structlog

from edge.upstreams.exchange import Exchange, Timeouts
from edge.upstreams.network import Network
from edge.upstreams.pool import Pool, PoolLimits
from edge.wire.upload import Upload
from kernel.clock import Clock
from kernel.errors import Overloaded, UpstreamFailed
from kernel.fetch_reasons import UpstreamReason
from kernel.http.authority import normal_authority
from kernel.http.message import Fields
from kernel.settings.table import Address
from kernel.upstreams import health, rendezvous
from kernel.upstreams.health import Failure, Health
from kernel.upstreams.upstream_url import weight_of, without_weight

RETRY_SHARE = 0.2
RETRIES_PER_SECOND = 2.0
MAX_SAVED_RETRIES = 20.0
INITIAL_RETRIES = 10.0


class RetryBudget:
    """A bucket that each request and each second fill a little, and each retry empties by one."""

    def __init__(self, now: float) -> None:
        self._left = INITIAL_RETRIES
        self._at = now
        self.refused = 0

    def earn(self, now: float) -> None:
        """Count a request."""
        self._left = min(MAX_SAVED_RETRIES, self._left + RETRY_SHARE + max(0.0, now - self._at) * RETRIES_PER_SECOND)
        self._at = now

    def try_spend(self) -> bool:
        """Whether one more retry is allowed; it is counted."""
        if self._left < 1.0:
            self.refused += 1
            return False
        self._left -= 1.0
        return True


MAX_ATTEMPTS = 3
CANNOT_CONNECT = frozenset(
    (UpstreamReason.CONNECT, UpstreamReason.CONNECT_TIMEOUT, UpstreamReason.TLS, UpstreamReason.CERTIFICATE)
)
"""Failures before any of the request was sent."""
FAILING = frozenset((500, 502, 503, 504))
"""Statuses that count as failures of the upstream."""
GATEWAY = frozenset((502, 503, 504))
"""Statuses for which another upstream is tried."""
NOT_UPSTREAMS_FAULT = frozenset(
    (UpstreamReason.NO_READERS, UpstreamReason.STALE_CONNECTION, UpstreamReason.UPLOAD_BROKEN)
)
"""Ends of an exchange that say nothing about the upstream's health."""

logger = structlog.get_logger("edge")


class Upstream:
    """One upstream: its address, weight, connections and health."""

    def __init__(
        self, url: str, make_pool: Callable[[Address, ssl.SSLContext | None], Pool], tls: ssl.SSLContext | None
    ) -> None:
        self.url = without_weight(url)
        self.weight = weight_of(url)
        parts = urlsplit(self.url)
        secure = parts.scheme == "https"
        self.address = Address(parts.hostname or "", parts.port or (443 if secure else 80))
        self.authority = parts.netloc.encode("ascii")
        self.tls = (tls or ssl.create_default_context()) if secure else None
        self.pool = make_pool(self.address, self.tls)
        self.health = Health()
        self.running = 0
        self.failures = 0
        self.ejected = 0
        """Number of ejections."""


@dataclass(slots=True)
class _ExchangeAccounting:
    """Observes one exchange and credits its upstream with the result."""

    owner: Upstreams
    upstream: Upstream
    probing: bool
    failed: bool = False

    def on_head(self, status: int) -> None:
        if status in FAILING:
            self.count_failure(UpstreamReason.for_status(status), Failure.ANSWER)
        elif self.probing:
            self.count_success()

    def on_end(self, error: UpstreamFailed | None, *, whole: bool) -> None:
        self.upstream.running -= 1
        if error is not None and error.reason not in NOT_UPSTREAMS_FAULT:
            self.count_failure(error.reason, Failure.UNREACHABLE if error.reason in CANNOT_CONNECT else Failure.ANSWER)
        elif whole and not self.failed:
            self.count_success()
        elif self.probing:
            self.upstream.health.told_nothing()

    def count_failure(self, reason: UpstreamReason, how: Failure) -> None:
        if not self.failed:
            self.failed, self.probing = True, False
            self.owner.on_failure(self.upstream, reason, how)

    def count_success(self) -> None:
        self.probing = False
        self.owner.on_success(self.upstream)


class Upstreams:
    """The upstreams of this node. `name`: the name in their certificates, if not their URL's host."""

    def __init__(
        self,
        urls: Sequence[str],
        network: Network,
        clock: Clock,
        timeouts: Timeouts,
        tls: ssl.SSLContext | None = None,
        limits: PoolLimits | None = None,
        name: str | None = None,
    ) -> None:
        self.all: list[Upstream] = []
        self.clock = clock
        self._network = network
        self.configure(urls, timeouts, tls, limits or PoolLimits(), name)
        self._budget = RetryBudget(clock.mono())
        self.retries = 0

    def configure(
        self,
        urls: Sequence[str],
        timeouts: Timeouts,
        tls: ssl.SSLContext | None,
        limits: PoolLimits,
        name: str | None = None,
    ) -> None:
        """Use these from now on. Those that stay keep connections and health; exchanges under way are not affected."""
        left = {one.url: one for one in self.all}

        def upstream(url: str) -> Upstream:
            return Upstream(url, lambda at, context: Pool(at, self._network, self.clock, limits, context, name), tls)

        self.all = [left.pop(bare) if (bare := without_weight(url)) in left else upstream(url) for url in urls]
        for url, one in zip(urls, self.all, strict=True):
            one.weight, one.pool.limits = weight_of(url), limits
        for removed in left.values():
            removed.pool.limits = replace(limits, idle=0)
            removed.pool.drop_idle()
        self.timeouts = timeouts
        ports = {True: b"443", False: b"80"}
        normal = (normal_authority(one.authority, ports[one.tls is not None]) for one in self.all)
        self.authorities = frozenset(one for one in normal if one is not None)

    @property
    def all_ejected(self) -> bool:
        """Whether every upstream is ejected."""
        return all(upstream.health.out is not None for upstream in self.all)

    @property
    def connects(self) -> int:
        """Connections opened."""
        return sum(upstream.pool.connects for upstream in self.all)

    @property
    def retries_refused(self) -> int:
        """Retries that the budget refused."""
        return self._budget.refused

    def order_for(self, key: bytes) -> list[Upstream]:
        """The upstreams to try for a key, in order. Ejected ones come last: better than none."""
        if len(self.all) == 1:
            return self.all
        now = self.clock.mono()
        first = health.usable([upstream.health for upstream in self.all], now)
        ordered: list[Upstream] = []
        for usable in (True, False):
            group = [upstream for upstream, use in zip(self.all, first, strict=True) if use is usable]
            candidates = [
                rendezvous.Candidate(one.authority, one.weight * one.health.share(now), one.running) for one in group
            ]
            ordered += [group[index] for index in rendezvous.order(key, candidates)]
        return ordered

    async def send(
        self,
        key: bytes,
        request: Callable[[Upstream], list[bytes]],
        *,
        head_only: bool = False,
        repeatable: bool = True,
        interim: Callable[[int, Fields], object] | None = None,
        upload: Upload | None = None,
    ) -> Exchange:
        """Send a request; returns once the head arrives. Raises UpstreamFailed if none responds, Overloaded if all are
        busy.

        `request(upstream)` makes the request's bytes. `repeatable`: it may be sent twice (a safe method). `upload`: its
        body, still arriving; once begun, it goes to no other upstream. `interim(status, fields)` is called for each 1xx
        except 100.
        """
        now = self.clock.mono()
        self._budget.earn(now)
        until = now + self.timeouts.connect + self.timeouts.first_byte
        attempts = _Attempts(self, until, request, head_only, repeatable and upload is None, interim, upload)
        return await self._first_good_response(attempts, self.order_for(key)[:MAX_ATTEMPTS])

    async def _first_good_response(self, attempts: _Attempts, order: list[Upstream]) -> Exchange:
        """The first good response in this order, or else the first response."""
        kept: Exchange | None = None
        error: UpstreamFailed | Overloaded = UpstreamFailed(UpstreamReason.NO_UPSTREAM)
        try:
            for left, upstream in zip(range(len(order) - 1, -1, -1), order, strict=True):
                try:
                    exchange = await attempts.send_to(upstream)
                except (UpstreamFailed, Overloaded) as failed:
                    error = failed
                    spent = attempts.upload is not None and attempts.upload.begun
                    if spent or not (left and self._may_retry(failed, repeatable=attempts.repeatable)):
                        break
                else:
                    if (
                        kept is not None
                        or not left
                        or not self._should_retry_status(exchange, repeatable=attempts.repeatable)
                    ):
                        return exchange
                    kept = exchange
                    kept.pause()
                self.retries += 1
            if kept is None:
                raise error
            answer, kept = kept, None
            answer.resume()
            return answer
        finally:
            if kept is not None:
                kept.close()

    def _may_retry(self, error: UpstreamFailed | Overloaded, *, repeatable: bool) -> bool:
        """Whether the next upstream may be tried. An immediate refusal costs nothing, so it needs no budget."""
        if isinstance(error, Overloaded) or error.reason in CANNOT_CONNECT - {UpstreamReason.CONNECT_TIMEOUT}:
            return True
        return error.retry and (repeatable or error.reason in CANNOT_CONNECT) and self._budget.try_spend()

    def _should_retry_status(self, exchange: Exchange, *, repeatable: bool) -> bool:
        """Whether to try another upstream despite this response."""
        return exchange.status in GATEWAY and repeatable and self._budget.try_spend()

    def start_exchange(self, upstream: Upstream, interim: Callable[[int, Fields], object] | None) -> Exchange:
        """An exchange whose result is credited to `upstream`."""
        now = self.clock.mono()
        probing = upstream.health.awaits_probe(now)
        if probing:
            upstream.health.probe(now)
        upstream.running += 1
        return Exchange(self.clock, self.timeouts, interim, _ExchangeAccounting(self, upstream, probing))

    def on_failure(self, upstream: Upstream, reason: UpstreamReason, how: Failure) -> None:
        """Count a failure of the upstream."""
        upstream.failures += 1
        pool = [one.health for one in self.all]
        if upstream.health.failed(how, self.clock.mono(), may_leave=health.may_leave(pool)):
            upstream.ejected += 1
            logger.warning(
                "upstream-ejected", upstream=upstream.url, reason=reason.value, ejections=upstream.health.ejections
            )

    def on_success(self, upstream: Upstream) -> None:
        """Count a success of the upstream."""
        if upstream.health.succeeded(self.clock.mono()):
            logger.info("upstream-restored", upstream=upstream.url)

    def close(self) -> None:
        """Abort every idle connection."""
        for upstream in self.all:
            upstream.pool.drop_idle()


@dataclass(frozen=True, slots=True)
class _Attempts:
    """One request, as sent to one upstream after another. The head must arrive by `until`."""

    owner: Upstreams
    until: float
    request: Callable[[Upstream], list[bytes]]
    head_only: bool
    repeatable: bool
    interim: Callable[[int, Fields], object] | None
    upload: Upload | None = None

    async def send_to(self, upstream: Upstream) -> Exchange:
        """Send it to this upstream; a kept connection that turns out to be dead is replaced once.

        A request that must not repeat gets a fresh connection from the start: behind a dead one, the upstream may have
        acted on it.
        """
        try:
            return await self._send_once(upstream, fresh=not self.repeatable)
        except UpstreamFailed as error:
            if error.reason is not UpstreamReason.STALE_CONNECTION:
                raise
            if not self.repeatable:
                raise UpstreamFailed(UpstreamReason.CLOSED) from None
        # Whatever killed it (a restart, a lost path) has probably killed the others too.
        upstream.pool.drop_idle()
        self.owner.retries += 1
        return await self._send_once(upstream, fresh=True)

    async def _send_once(self, upstream: Upstream, *, fresh: bool) -> Exchange:
        exchange = self.owner.start_exchange(upstream, self.interim)
        timeouts = self.owner.timeouts
        try:
            connection = await upstream.pool.acquire(fresh=fresh, within=min(timeouts.connect, self._left()))
            kept = connection.served > 0
            if self.upload is not None and self.upload.broken:
                connection.abort()
                raise UpstreamFailed(UpstreamReason.UPLOAD_BROKEN)
            connection.send_request(self.request(upstream), exchange, head_only=self.head_only, upload=self.upload)
            exchange.on_sent(connection, min(timeouts.first_byte, self._left()))
            await exchange.wait_for_head()
            if exchange.status == 408 and kept and self.repeatable and not fresh:
                # The 408 is about the idle time before our request and crossed it (RFC 9110 §15.5.9): the upstream has
                # closed without reading it. A request that must not repeat gets the 408.
                raise UpstreamFailed(UpstreamReason.STALE_CONNECTION, retry=True)
        except UpstreamFailed as error:
            exchange.on_broken(error)
            exchange.close()
            raise
        except BaseException:
            exchange.close()
            raise
        return exchange

    def _left(self) -> float:
        return max(0.0, self.until - self.owner.clock.mono())
