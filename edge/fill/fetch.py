"""FETCH: ask an upstream, once for everybody whom its answer may serve.

What is asked is said in `edge.fill.upstream_request`; what is done with the answer in `edge.fill.store_response`.
Over 300 lines because a fill and a part of an object in slices are asked for side by side, by the same rules.
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

MAX_CONFIRMED = 4
"""How often another validator is asked about once more, of an object that is known for them."""
OF_ONE_VIEWER = frozenset(
    (b"range", b"if-range", b"if-none-match", b"if-modified-since", b"if-match", b"if-unmodified-since")
)
"""Request fields that make the answer one viewer's, when they are sent along."""
ALL_OR_NOTHING = frozenset((b"if-range", b"if-match", b"if-unmodified-since"))
"""With one of these a range counts, or anything is sent, only of the right version: which one it is tells the whole."""


class Fetcher:
    """Begins fills and carries them through."""

    def __init__(
        self,
        node: str,
        profile: Profile,
        cache: SegmentCache,
        upstreams: Upstreams,
        clock: Clock,
        workshop: TaskRunner,
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
        self._workshop = workshop
        self._counts = counts
        self.wait = wait
        """Seconds that waiters wait for the head of one fetch before another is begun for them."""
        self.stale_wait = stale_wait
        """Seconds that they wait for news of what may stand in for an error, before they get that."""
        self._jitter = jitter
        self._backoff = RevalidationBackoff()
        self._id = node.encode("latin-1", "replace")
        self.unsteady = UnsteadyObjects()
        self._answers = ResponseHandler(cache, clock, workshop, counts, max_object, self._begin_run, self.unsteady)
        self.slicing = self._answers.streams.slicing

    @property
    def longest_wait(self) -> float:
        """Seconds after which nobody waits for a head any more, however often it was asked for."""
        return self._upstreams.timeouts.first_byte

    @property
    def authorities(self) -> frozenset[bytes]:
        """By what hosts upstreams are asked, in their normal form."""
        return self._upstreams.authorities

    def keep_up_to(self, size: int) -> None:
        """Larger objects than so many bytes are not kept, from the next answer on."""
        self._answers.keep_up_to(size)

    def start_fill(
        self,
        asked: RoutedRequest,
        request: Mapping[bytes, bytes],
        stale: Entry | None,
        leader: Reader | None = None,
        *,
        ranged: bool = False,
    ) -> Fill:
        """A fill that everybody may join who asks for the key. `ranged`: the part of it that is asked for will do."""
        fill = self._cache.start_fill(asked.key, stale, request)
        fill.leader = leader
        route = asked.route
        ranged = ranged and not self.unsteady.is_unsteady(asked.key, self._clock.mono())
        part = upstream_range(request.get(b"range"), route.slice if route.slice_over else 0) if ranged else None
        if serves_when_upstream_fails(stale, fill.started):
            timer = self._clock.call_later(self.stale_wait, lambda: self._news_overdue(fill))
        else:
            timer = self._clock.call_later(self.wait, lambda: self._overdue(fill))
        self._workshop.spawn(self._run(fill, asked, request, b"GET", b"", part, timer.cancel))
        return fill

    def _overdue(self, fill: Fill) -> None:
        """No head yet: it goes on for the one who asked first; the others ask again, together, by one more fetch."""
        if fill.state is FillState.ASKED:
            self._cache.fill_table.detach(fill)
            fill.release(ReleaseReason.LATE, lambda reader: reader is not fill.leader)

    def _news_overdue(self, fill: Fill) -> None:
        """No word of what is stale yet: whoever waits takes it as it is, and the fill goes on."""
        if fill.state is FillState.ASKED:
            fill.release(ReleaseReason.STALE, lambda _: True)

    def stands_in(self, entry: Entry, running: Fill | None, now: float) -> bytes:
        """Why what is stale is served without waiting for news of it, in a word for Cache-Status; b"": it is not."""
        if now < entry.fresh_until or not serves_when_upstream_fails(entry, now):
            return b""
        if running is not None and running.state is not FillState.ASKED:
            return b""  # the news are here
        if running is not None and now - running.started >= self.stale_wait:
            return b"upstream-late"
        failing = self._backoff.has_failed_lately(entry.key, now) or self._upstreams.all_out
        return b"upstream-failed" if failing else b""

    def revalidate(self, asked: RoutedRequest, request: Mapping[bytes, bytes], stale: Entry, now: float) -> None:
        """Ask for news of what is served stale meanwhile, unless that failed a moment ago. Nobody waits for it."""
        if not self.pauses(asked.key, now):
            self.start_fill(asked, request, stale)

    def pauses(self, key: bytes, now: float) -> bool:
        """Whether upstream is not asked for what is stored under this key, since that failed a moment ago."""
        return self._backoff.is_paused(key, now)

    def fetch_uncached(self, asked: RoutedRequest, request: Request, leader: Reader) -> Fill:
        """A fill for one viewer."""
        method = b"GET" if request.method == b"HEAD" and self._profile.methods is not None else request.method
        fill = self._cache.fill_table.start_alone(asked.key, self._clock.mono())
        fill.leader = leader
        part = None
        if (
            asked.route.forwards is not None
            and method == request.method == b"GET"
            and ALL_OR_NOTHING.isdisjoint(request.fields)
        ):
            part = request.fields.get(b"range")
        passes = asked.route.forwards is None and not OF_ONE_VIEWER.isdisjoint(request.fields)
        if part is not None or passes or request.body:
            fill.purged = True  # his own condition, range or body goes along: the answer is nobody else's
        self._workshop.spawn(self._run(fill, asked, request.fields, method, request.body, part, _nothing))
        return fill

    async def _run(
        self,
        fill: Fill,
        asked: RoutedRequest,
        request: Mapping[bytes, bytes],
        method: bytes,
        body: bytes | Upload,
        part: bytes | None,
        headed: Callable[[], object],
    ) -> None:
        """`part`: the range to ask for; `headed` is called when the head is there, or none will be."""
        exchange: Exchange | None = None
        try:
            asked_at = self._clock.wall()
            exchange = await self._ask(fill, asked, request, method, body, fill.stale, part)
            if _of_another(fill, exchange) or _unclear(fill, exchange, part):
                exchange.close()  # it speaks of another response than ours (RFC 9111 §4.3.4), or of no part that counts
                asked_at, part = self._clock.wall(), None
                exchange = await self._ask(fill, asked, request, method, body, None, None)
                fill.stale = None if exchange.status == 304 else fill.stale
            headed()
            if method not in REGISTERED_SAFE and exchange.status < 400:
                await self._cache.purge(invalidated_by(asked, request, exchange.fields))
            judged = asked.route.judged_by(request)
            await self._answers.handle(fill, exchange, asked, judged, method, asked_at, ranged=part is not None)
            self._counts.fill_ended(FillEnd.WHOLE)
            self._backoff.record_success(fill.key)
        except (UpstreamFailed, Overloaded) as error:
            self._counts.fill_ended(error.reason)
            if error.reason is not UpstreamReason.NO_READERS and self._cache.stored(fill.key):
                self._backoff.record_failure(fill.key, self._clock.mono(), self._jitter())
            self._cache.end_fill(fill)
            fill.fail(error)
        finally:
            headed()
            if exchange is not None:
                exchange.close()
            self._cache.end_fill(fill)
            fill.fail(Bug("the fetch ended without an end"))

    async def _ask(
        self,
        fill: Fill | None,
        asked: RoutedRequest,
        request: Mapping[bytes, bytes],
        method: bytes,
        body: bytes | Upload,
        stale: Entry | None,
        part: bytes | None,
    ) -> Exchange:
        """Ask; interim responses go at once to those who wait. `stale` makes the request conditional."""
        if stale is not None and not await self._cache.load_head(stale):
            stale = None
        upload = body if isinstance(body, Upload) else None
        length = upload.length if upload is not None else len(body)  # type: ignore[arg-type]  # bytes then
        if upload is not None and upload.begun:
            raise UpstreamFailed(UpstreamReason.UPLOAD_BROKEN)  # an upstream has had it: it is not here any more

        def made(upstream: Upstream) -> list[bytes]:
            head = request_head(
                self._id, upstream.authority, asked, request, method, length, stale,
                passing=fill is not None and not fill.shared, part=part,
            )  # fmt: skip
            return [head, body] if isinstance(body, bytes) and body else [head]

        # A 1xx goes to all who wait; a cookie in it would be that of the first.
        dropped = asked.route.drops | (COOKIE_FIELDS if fill is not None and fill.shared else frozenset())

        def interim(status: int, fields: Fields) -> None:
            if fill is not None:
                fill.receive_interim(status_line(status) + serialise(end_to_end(fields, dropped)) + b"\r\n")

        return await self._upstreams.send(
            asked.shard,
            made,
            head_only=method == b"HEAD",
            repeatable=method in REGISTERED_SAFE,
            interim=interim,
            upload=upload,
        )

    # -- what is missing of an object in slices ----------------------------------------------------------------

    def _begin_run(self, slicing: SlicedObject, run: SliceFetch, request: Mapping[bytes, bytes]) -> None:
        self._workshop.spawn(self._fetch_run(slicing, run, request))

    async def _fetch_run(self, slicing: SlicedObject, run: SliceFetch, request: Mapping[bytes, bytes]) -> None:
        """Fetch a part of an object in slices, by as many answers as it takes."""
        late = self._clock.call_later(self.wait, run.late)
        try:
            while await self._fetch_part(slicing, run, request, late.cancel):
                pass
        except (UpstreamFailed, Overloaded) as error:
            self._counts.fill_ended(error.reason)
            run.close(error)
        finally:
            late.cancel()
            run.close(Bug("the fetch ended without an end"))

    async def _fetch_part(
        self, slicing: SlicedObject, run: SliceFetch, request: Mapping[bytes, bytes], headed: Callable[[], object]
    ) -> bool:
        """One answer for a run; where the upstream has another version now, that one takes its place. Whether more is
        to be asked for."""
        judged = slicing.asked.route.judged_by(request)
        exchange, part, asked_at = await self._agreeing(slicing, run, request, judged)
        headed()
        try:
            if part is not None:
                run.starts(exchange, part)
                await self._answers.streams.follow(run, exchange)
                self._counts.fill_ended(FillEnd.WHOLE)
                if run.goes_on():
                    return True
                run.close(None)
            elif exchange.status in (200, 206):
                await self._replace(slicing, run, exchange, request, judged, asked_at)
            elif exchange.status < 500 and exchange.status != 304:  # that is what it is now: asked anew, they get it
                slicing.changed()
                self._counts.fill_ended(FillEnd.OBJECT_CHANGED)
            else:
                raise UpstreamFailed(UpstreamReason.for_status(exchange.status))
        finally:
            exchange.close()
        return False

    async def _agreeing(
        self, slicing: SlicedObject, run: SliceFetch, request: Mapping[bytes, bytes], judged: Mapping[bytes, bytes]
    ) -> tuple[Exchange, Part | None, float]:
        """The answer of an upstream that has this version, if it takes no more than a few requests to find one. Who is
        in the midst of it would be cut off for another, which may only be what the next of several backends has."""
        key, seen, asked_at = slicing.whole.key, set[bytes | None](), self._clock.wall()
        exchange = await self._ask(None, slicing.asked, request, b"GET", b"", None, run.wanted)
        try:
            left = MAX_CONFIRMED if self.unsteady.is_unsteady(key, self._clock.mono()) else 1
            while (part := self._answers.accepts(run, exchange, judged, asked_at)) is None and left:
                if exchange.status not in (200, 206) or not slicing.begun or not slicing.refetchable:
                    break
                left -= 1
                exchange.close()
                seen.add(first(exchange.fields, b"etag"))
                asked_at = self._clock.wall()
                exchange = await self._ask(None, slicing.asked, request, b"GET", b"", None, run.wanted)
            if seen and (part is not None or first(exchange.fields, b"etag") not in seen):
                self.unsteady.mark_unsteady(key, self._clock.mono())
        except BaseException:
            exchange.close()
            raise
        return exchange, part, asked_at

    async def _replace(
        self,
        slicing: SlicedObject,
        run: SliceFetch,
        exchange: Exchange,
        request: Mapping[bytes, bytes],
        judged: Mapping[bytes, bytes],
        asked_at: float,
    ) -> None:
        """Another version: who has no head yet waits for it, the rest is cut off."""
        if self.unsteady.record_change(slicing.whole.key, self._clock.mono()) and exchange.status == 206:
            slicing.changed()  # whoever asks anew gets it in one stream
            self._counts.fill_ended(FillEnd.OBJECT_CHANGED)
            return
        fill = self._cache.start_fill(slicing.asked.key, None, request)
        try:
            slicing.changed()
            run.close(None)
            await self._answers.handle(fill, exchange, slicing.asked, judged, b"GET", asked_at, ranged=True)
            self._counts.fill_ended(FillEnd.WHOLE)
        except UpstreamFailed as error:
            self._cache.end_fill(fill)
            fill.fail(error)
            raise
        finally:
            self._cache.end_fill(fill)
            fill.fail(Bug("the fetch ended without an end"))

    def load_head(self, entry: Entry, then: Callable[[bool], object]) -> None:
        """Bring an entry's head back from disk; `then` is told whether it could be."""
        self._workshop.spawn(self._warmed(entry, then))

    async def _warmed(self, entry: Entry, then: Callable[[bool], object]) -> None:
        then(await self._cache.load_head(entry))


def _of_another(fill: Fill, exchange: Exchange) -> bool:
    """Whether a 304 does not speak of the stored response that it was asked about: not of one whose head is lost, for
    then nothing was asked."""
    stale = fill.stale
    if exchange.status != 304 or stale is None:
        return False
    return stale.cold or not confirms(exchange.fields, stale.etag, stale.last_modified)


def _unclear(fill: Fill, exchange: Exchange, part: bytes | None) -> bool:
    """Whether a part came that cannot be used for all who wait."""
    return fill.shared and part is not None and exchange.status == 206 and not part_of(exchange.fields, exchange.length)


def _nothing() -> None:
    """Nobody waits for the head by the clock."""
