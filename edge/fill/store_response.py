"""FETCH: what is done with an upstream's answer. What it is good for says `edge.fill.cacheability`; here that is
carried out.

A small answer flows through its fill and is stored as one; a large one is cut into slices by a run; what may not be
kept is passed on to those it is for, while the others are sent to ask again. Over 300 lines because each kind of answer
(new, not modified, a part, for a HEAD) is judged against the same stored entry.
"""

from __future__ import annotations

from collections.abc import Mapping

from cache.cache import SegmentCache, TaskRunner
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
from edge.policy.route import RoutedRequest
from edge.policy.routes import Route
from edge.slices.content_range import Part, of_the_whole, part_of, strong_etag
from edge.slices.registry import SlicedObjects, matching_part
from edge.slices.slice_fetch import SliceFetch
from edge.slices.sliced_object import Begin
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
"""How long an answer that was not for sharing lets the next ones go alone at once."""
MAX_BUFFERED_BYTES = 256 << 20
"""Bytes of bodies that are on their way to be stored whole; what comes beyond is passed on and not kept, unless its
head has said that it is stored."""
MAX_WHOLE = 64 << 20
"""The largest object that is kept whole though it should be in slices, because its validator does not hold still."""
MAX_LAG_SECONDS = 5.0
"""How long one reader may delay the others of a response that passes through."""
ASKS_FOR_206 = frozenset((b"range",))
ASKS_FOR_304 = frozenset((b"if-none-match", b"if-modified-since"))


