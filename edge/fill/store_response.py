"""FETCH: handle an upstream response: store it, cut it into slices, or pass it through. `edge.fill.cacheability`
decides.

A small response flows through its fill and is stored as one object; a large one is cut into slices. A response that may
not be stored passes through to the readers it is for, while the others ask again. Over 300 lines because every kind of
response (new, not modified, a part, to a HEAD) is compared with the same stored entry.
"""

from __future__ import annotations

from collections.abc import Mapping

from cache.body import Chunk
from cache.cache import SegmentCache, TaskRunner
from cache.disk.spool import Spool
from cache.entry import OBJECT_OVERHEAD_BYTES, Entry
from cache.fills.fill import Fill
from cache.fills.fill_state import FillEvent, FillState
from edge.counters import Counts
from edge.fill.cacheability import (
    LOOP_DETECTED,
    StoreDecision,
    decide_storage,
    freshened,
    release_reason,
    waiters_to_release,
)
from edge.fill.revalidation import UNSTEADY_SECONDS, UnsteadyObjects
from edge.policy.route import Route, RoutedRequest
from edge.slices.content_range import Part, of_the_whole, part_of, strong_etag
from edge.slices.registry import SlicedObjects, matching_part
from edge.slices.slice_fetch import SliceFetch
from edge.slices.sliced_object import BeginFetch
from edge.upstreams.exchange import Exchange
from kernel.clock import Clock, Timer
from kernel.errors import UpstreamFailed
from kernel.fetch_reasons import REQUEST_ONLY, NotStorable, ReleaseReason, UpstreamReason
from kernel.http.conditional import still_describes
from kernel.http.dates import format_date
from kernel.http.freshness import STALE_IF_ERROR_STATUSES, Verdict, assess
from kernel.http.message import Fields, end_to_end, serialise, values
from kernel.vocabulary import NotStored

HIT_FOR_MISS_SECONDS = 10.0
"""How long requests for a key are fetched separately at once after a response that may not be shared."""
MAX_BUFFERED_BYTES = 256 << 20
"""Bytes of bodies on their way to be stored whole. Beyond it responses pass through, unless their head promised
storage."""
MAX_WHOLE_BYTES = 64 << 20
"""The largest object stored whole, though large enough for slices, because its validator keeps changing."""
MAX_LAG_SECONDS = 5.0
"""How long one reader may delay the others of a response that passes through."""
ASKS_FOR_206 = frozenset((b"range",))
ASKS_FOR_304 = frozenset((b"if-none-match", b"if-modified-since"))


