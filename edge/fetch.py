"""FETCH: from an upstream's answer to a fill that serves everybody it may serve.

What is asked is said in `edge.ask`, what an answer is good for in `edge.judge`; here it is carried out.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from cache.body import make_body
from cache.cache import PurgeRequest, SegmentCache, Workshop
from cache.entry import OVERHEAD, Entry
from cache.fill import Fill, Reader
from cache.fillstate import Event, State
from edge.ask import request_head
from edge.counters import Counts
from edge.exchange import Exchange
from edge.judge import OF_THE_REQUEST, changed_keys, freshened, judge
from edge.profile import Profile
from edge.route import Asked
from edge.routes import Route
from edge.upstream import Upstream, Upstreams
from edge.wire.request import Request
from kernel.clock import Clock
from kernel.errors import Bug, Overloaded, UpstreamFailed
from kernel.http.conditional import confirms, still_describes
from kernel.http.dates import format_date
from kernel.http.freshness import STALE_IF_ERROR_STATUSES, Verdict, assess
from kernel.http.message import Fields, end_to_end, serialise, status_line, values
from kernel.http.passing import REGISTERED_SAFE

HIT_FOR_MISS_SECONDS = 10.0
"""How long an answer that was not for sharing lets the next ones go alone at once."""


_ASKS_FOR_206 = frozenset((b"range",))
_ASKS_FOR_304 = frozenset((b"if-none-match", b"if-modified-since"))
OF_ONE_VIEWER = _ASKS_FOR_206 | _ASKS_FOR_304 | {b"if-match", b"if-unmodified-since", b"if-range"}
"""Request fields that make the answer one viewer's, when they are sent along."""


