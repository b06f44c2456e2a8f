"""FETCH: request an object upstream once for every viewer that its response may serve.

`edge.fill.upstream_request` makes the request; `edge.fill.store_response` handles the response. Over 300 lines because
whole objects and missing parts of sliced objects are fetched side by side, by the same rules.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping

from cache.cache import SegmentCache, TaskRunner
from cache.entry import Entry
from cache.fills.fill import Fill, Reader
from cache.fills.fill_state import FillState
from edge.counters import Counts
from edge.fill.cacheability import invalidated_by
from edge.fill.revalidation import RevalidationBackoff, UnsteadyObjects
from edge.fill.store_response import ResponseHandler
from edge.fill.upstream_request import request_head
from edge.policy.plan import serves_when_upstream_fails
from edge.policy.profile import Profile
from edge.policy.route import RoutedRequest
from edge.slices.content_range import Part, part_of, upstream_range
from edge.slices.slice_fetch import SliceFetch
from edge.slices.sliced_object import SlicedObject
from edge.upstreams.exchange import Exchange
from edge.upstreams.selector import Upstream, Upstreams
from edge.wire.request import Request
from edge.wire.upload import Upload
from kernel.clock import Clock
from kernel.errors import Bug, Overloaded, UpstreamFailed
from kernel.fetch_reasons import FillEnd, ReleaseReason, UpstreamReason
from kernel.http.conditional import confirms
from kernel.http.forwarding import REGISTERED_SAFE
from kernel.http.freshness import COOKIE_FIELDS
from kernel.http.message import Fields, end_to_end, first, serialise, status_line

MAX_CONFIRMATIONS = 4
"""Times that upstream is asked again when an object's validators are known to change and another one comes."""
CONDITIONAL_FIELDS = frozenset(
    (b"range", b"if-range", b"if-none-match", b"if-modified-since", b"if-match", b"if-unmodified-since")
)
"""Request fields that make a response one viewer's own if they are sent along."""
ALL_OR_NOTHING = frozenset((b"if-range", b"if-match", b"if-unmodified-since"))
"""With one of these a range counts, or a body is sent, only for one version. Only the whole response shows which."""