class ResponseHandler:
    """See the module. `begin_fetch` fetches missing slices."""

    def __init__(
        self,
        cache: SegmentCache,
        clock: Clock,
        task_runner: TaskRunner,
        counts: Counts,
        max_object: int,
        begin_fetch: BeginFetch,
        unsteady: UnsteadyObjects,
    ) -> None:
        self._cache, self._clock = cache, clock
        self._counts, self._task_runner = counts, task_runner
        self._max_object = max_object
        self._bytes_buffered = self._promised = 0
        self._unsteady = unsteady
        self.sliced_objects = SlicedObjects(cache, clock, task_runner, counts, begin_fetch)

    def set_max_object(self, size: int) -> None:
        """Store no larger objects than `size` bytes from now on."""
        self._max_object = size

    # -- the head ----------------------------------------------------------------------------------------------

    async def handle(
        self,
        fill: Fill,
        exchange: Exchange,
        routed: RoutedRequest,
        request: Mapping[bytes, bytes],
        method: bytes,
        asked_at: float,
        *,
        ranged: bool,
    ) -> None:
        """Decide about the response by its head, then let the body flow. `request`: the fields that freshness and Vary
        depend on; `ranged`: a part was requested that all may use."""
        stale, status, route = fill.stale, exchange.status, routed.route
        if status == 304 and method in (b"GET", b"HEAD") and not _may_pass_through(fill, request, ASKS_FOR_304):
            await self._not_modified(fill, exchange, route, request, method, asked_at)
            return
        part = part_of(exchange.fields, exchange.length) if status == 206 and ranged and fill.shared else None
        retrieves = method in (b"GET", b"HEAD")
        if status == 206 and part is None and retrieves and not _may_pass_through(fill, request, ASKS_FOR_206):
            raise UpstreamFailed(UpstreamReason.UNASKED_206)
        if status == 200 and method == b"HEAD":
            await self._freshen_from_head(fill, exchange, route, request, asked_at)
        now = self._clock.mono()
        if status in STALE_IF_ERROR_STATUSES and stale is not None and now < max(stale.sie_until, stale.swr_until):
            raise UpstreamFailed(UpstreamReason.for_status(status))
        verdict = self._assess(method, request, 200 if part else status, exchange.fields, route, asked_at)
        entry = self._entry(fill, exchange, route, verdict, request, part)
        sliced = method == b"GET" and entry.status == 200 and route.slice > 0
        large = route.is_sliced(entry.length) and not self._unsteady.is_unsteady(fill.key, now)
        sliced = sliced and (large or (part is not None and part.stop - part.first < part.total))
        fits = method == b"GET" and self._fits(entry, route, verdict, sliced=sliced)
        if exchange.ends_at_close and route.forwarded_fields is not None:
            fits = False  # a truncated body would look the same
        decision = self._decide(fill, entry, route, verdict, fits=fits, ranged=ranged)
        fill.unsure = self._why_not_sure_to_store(entry, route, decision, sliced=sliced)
        if decision.kept and sliced:
            await self.sliced_objects.store_in_slices(fill, exchange, routed, entry, part)
        else:
            await self._flow_through(fill, exchange, route, entry, decision, part)

    def _decide(
        self, fill: Fill, entry: Entry, route: Route, verdict: Verdict, *, fits: bool, ranged: bool
    ) -> StoreDecision:
        """Decide about storage, and remember what it says about the next requests."""
        if entry.vary or entry.status < 400:
            self._cache.fill_table.remember_vary(entry)
        validator = entry.etag is not None or entry.last_modified is not None
        decision = decide_storage(entry.status, verdict, fits=fits, doomed=fill.purged, validator=validator)
        if decision.why is NotStorable.TOO_LARGE and self._unsteady.is_unsteady(fill.key, self._clock.mono()):
            self._cache.remember_miss(
                fill.key, UNSTEADY_SECONDS
            )  # so that the next request for a part asks for that part
        if ranged and entry.status == 416:
            return StoreDecision(kept=False, shared=False, why=NotStorable.RANGE)
        # One viewer's field may have caused an error: it must not end sharing for all others.
        one_viewers = entry.status >= 400 and (route.forwarded_fields is None or entry.status == LOOP_DETECTED)
        one_viewers = one_viewers or verdict.keeps or verdict.why in REQUEST_ONLY
        if not decision.kept and not decision.shared and fill.shared and not one_viewers:
            self._cache.remember_miss(fill.key, HIT_FOR_MISS_SECONDS)
        return decision

    def accept_part(
        self, fetch: SliceFetch, exchange: Exchange, request: Mapping[bytes, bytes], asked_at: float
    ) -> Part | None:
        """The part of the fetched object in this response; None if it is another version, or may not be stored.
        UpstreamFailed if it does not answer the request."""
        part, whole, route = matching_part(fetch, exchange), fetch.sliced.whole, fetch.sliced.routed.route
        if part is None:
            return None
        verdict = self._assess(b"GET", request, 200, exchange.fields, route, asked_at)
        if not verdict.keeps:
            return None
        if fetch.sliced.is_current:
            fields = [pair for pair in exchange.fields if pair[0] not in route.dropped_fields]
            self._cache.freshen(whole, self._with_date(of_the_whole(fields)), verdict, doomed=False)
        return part

    def _fits(self, entry: Entry, route: Route, verdict: Verdict, *, sliced: bool) -> bool:
        """Whether the tiers have room. An object whose slices cannot be fetched separately needs room as a whole and
        must stay fresh for a while: otherwise its viewers would lose the unread rest to the next version."""
        length = entry.length
        if length is not None and length > self._max_object:
            return False
        if not sliced and length is not None and route.is_sliced(length) and length > MAX_WHOLE_BYTES:
            return False
        if sliced and length is not None and strong_etag(entry.etag) is None:
            lasts = verdict.lifetime > verdict.age
            return (
                lasts
                and self._cache.fits(route.slice + OBJECT_OVERHEAD_BYTES)
                and length <= self._cache.max_sliced_bytes
            )
        length = route.slice if sliced else length
        return length is None or self._cache.fits(length + len(entry.block) + OBJECT_OVERHEAD_BYTES)

    def _why_not_sure_to_store(self, entry: Entry, route: Route, decision: StoreDecision, *, sliced: bool) -> bytes:
        """Why the head cannot promise that a storable response is stored: a detail for Cache-Status, empty if it
        can."""
        if not decision.kept:
            return NotStored.TOO_LARGE.encode() if decision.why is NotStorable.TOO_LARGE else b""
        if entry.length is None:
            return NotStored.LENGTH_UNKNOWN.encode()
        if not self._cache.fits_in_ram(route.slice + OBJECT_OVERHEAD_BYTES if sliced else entry.cost):
            return NotStored.DISK_ONLY.encode()
        return b"" if sliced or self._promised + entry.length <= MAX_BUFFERED_BYTES else NotStored.BUSY.encode()

    def _assess(
        self,
        method: bytes,
        request: Mapping[bytes, bytes],
        status: int,
        fields: Fields,
        route: Route,
        asked_at: float,
    ) -> Verdict:
        return assess(
            method, request, status, fields, route.keep_policy_for(request),
            request_wall=asked_at, response_wall=self._clock.wall(),
        )  # fmt: skip

    def _entry(
        self,
        fill: Fill,
        exchange: Exchange,
        route: Route,
        verdict: Verdict,
        request: Mapping[bytes, bytes],
        part: Part | None,
    ) -> Entry:
        kept = fields = [pair for pair in exchange.fields if pair[0] not in route.dropped_fields]
        if verdict.keeps or fill.shared:
            kept = _shared_fields(fill, fields, verdict)
        if part is not None:
            entry = Entry(fill.key, 200, self._with_date(of_the_whole(kept)), part.total)
        else:
            entry = Entry(fill.key, exchange.status, self._with_date(kept), exchange.length)
        entry.set_times(verdict, self._clock.mono())
        _set_vary(entry, route, request)
        return entry

    def _with_date(self, fields: Fields) -> Fields:
        """A response without a Date was made when we received it (RFC 9110 §6.6.1)."""
        return fields if values(fields, b"date") else [*fields, (b"date", format_date(self._clock.wall()))]

    async def _not_modified(
        self,
        fill: Fill,
        exchange: Exchange,
        route: Route,
        request: Mapping[bytes, bytes],
        method: bytes,
        asked_at: float,
    ) -> None:
        """Handle a 304: freshen the stored response (RFC 9111 §4.3.4)."""
        stale = fill.stale
        if stale is None:
            raise UpstreamFailed(UpstreamReason.UNASKED_304)
        fields = [pair for pair in exchange.fields if pair[0] not in route.dropped_fields]
        await exchange.read_body(_discard)
        if not await self._cache.load_head(stale):
            raise UpstreamFailed(UpstreamReason.UNASKED_304)
        verdict = self._assess(method, request, stale.status, freshened(stale, fields), route, asked_at)
        fields = _shared_fields(fill, fields, verdict)
        self._cache.freshen(stale, self._with_date(fields), verdict, doomed=fill.purged)
        if not fill.purged and values(fields, b"vary"):
            _set_vary(stale, route, request)
        self._cache.end_fill(fill)
        fill.release(ReleaseReason.ALTERNATE, lambda reader: reader is not fill.leader and not reader.matches(stale))
        fill.not_modified(stale)

    async def _freshen_from_head(
        self, fill: Fill, exchange: Exchange, route: Route, request: Mapping[bytes, bytes], asked_at: float
    ) -> None:
        """Freshen the stored GET response from the head of a HEAD, or mark it stale (RFC 9111 §4.3.5)."""
        stored = self._cache.peek(fill.key, request)
        if stored is None or not await self._cache.load_head(stored):
            return
        fields = [pair for pair in exchange.fields if pair[0] not in route.dropped_fields]
        agrees = still_describes(fields, stored.etag, stored.last_modified, stored.length)
        if not agrees:
            if agrees is False:
                self._cache.make_stale(stored)
            return
        verdict = self._assess(b"GET", request, stored.status, freshened(stored, fields), route, asked_at)
        self._cache.freshen(stored, self._with_date(fields), verdict, doomed=fill.purged)

    # -- the body, as one --------------------------------------------------------------------------------------

    async def _flow_through(
        self, fill: Fill, exchange: Exchange, route: Route, entry: Entry, decision: StoreDecision, part: Part | None
    ) -> None:
        """Send the body through the fill to its readers."""
        if not decision.kept:
            self._cache.end_fill(fill)
        if part is not None:
            fill.set_base(part.first)
        lag = SlowReaderLimit(fill, exchange, self._clock)
        fill.pause, fill.resume = lag.pause, lag.resume
        promised = (entry.length or 0) if decision.kept and not fill.unsure else 0
        self._promised += promised
        kept = 0
        spool: Spool | None = None

        def flow(data: Chunk) -> None:
            nonlocal kept, spool
            self._counts.bytes_filled += len(data)
            fill.append_body(data)
            if spool is not None:
                spool.advance()
            elif fill.state is FillState.FILLING:
                kept, self._bytes_buffered = kept + len(data), self._bytes_buffered + len(data)
                spool = self._spool_if_large(fill, exchange, route)
            self._check_still_storable(fill, exchange, route, promised)

        try:
            frees = waiters_to_release(fill, entry, decision, part, route)
            fill.receive_head(entry, kept=decision.kept, why=release_reason(decision), frees=frees)
            await exchange.read_body(flow)
            if spool is not None:
                await spool.drain()
            await self._finish(fill, entry, route)
        finally:
            lag.detach()
            self._bytes_buffered -= kept
            self._promised -= promised

    def _spool_if_large(self, fill: Fill, exchange: Exchange, route: Route) -> Spool | None:
        """Spool a body of unknown length once it is so large that it is to be cached in slices. Without a strong ETag
        its slices cannot be fetched again, so it must be fresh for a while."""
        entry = fill.entry
        if entry is None or entry.length is not None or not route.slice or not route.is_sliced(fill.received):
            return None
        if entry.status != 200:
            return None  # only what a 200 carries has ranges (RFC 9110 §14.2)
        if strong_etag(entry.etag) is None and entry.fresh_until <= self._clock.mono():
            return None
        file = self._cache.open_spool()
        return Spool(fill, file, self._task_runner, exchange.pause, exchange.resume) if file is not None else None

    def _check_still_storable(self, fill: Fill, exchange: Exchange, route: Route, promised: int) -> None:
        """Stop storing if the body outgrows its room; stop fetching if nobody reads. `promised`: bytes with guaranteed
        room."""
        if fill.state is FillState.FILLING and fill.received > promised:
            if fill.spool is not None:
                roomy = self._cache.fits(route.slice) and self._cache.spooled_bytes <= self._cache.max_spooled_bytes
            else:
                roomy = self._cache.fits(fill.received)
                known = fill.entry is not None and fill.entry.length is not None
                roomy = roomy and (known or not route.is_sliced(fill.received))
            roomy = roomy and fill.received <= self._max_object
            if not roomy or self._bytes_buffered > MAX_BUFFERED_BYTES:
                self._cache.end_fill(fill)
                fill.stop_keeping(FillEvent.TOO_LARGE)
        elif fill.state is FillState.PASSING_THROUGH and not fill.readers:
            exchange.on_broken(UpstreamFailed(UpstreamReason.NO_READERS))

    async def _finish(self, fill: Fill, entry: Entry, route: Route) -> None:
        """Store the whole body, then tell the readers; one that was spooled is stored in slices after that."""
        if fill.spool is not None and fill.state is FillState.FILLING:
            fill.end()
            entry.length, entry.prepared = fill.received, None
            fill.notify_end()
            try:
                await self.sliced_objects.store_spooled(fill, entry, route, fill.spool)
            finally:
                self._cache.end_fill(fill)
            return
        pieces, readers, had_length = fill.end(), tuple(fill.readers), entry.length is not None
        if pieces is not None:
            body = self._cache.assemble(pieces)
            entry.length, entry.prepared = len(body), None
            self._cache.store(entry, body)
            fill.set_body(entry.body or body)
        elif fill.stale is not None and not fill.purged and entry.status < 500 and entry.status != 416:
            self._cache.forget(fill.stale)  # a response that may not be stored replaced it
        self._cache.end_fill(fill)
        fill.notify_end()
        if had_length and any(reader.position < fill.received for reader in readers):
            self._task_runner.spawn(self._read_from_file(fill, entry))

    async def _read_from_file(self, fill: Fill, entry: Entry) -> None:
        """Once the body is written to disk, let readers that are behind read it from there: a slow one would hold it in
        memory."""
        await self._cache.wait_written(entry)
        body = entry.body or self._cache.reopen_body(entry, self._clock.mono())
        if body is not None:
            fill.set_body(body)