class Fetcher:
    """Begins fills and carries them through."""

    def __init__(
        self,
        node: str,
        profile: Profile,
        cache: SegmentCache,
        upstreams: Upstreams,
        clock: Clock,
        workshop: Workshop,
        counts: Counts,
        max_object: int,
    ) -> None:
        self._profile = profile
        self._cache = cache
        self._upstreams = upstreams
        self._clock = clock
        self._workshop = workshop
        self._counts = counts
        self._max_object = max_object
        self._id = node.encode("latin-1", "replace")

    def begin(
        self, asked: Asked, request: Mapping[bytes, bytes], stale: Entry | None, leader: Reader | None = None
    ) -> Fill:
        """A fill that everybody may join who asks for the key."""
        fill = self._cache.begin(asked.key, stale)
        fill.leader = leader
        self._workshop.spawn(self._run(fill, asked, request, b"GET", b""))
        return fill

    def alone(self, asked: Asked, request: Request, leader: Reader) -> Fill:
        """A fill for one viewer."""
        method = b"GET" if request.method == b"HEAD" and self._profile.methods is not None else request.method
        fill = self._cache.filling.begin_alone(asked.key, self._clock.mono())
        fill.leader = leader
        if asked.route.forwards is None and (request.body or not OF_ONE_VIEWER.isdisjoint(request.fields)):
            fill.doomed = True  # his own condition, range or body goes along: the answer is nobody else's
        self._workshop.spawn(self._run(fill, asked, request.fields, method, request.body))
        return fill

    async def _run(self, fill: Fill, asked: Asked, request: Mapping[bytes, bytes], method: bytes, body: bytes) -> None:
        safe = method in REGISTERED_SAFE
        exchange: Exchange | None = None
        try:
            asked_at = self._clock.wall()
            exchange = await self._asked(fill, asked, request, method, body, fill.stale)
            if exchange.status == 304 and fill.stale is not None and not _is_of(exchange.fields, fill.stale):
                exchange.close()  # it speaks of another response than ours (RFC 9111 §4.3.4): ask for the whole
                asked_at = self._clock.wall()
                exchange = await self._asked(fill, asked, request, method, body, None)
                fill.stale = None if exchange.status == 304 else fill.stale
            if not safe and exchange.status < 400:
                await self._cache.purge(PurgeRequest(urls=changed_keys(asked, request, exchange.fields)))
            await self._answer(fill, exchange, asked.route, asked.route.judged_by(request), method, asked_at)
            self._counts.fill_ended("whole")
        except (UpstreamFailed, Overloaded) as error:
            self._counts.fill_ended(error.reason)
            self._cache.ended(fill)
            fill.fail(error)
        finally:
            if exchange is not None:
                exchange.close()
            self._cache.ended(fill)
            fill.fail(Bug("the fetch ended without an end"))

    async def _asked(
        self,
        fill: Fill,
        asked: Asked,
        request: Mapping[bytes, bytes],
        method: bytes,
        body: bytes,
        stale: Entry | None,
    ) -> Exchange:
        """Ask; interim responses go at once to those who wait. `stale` makes the request conditional."""

        def made(upstream: Upstream) -> list[bytes]:
            head = request_head(
                self._id, upstream.authority, asked, request, method, len(body), stale,
                passing=not fill.shared,
            )  # fmt: skip
            return [head, body] if body else [head]

        def interim(status: int, fields: Fields) -> None:
            fill.interim(status_line(status) + serialise(end_to_end(fields, asked.route.drops)) + b"\r\n")

        return await self._upstreams.send(
            asked.shard, made, head_only=method == b"HEAD", repeatable=method in REGISTERED_SAFE, interim=interim
        )

    async def _answer(
        self,
        fill: Fill,
        exchange: Exchange,
        route: Route,
        request: Mapping[bytes, bytes],
        method: bytes,
        asked_at: float,
    ) -> None:
        """The head is there: judge it, then let the body flow."""
        stale, status = fill.stale, exchange.status
        now, wall = self._clock.mono(), self._clock.wall()
        fields = [pair for pair in exchange.fields if pair[0] not in route.drops]
        keeps = route.keeps_of(request)
        if status == 304 and method in (b"GET", b"HEAD") and not _may_pass(fill, request, _ASKS_FOR_304):
            if stale is None:
                raise UpstreamFailed("unasked-304")
            merged = freshened(stale, fields)
            verdict = assess(method, request, stale.status, merged, keeps,
                             request_wall=asked_at, response_wall=wall)  # fmt: skip
            await exchange.body_to(_drop)
            self._cache.freshen(stale, self._dated(fields), verdict, doomed=fill.doomed)
            if not fill.doomed and values(fields, b"vary"):
                _set_vary(stale, route, request)
            self._cache.ended(fill)
            fill.held(stale)
            return
        if status == 206 and method == b"GET" and not _may_pass(fill, request, _ASKS_FOR_206):
            raise UpstreamFailed("unasked-206")
        if status == 200 and method == b"HEAD":
            await self._compare(fill, fields, route, request, asked_at)
        if status in STALE_IF_ERROR_STATUSES and stale is not None and now < max(stale.sie_until, stale.swr_until):
            raise UpstreamFailed(f"status-{status}")
        verdict = assess(method, request, status, fields, keeps, request_wall=asked_at, response_wall=wall)
        entry = self._entry(fill, exchange, route, fields, verdict, request, now)
        await self._body(fill, exchange, entry, verdict, whole=method == b"GET")

    async def _compare(
        self, fill: Fill, fields: Fields, route: Route, request: Mapping[bytes, bytes], asked_at: float
    ) -> None:
        """The head of a HEAD freshens what is stored for a GET, or tells that it is stale (RFC 9111 §4.3.5)."""
        stored = self._cache.peek(fill.key, request)
        if stored is None or not await self._cache.warmed(stored):
            return
        if not still_describes(fields, stored.etag, stored.last_modified, stored.length):
            stored.make_stale(self._clock.mono())
            return
        merged = freshened(stored, fields)
        verdict = assess(b"GET", request, stored.status, merged, route.keeps_of(request),
                         request_wall=asked_at, response_wall=self._clock.wall())  # fmt: skip
        self._cache.freshen(stored, self._dated(fields), verdict, doomed=fill.doomed)

    def _entry(
        self,
        fill: Fill,
        exchange: Exchange,
        route: Route,
        fields: Fields,
        verdict: Verdict,
        request: Mapping[bytes, bytes],
        now: float,
    ) -> Entry:
        kept = fields
        if verdict.keeps and verdict.unstored_fields:
            kept = [pair for pair in fields if pair[0] not in verdict.unstored_fields]
            fill.for_leader = serialise(end_to_end([pair for pair in fields if pair[0] in verdict.unstored_fields]))
        entry = Entry(fill.key, exchange.status, self._dated(kept), exchange.length)
        entry.had_age = bool(values(fields, b"age"))
        entry.set_times(verdict, now)
        _set_vary(entry, route, request)
        return entry

    def _dated(self, fields: Fields) -> Fields:
        """What came without a Date was made when we received it (RFC 9110 §6.6.1)."""
        return fields if values(fields, b"date") else [*fields, (b"date", format_date(self._clock.wall()))]

    async def _body(self, fill: Fill, exchange: Exchange, entry: Entry, verdict: Verdict, *, whole: bool) -> None:
        """`whole`: the answer brings its body, which that to a HEAD does not."""
        length = exchange.length
        fits = whole and (
            length is None or (length <= self._max_object and self._cache.takes(length + len(entry.block) + OVERHEAD))
        )
        validator = entry.etag is not None or entry.last_modified is not None
        decision = judge(entry.status, verdict, fits=fits, doomed=fill.doomed, validator=validator)
        if not decision.kept and not decision.shared and fill.shared and verdict.why not in OF_THE_REQUEST:
            self._cache.remember_miss(fill.key, HIT_FOR_MISS_SECONDS)
        if not decision.kept:
            self._cache.ended(fill)
        fill.pause, fill.resume = exchange.pause, exchange.resume
        frees: Callable[[Reader], bool] | None = None
        if not decision.kept and not decision.shared:
            frees = lambda reader: reader is not fill.leader  # noqa: E731 (one word of a rule, no function of its own)
        elif entry.vary:
            frees = lambda reader: reader is not fill.leader and not reader.matches(entry)  # noqa: E731
        fill.head(entry, kept=decision.kept, why=decision.why, frees=frees)
        await exchange.body_to(lambda data: self._flow(fill, exchange, data))
        self._end(fill, entry)

    def _flow(self, fill: Fill, exchange: Exchange, data: bytes) -> None:
        """A piece of the body came."""
        self._counts.bytes_filled += len(data)
        fill.add(data)
        if fill.state is State.FILLING and not self._has_room(fill.received):
            self._cache.ended(fill)
            fill.pass_on(Event.TOO_LARGE)
        elif fill.state is State.PASSING and not fill.readers:
            exchange.on_broken(UpstreamFailed("nobody-waits"))

    def _has_room(self, received: int) -> bool:
        """Whether a body of untold length may still become one that is kept."""
        return received <= self._max_object and self._cache.takes(received)

    def _end(self, fill: Fill, entry: Entry) -> None:
        """The body is whole: keep it, then tell everybody."""
        pieces = fill.end()
        if pieces is not None:
            body = make_body(pieces, files=self._cache.files and self._cache.disk is None)
            fill.settle(body)
            entry.length = len(body)
            entry.ready = None
            self._cache.store(entry, body)
        elif fill.stale is not None and not fill.doomed and entry.status < 500:
            self._cache.forget(fill.stale)  # it was replaced by something that may not be kept
        self._cache.ended(fill)
        fill.tell_end()


def _set_vary(entry: Entry, route: Route, request: Mapping[bytes, bytes]) -> None:
    entry.set_vary(request)
    entry.vary = tuple(pair for pair in entry.vary if route.varies_by(pair[0]))


def _may_pass(fill: Fill, request: Mapping[bytes, bytes], asking: frozenset[bytes]) -> bool:
    """Whether an answer without the whole is what the one viewer of this fill asked for himself."""
    return fill.doomed and not fill.shared and not asking.isdisjoint(request)


def _is_of(fields: Fields, stale: Entry) -> bool:
    return confirms(fields, stale.etag, stale.last_modified)


def _drop(data: bytes) -> None:
    """A 304 has no body; were there one, it would count for nothing."""
    del data