class ResponseHandler:
    """See the module. `begin_run` fetches what is missing of an object in slices."""

    def __init__(
        self,
        cache: SegmentCache,
        clock: Clock,
        workshop: TaskRunner,
        counts: Counts,
        max_object: int,
        begin_run: Begin,
        unsteady: UnsteadyObjects,
    ) -> None:
        self._cache, self._clock = cache, clock
        self._counts = counts
        self._max_object = max_object
        self._bytes_buffered = self._promised = 0
        self._unsteady = unsteady
        self.streams = SlicedObjects(cache, clock, workshop, counts, begin_run)

    def keep_up_to(self, size: int) -> None:
        """Larger objects than so many bytes are not kept, from now on."""
        self._max_object = size

    # -- the head ----------------------------------------------------------------------------------------------

    async def handle(
        self,
        fill: Fill,
        exchange: Exchange,
        asked: RoutedRequest,
        request: Mapping[bytes, bytes],
        method: bytes,
        asked_at: float,
        *,
        ranged: bool,
    ) -> None:
        """The head is there: judge it, then let the body flow. `request`: the fields as judged; `ranged`: a part was
        asked for that everybody may use."""
        stale, status, route = fill.stale, exchange.status, asked.route
        if status == 304 and method in (b"GET", b"HEAD") and not _may_pass(fill, request, ASKS_FOR_304):
            await self._not_modified(fill, exchange, route, request, method, asked_at)
            return
        part = part_of(exchange.fields, exchange.length) if status == 206 and ranged and fill.shared else None
        retrieves = method in (b"GET", b"HEAD")
        if status == 206 and part is None and retrieves and not _may_pass(fill, request, ASKS_FOR_206):
            raise UpstreamFailed(UpstreamReason.UNASKED_206)
        if status == 200 and method == b"HEAD":
            await self._freshen_from_head(fill, exchange, route, request, asked_at)
        now = self._clock.mono()
        if status in STALE_IF_ERROR_STATUSES and stale is not None and now < max(stale.sie_until, stale.swr_until):
            raise UpstreamFailed(UpstreamReason.for_status(status))
        verdict = self._assess(method, request, 200 if part else status, exchange.fields, route, asked_at)
        entry = self._entry(fill, exchange, route, verdict, request, part)
        sliced = method == b"GET" and entry.status == 200 and route.slice > 0
        large = route.sliced(entry.length) and not self._unsteady.is_unsteady(fill.key, now)
        sliced = sliced and (large or (part is not None and part.stop - part.first < part.total))
        fits = method == b"GET" and self._fits(entry, route, verdict, sliced=sliced)
        if exchange.until_close and route.forwards is not None:
            fits = False  # cut short it would look the same
        decision = self._decide(fill, entry, route, verdict, fits=fits, ranged=ranged)
        fill.unsure = self._unsure(entry, route, decision, sliced=sliced)
        if decision.kept and sliced:
            await self.streams.slice(fill, exchange, asked, entry, part)
        else:
            await self._flow_through(fill, exchange, route, entry, decision, part)

    def _decide(
        self, fill: Fill, entry: Entry, route: Route, verdict: Verdict, *, fits: bool, ranged: bool
    ) -> StoreDecision:
        """What the answer is good for; what it tells of the next ones is remembered."""
        if entry.vary or entry.status < 400:
            self._cache.fill_table.remember_vary(entry)
        validator = entry.etag is not None or entry.last_modified is not None
        decision = decide_storage(entry.status, verdict, fits=fits, doomed=fill.purged, validator=validator)
        if decision.why is NotStorable.TOO_LARGE and self._unsteady.is_unsteady(fill.key, self._clock.mono()):
            self._cache.remember_miss(fill.key, UNSTEADY_SECONDS)  # so that a part is asked for as a part
        if ranged and entry.status == 416:
            return StoreDecision(kept=False, shared=False, why=NotStorable.RANGE)
        # One viewer's field can have made an error; it must not end the sharing of what all others get.
        theirs = entry.status >= 400 and (route.forwards is None or entry.status == LOOP_DETECTED)
        theirs = theirs or verdict.keeps or verdict.why in REQUEST_ONLY
        if not decision.kept and not decision.shared and fill.shared and not theirs:
            self._cache.remember_miss(fill.key, HIT_FOR_MISS_SECONDS)
        return decision

    def accepts(
        self, run: SliceFetch, exchange: Exchange, request: Mapping[bytes, bytes], asked_at: float
    ) -> Part | None:
        """The part of the run's object that this answer brings; None when it is another version, or not to be kept.

        UpstreamFailed when it is no answer to what was asked.
        """
        part, whole, route = matching_part(run, exchange), run.slicing.whole, run.slicing.asked.route
        if part is None:
            return None
        verdict = self._assess(b"GET", request, 200, exchange.fields, route, asked_at)
        if not verdict.keeps:
            return None
        if run.slicing.current:
            fields = [pair for pair in exchange.fields if pair[0] not in route.drops]
            self._cache.freshen(whole, self._dated(of_the_whole(fields)), verdict, doomed=False)
        return part

    def _fits(self, entry: Entry, route: Route, verdict: Verdict, *, sliced: bool) -> bool:
        """Whether it may be kept and the tiers take it. What may not be fetched in parts later must have room as a
        whole, and stay fresh for a while: else its readers would lose what they have not read to the next version."""
        length = entry.length
        if length is not None and length > self._max_object:
            return False
        if not sliced and length is not None and route.sliced(length) and length > MAX_WHOLE:
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

    def _unsure(self, entry: Entry, route: Route, decision: StoreDecision, *, sliced: bool) -> bytes:
        """Why the head cannot say that the answer is stored, of one that could be but for its size."""
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
            method, request, status, fields, route.keeps_of(request),
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
        kept = fields = [pair for pair in exchange.fields if pair[0] not in route.drops]
        if verdict.keeps or fill.shared:
            kept = _parted(fill, fields, verdict)
        if part is not None:
            entry = Entry(fill.key, 200, self._dated(of_the_whole(kept)), part.total)
        else:
            entry = Entry(fill.key, exchange.status, self._dated(kept), exchange.length)
        entry.set_times(verdict, self._clock.mono())
        _set_vary(entry, route, request)
        return entry

    def _dated(self, fields: Fields) -> Fields:
        """What came without a Date was made when we received it (RFC 9110 §6.6.1)."""
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
        """A 304: what is stored holds, with fresh fields (RFC 9111 §4.3.4)."""
        stale = fill.stale
        if stale is None:
            raise UpstreamFailed(UpstreamReason.UNASKED_304)
        fields = [pair for pair in exchange.fields if pair[0] not in route.drops]
        await exchange.body_to(_drop)
        if not await self._cache.load_head(stale):
            raise UpstreamFailed(UpstreamReason.UNASKED_304)
        verdict = self._assess(method, request, stale.status, freshened(stale, fields), route, asked_at)
        fields = _parted(fill, fields, verdict)
        self._cache.freshen(stale, self._dated(fields), verdict, doomed=fill.purged)
        if not fill.purged and values(fields, b"vary"):
            _set_vary(stale, route, request)
        self._cache.end_fill(fill)
        fill.release(ReleaseReason.ALTERNATE, lambda reader: reader is not fill.leader and not reader.matches(stale))
        fill.not_modified(stale)

    async def _freshen_from_head(
        self, fill: Fill, exchange: Exchange, route: Route, request: Mapping[bytes, bytes], asked_at: float
    ) -> None:
        """The head of a HEAD freshens what is stored for a GET, or tells that it is stale (RFC 9111 §4.3.5)."""
        stored = self._cache.peek(fill.key, request)
        if stored is None or not await self._cache.load_head(stored):
            return
        fields = [pair for pair in exchange.fields if pair[0] not in route.drops]
        agrees = still_describes(fields, stored.etag, stored.last_modified, stored.length)
        if not agrees:
            if agrees is False:
                stored.make_stale(self._clock.mono())
            return
        verdict = self._assess(b"GET", request, stored.status, freshened(stored, fields), route, asked_at)
        self._cache.freshen(stored, self._dated(fields), verdict, doomed=fill.purged)

    # -- the body, as one --------------------------------------------------------------------------------------

    async def _flow_through(
        self,
        fill: Fill,
        exchange: Exchange,
        route: Route,
        entry: Entry,
        decision: StoreDecision,
        part: Part | None,
    ) -> None:
        """Through the fill to those it is for."""
        if not decision.kept:
            self._cache.end_fill(fill)
        if part is not None:
            fill.set_base(part.first)
        lag = SlowReaderLimit(fill, exchange, self._clock)
        fill.pause, fill.resume = lag.pause, lag.resume
        kept, promised = 0, (entry.length or 0) if decision.kept and not fill.unsure else 0
        self._promised += promised
        try:
            frees = waiters_to_release(fill, entry, decision, part, route)
            fill.receive_head(entry, kept=decision.kept, why=release_reason(decision), frees=frees)

            def flow(data: bytes) -> None:
                nonlocal kept
                self._counts.bytes_filled += len(data)
                fill.append_body(data)
                if fill.state is FillState.FILLING:
                    kept += len(data)
                    self._bytes_buffered += len(data)
                self._check_still_storable(fill, exchange, route, promised)

            await exchange.body_to(flow)
            self._end(fill, entry)
        finally:
            lag.stop()
            self._bytes_buffered -= kept
            self._promised -= promised

    def _check_still_storable(self, fill: Fill, exchange: Exchange, route: Route, promised: int) -> None:
        """Whether what comes may still be kept, and whether anybody wants it. `promised`: bytes for which there is room
        in any case."""
        if fill.state is FillState.FILLING and fill.received > promised:
            roomy = fill.received <= self._max_object and self._cache.fits(fill.received)
            known = fill.entry is not None and fill.entry.length is not None
            roomy = roomy and (known or not route.sliced(fill.received))
            if not roomy or self._bytes_buffered > MAX_BUFFERED_BYTES:
                self._cache.end_fill(fill)
                fill.stop_keeping(FillEvent.TOO_LARGE)
        elif fill.state is FillState.PASSING_THROUGH and not fill.readers:
            exchange.on_broken(UpstreamFailed(UpstreamReason.NO_READERS))

    def _end(self, fill: Fill, entry: Entry) -> None:
        """The body is whole: keep it, then tell everybody."""
        pieces = fill.end()
        if pieces is not None:
            body = self._cache.assemble(pieces)
            entry.length, entry.prepared = len(body), None
            self._cache.store(entry, body)
            fill.set_body(entry.body or body)
        elif fill.stale is not None and not fill.purged and entry.status < 500 and entry.status != 416:
            self._cache.forget(fill.stale)  # it was replaced by something that may not be kept
        self._cache.end_fill(fill)
        fill.notify_end()