def _shared_fields(fill: Fill, fields: Fields, verdict: Verdict) -> Fields:
    """The fields that all readers may have; the leader alone gets the rest."""
    theirs = [pair for pair in fields if pair[0] in verdict.unstored_fields]
    if not theirs:
        return fields
    fill.leader_only_headers = serialise(end_to_end(theirs))
    return [pair for pair in fields if pair[0] not in verdict.unstored_fields]


def _set_vary(entry: Entry, route: Route, request: Mapping[bytes, bytes]) -> None:
    entry.set_vary(request)
    entry.vary = tuple(pair for pair in entry.vary if route.varies_by(pair[0]))


def _may_pass_through(fill: Fill, request: Mapping[bytes, bytes], asking: frozenset[bytes]) -> bool:
    """Whether a response other than the whole is what the fill's only viewer asked for."""
    return fill.purged and not fill.shared and not asking.isdisjoint(request)


def _discard(data: Chunk) -> None:
    """Discard the body of a 304: it must not have one."""
    del data


class SlowReaderLimit:
    """Pauses the upstream of a response that passes through while a reader is far behind, and disconnects a reader that
    delays others for `MAX_LAG_SECONDS`."""

    def __init__(self, fill: Fill, exchange: Exchange, clock: Clock) -> None:
        self._fill, self._exchange, self._clock = fill, exchange, clock
        self._timer: Timer | None = None

    def pause(self) -> None:
        """Pause the upstream: a reader is far behind."""
        self._exchange.pause()
        self._watch()

    def resume(self) -> None:
        """Resume: the reader caught up or left."""
        self.stop()
        self._exchange.resume()

    def stop(self) -> None:
        """Stop watching."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def detach(self) -> None:
        """The body has ended. Break the circle, or the body would be held until the garbage collector finds it."""
        self.stop()
        self._fill.pause = self._fill.resume = None

    def _watch(self) -> None:
        self._timer = self._clock.call_later(MAX_LAG_SECONDS, self._check_lag)

    def _check_lag(self) -> None:
        for reader in self._fill.slow_readers():
            self._fill.leave(reader)
            reader.on_failed(UpstreamFailed(UpstreamReason.READER_TOO_SLOW))
        if self._timer is not None:
            self._watch()