class Fetcher:
    """Starts fetches and carries them through."""

    def __init__(
        self,
        node: str,
        profile: Profile,
        cache: SegmentCache,
        upstreams: Upstreams,
        clock: Clock,
        task_runner: TaskRunner,
        counts: Counts,
        max_object: int,
        wait: float = 3.0,
        stale_wait: float = 2.0,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self._profile = profile
        self._cache = cache
        self._upstreams = upstreams
        self._clock = clock
        self._task_runner = task_runner
        self._counts = counts
        self.wait = wait
        """Seconds that waiters wait for the head of one fetch before another is started for them."""
        self.stale_wait = stale_wait
        """Seconds that waiters wait for a revalidation before they get the stale response, if it may stand in for an
        error."""
        self._jitter = jitter
        self._backoff = RevalidationBackoff()
        self._id = node.encode("latin-1", "replace")
        self.unsteady = UnsteadyObjects()
        self._responses = ResponseHandler(
            cache, clock, task_runner, counts, max_object, self._begin_fetch, self.unsteady
        )
        self.sliced_object = self._responses.sliced_objects.sliced_object

    @property
    def max_wait(self) -> float:
        """Seconds after which no viewer waits for a head any more, over all fetches together."""
        return self._upstreams.timeouts.first_byte

    @property
    def authorities(self) -> frozenset[bytes]:
        """The hosts that upstreams are addressed by, in their normal form."""
        return self._upstreams.authorities

    def set_max_object(self, size: int) -> None:
        """Store no larger objects than `size` bytes, from the next response on."""
        self._responses.set_max_object(size)

    def start_fill(
        self,
        routed: RoutedRequest,
        request: Mapping[bytes, bytes],
        stale: Entry | None,
        leader: Reader | None = None,
        *,
        ranged: bool = False,
    ) -> Fill:
        """Start a fill that every request for the key may join. `ranged`: the requested part of the object is
        enough."""
        fill = self._cache.start_fill(routed.key, stale, request)
        fill.leader = leader
        route = routed.route
        ranged = ranged and not self.unsteady.is_unsteady(routed.key, self._clock.mono())
        part = upstream_range(request.get(b"range"), route.slice if route.slice_over else 0) if ranged else None
        if serves_when_upstream_fails(stale, fill.started):
            timer = self._clock.call_later(self.stale_wait, lambda: self._on_revalidation_overdue(fill))
        else:
            timer = self._clock.call_later(self.wait, lambda: self._on_head_overdue(fill))
        self._task_runner.spawn(self._run(fill, routed, request, b"GET", b"", part, timer.cancel))
        return fill

    def _on_head_overdue(self, fill: Fill) -> None:
        """Detach the fill: its leader goes on waiting, and the others share one more fetch."""
        if fill.state is FillState.ASKED:
            self._cache.fill_table.detach(fill)
            fill.release(ReleaseReason.LATE, lambda reader: reader is not fill.leader)

    def _on_revalidation_overdue(self, fill: Fill) -> None:
        """Send the waiters the stale response as it is; the fill goes on."""
        if fill.state is FillState.ASKED:
            fill.release(ReleaseReason.STALE, lambda _: True)

    def why_serve_stale(self, entry: Entry, running: Fill | None, now: float) -> bytes:
        """Why a stale response is served without waiting for its revalidation, as the detail for Cache-Status; empty if
        it is not."""
        if now < entry.fresh_until or not serves_when_upstream_fails(entry, now):
            return b""
        if running is not None and running.state is not FillState.ASKED:
            return b""  # the revalidation has answered
        if running is not None and now - running.started >= self.stale_wait:
            return b"upstream-late"
        upstream_fails = self._backoff.has_failed_lately(entry.key, now) or self._upstreams.all_ejected
        return b"upstream-failed" if upstream_fails else b""

    def revalidate(self, routed: RoutedRequest, request: Mapping[bytes, bytes], stale: Entry, now: float) -> None:
        """Revalidate in the background what is served stale, unless that failed a moment ago."""
        if not self.is_revalidation_paused(routed.key, now):
            self.start_fill(routed, request, stale)

    def is_revalidation_paused(self, key: bytes, now: float) -> bool:
        """Whether upstream is not asked about this key because a revalidation failed a moment ago."""
        return self._backoff.is_paused(key, now)

    def fetch_uncached(self, routed: RoutedRequest, request: Request, leader: Reader) -> Fill:
        """Start a fill for one viewer that no other may join."""
        method = b"GET" if request.method == b"HEAD" and self._profile.methods is not None else request.method
        fill = self._cache.fill_table.start_alone(routed.key, self._clock.mono())
        fill.leader = leader
        part = None
        if (
            routed.route.forwarded_fields is not None
            and method == request.method == b"GET"
            and ALL_OR_NOTHING.isdisjoint(request.fields)
        ):
            part = request.fields.get(b"range")
        passes = routed.route.forwarded_fields is None and not CONDITIONAL_FIELDS.isdisjoint(request.fields)
        if part is not None or passes or request.body:
            fill.purged = True  # a condition, range or body of one viewer goes along: the response is theirs alone
        self._task_runner.spawn(self._run(fill, routed, request.fields, method, request.body, part, _no_timer))
        return fill

    async def _run(
        self,
        fill: Fill,
        routed: RoutedRequest,
        request: Mapping[bytes, bytes],
        method: bytes,
        body: bytes | Upload,
        part: bytes | None,
        head_came: Callable[[], object],
    ) -> None:
        """Carry a fill through. `part`: the Range to request; `head_came` is called when the head came or cannot come
        any more."""
        exchange: Exchange | None = None
        try:
            asked_at = self._clock.wall()
            exchange = await self._ask(fill, routed, request, method, body, fill.stale, part)
            if _is_of_another_response(fill, exchange) or _is_unusable_part(fill, exchange, part):
                exchange.close()  # a 304 about another response (RFC 9111 §4.3.4), or an unusable part
                asked_at, part = self._clock.wall(), None
                exchange = await self._ask(fill, routed, request, method, body, None, None)
                fill.stale = None if exchange.status == 304 else fill.stale
            head_came()
            if method not in REGISTERED_SAFE and exchange.status < 400:
                await self._cache.purge(invalidated_by(routed, request, exchange.fields))
            vary_fields = routed.route.cacheability_fields(request)
            await self._responses.handle(fill, exchange, routed, vary_fields, method, asked_at, ranged=part is not None)
            self._counts.count_fill_end(FillEnd.WHOLE)
            self._backoff.record_success(fill.key)
        except (UpstreamFailed, Overloaded) as error:
            self._counts.count_fill_end(error.reason)
            if error.reason is not UpstreamReason.NO_READERS and self._cache.stored(fill.key):
                self._backoff.record_failure(fill.key, self._clock.mono(), self._jitter())
            self._cache.end_fill(fill)
            fill.fail(error)
        finally:
            head_came()
            if exchange is not None:
                exchange.close()
            self._cache.end_fill(fill)
            fill.fail(Bug("the fetch ended without an end"))

    async def _ask(
        self,
        fill: Fill | None,
        routed: RoutedRequest,
        request: Mapping[bytes, bytes],
        method: bytes,
        body: bytes | Upload,
        stale: Entry | None,
        part: bytes | None,
    ) -> Exchange:
        """Send the request; returns at the response's head. 1xx go to the waiters; `stale` makes it conditional."""
        if stale is not None and not await self._cache.load_head(stale):
            stale = None
        upload = body if isinstance(body, Upload) else None
        length = upload.length if upload is not None else len(body)  # type: ignore[arg-type]  # bytes then
        if upload is not None and upload.begun:
            raise UpstreamFailed(UpstreamReason.UPLOAD_BROKEN)  # already sent to an upstream, and not kept

        def made(upstream: Upstream) -> list[bytes]:
            head = request_head(
                self._id, upstream.authority, routed, request, method, length, stale,
                passing=fill is not None and not fill.shared, part=part,
            )  # fmt: skip
            return [head, body] if isinstance(body, bytes) and body else [head]

        # A 1xx goes to all who wait; a cookie in it belongs to the first.
        dropped = routed.route.dropped_fields | (COOKIE_FIELDS if fill is not None and fill.shared else frozenset())

        def interim(status: int, fields: Fields) -> None:
            if fill is not None:
                fill.receive_interim(status_line(status) + serialise(end_to_end(fields, dropped)) + b"\r\n")

        return await self._upstreams.send(
            routed.shard_key,
            made,
            head_only=method == b"HEAD",
            repeatable=method in REGISTERED_SAFE,
            interim=interim,
            upload=upload,
        )

    # -- missing slices ---------------------------------------------------------------------------------------

    def _begin_fetch(self, sliced: SlicedObject, fetch: SliceFetch, request: Mapping[bytes, bytes]) -> None:
        self._task_runner.spawn(self._fetch_slices(sliced, fetch, request))

    async def _fetch_slices(self, sliced: SlicedObject, fetch: SliceFetch, request: Mapping[bytes, bytes]) -> None:
        """Fetch a part of a sliced object, by as many requests as it takes."""
        late = self._clock.call_later(self.wait, fetch.on_head_overdue)
        try:
            while await self._fetch_part(sliced, fetch, request, late.cancel):
                pass
        except (UpstreamFailed, Overloaded) as error:
            self._counts.count_fill_end(error.reason)
            fetch.close(error)
        finally:
            late.cancel()
            fetch.close(Bug("the fetch ended without an end"))

    async def _fetch_part(
        self, sliced: SlicedObject, fetch: SliceFetch, request: Mapping[bytes, bytes], head_came: Callable[[], object]
    ) -> bool:
        """Make one request for slices; a new version replaces the object. Returns whether more must be requested."""
        vary_fields = sliced.routed.route.cacheability_fields(request)
        exchange, part, asked_at = await self._ask_until_version_agrees(sliced, fetch, request, vary_fields)
        head_came()
        try:
            if part is not None:
                fetch.begin_stream(exchange, part)
                await self._responses.sliced_objects.receive(fetch, exchange)
                self._counts.count_fill_end(FillEnd.WHOLE)
                if fetch.needs_more():
                    return True
                fetch.close(None)
            elif exchange.status in (200, 206):
                await self._replace(sliced, fetch, exchange, request, vary_fields, asked_at)
            elif (
                exchange.status < 500 and exchange.status != 304
            ):  # the object is that now: viewers who ask again get it
                sliced.on_changed()
                self._counts.count_fill_end(FillEnd.OBJECT_CHANGED)
            else:
                raise UpstreamFailed(UpstreamReason.for_status(exchange.status))
        finally:
            exchange.close()
        return False

    async def _ask_until_version_agrees(
        self,
        sliced: SlicedObject,
        fetch: SliceFetch,
        request: Mapping[bytes, bytes],
        vary_fields: Mapping[bytes, bytes],
    ) -> tuple[Exchange, Part | None, float]:
        """Ask until an upstream answers with this version, a few times at most. Otherwise viewers in the middle of the
        object would be cut off for a version that perhaps only one of several backends has."""
        key, seen, asked_at = sliced.whole.key, set[bytes | None](), self._clock.wall()
        exchange = await self._ask(None, sliced.routed, request, b"GET", b"", None, fetch.range_header)
        try:
            left = MAX_CONFIRMATIONS if self.unsteady.is_unsteady(key, self._clock.mono()) else 1
            while (part := self._responses.accept_part(fetch, exchange, vary_fields, asked_at)) is None and left:
                if exchange.status not in (200, 206) or not sliced.has_started_consumer or not sliced.refetchable:
                    break
                left -= 1
                exchange.close()
                seen.add(first(exchange.fields, b"etag"))
                asked_at = self._clock.wall()
                exchange = await self._ask(None, sliced.routed, request, b"GET", b"", None, fetch.range_header)
            if seen and (part is not None or first(exchange.fields, b"etag") not in seen):
                self.unsteady.mark_unsteady(key, self._clock.mono())
        except BaseException:
            exchange.close()
            raise
        return exchange, part, asked_at

    async def _replace(
        self,
        sliced: SlicedObject,
        fetch: SliceFetch,
        exchange: Exchange,
        request: Mapping[bytes, bytes],
        vary_fields: Mapping[bytes, bytes],
        asked_at: float,
    ) -> None:
        """Store the new version that came: viewers without a head wait for it, all others are cut off."""
        if self.unsteady.record_change(sliced.whole.key, self._clock.mono()) and exchange.status == 206:
            sliced.on_changed()  # viewers who ask again get it in one stream
            self._counts.count_fill_end(FillEnd.OBJECT_CHANGED)
            return
        fill = self._cache.start_fill(sliced.routed.key, None, request)
        try:
            sliced.on_changed()
            fetch.close(None)
            await self._responses.handle(fill, exchange, sliced.routed, vary_fields, b"GET", asked_at, ranged=True)
            self._counts.count_fill_end(FillEnd.WHOLE)
        except UpstreamFailed as error:
            self._cache.end_fill(fill)
            fill.fail(error)
            raise
        finally:
            self._cache.end_fill(fill)
            fill.fail(Bug("the fetch ended without an end"))

    def load_head(self, entry: Entry, then: Callable[[bool], object]) -> None:
        """Load an entry's head from disk; `then` is called with whether that succeeded."""
        self._task_runner.spawn(self._load_head(entry, then))

    async def _load_head(self, entry: Entry, then: Callable[[bool], object]) -> None:
        then(await self._cache.load_head(entry))


def _is_of_another_response(fill: Fill, exchange: Exchange) -> bool:
    """Whether a 304 does not match the stored response it was asked about. With the head lost, no condition was
    sent."""
    stale = fill.stale
    if exchange.status != 304 or stale is None:
        return False
    return stale.cold or not confirms(exchange.fields, stale.etag, stale.last_modified)


def _is_unusable_part(fill: Fill, exchange: Exchange, part: bytes | None) -> bool:
    """Whether the response is a part that cannot be used for all who wait."""
    return fill.shared and part is not None and exchange.status == 206 and not part_of(exchange.fields, exchange.length)


def _no_timer() -> None:
    """No timer waits for the head of an uncached fetch."""