def _parted(fill: Fill, fields: Fields, verdict: Verdict) -> Fields:
    """The fields that everybody may have; the others are for the viewer who caused the fetch, if one did."""
    theirs = [pair for pair in fields if pair[0] in verdict.unstored_fields]
    if not theirs:
        return fields
    fill.leader_only_headers = serialise(end_to_end(theirs))
    return [pair for pair in fields if pair[0] not in verdict.unstored_fields]


def _set_vary(entry: Entry, route: Route, request: Mapping[bytes, bytes]) -> None:
    entry.set_vary(request)
    entry.vary = tuple(pair for pair in entry.vary if route.varies_by(pair[0]))


def _may_pass(fill: Fill, request: Mapping[bytes, bytes], asking: frozenset[bytes]) -> bool:
    """Whether an answer without the whole is what the one viewer of this fill asked for himself."""
    return fill.purged and not fill.shared and not asking.isdisjoint(request)


def _drop(data: bytes) -> None:
    """A 304 has no body; were there one, it would count for nothing."""
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

    def _watch(self) -> None:
        self._timer = self._clock.call_later(MAX_LAG_SECONDS, self._check_lag)

    def _check_lag(self) -> None:
        for reader in self._fill.slow_readers():
            self._fill.leave(reader)
            reader.on_failed(UpstreamFailed(UpstreamReason.READER_TOO_SLOW))
        if self._timer is not None:
            self._watch()
