"""A response that cannot be sent at once: it follows a fill, sends slices, or waits for the disk.

Implements `cache.fills.fill.Reader`. Bytes go from the fill to the viewer's transport as far as the socket accepts
them, and the rest when it drains. Nothing here awaits: each method is called by the fill, the connection or the cache.
What may happen when is a table, `edge.serve.response_state`. Over 300 lines because it is one state machine: what the
response follows changes while the viewer waits.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from typing import Protocol

from cache.body import Body, DiskBody, MemoryFile, view
from cache.cache import SegmentCache
from cache.entry import OBJECT_OVERHEAD_BYTES, Entry
from cache.fills.fill import Fill
from cache.fills.fill_state import FillState
from edge.counters import Counts
from edge.fill.fetch import Fetcher
from edge.policy.authorise import Node
from edge.policy.plan import serves_when_upstream_fails
from edge.policy.profile import PREFETCH, SEC_PURPOSE
from edge.policy.response_head import BODYLESS, Carried, Selection, head, keep_token, layout, multipart, problem, select
from edge.serve.access_log import RequestRecorder
from edge.serve.response_state import ENDED, TRANSITIONS, ResponseEvent, ResponseState
from edge.serve.sliced_response import SlicedResponse
from edge.serve.transaction import Transaction
from edge.slices.sliced_object import SlicedObject
from edge.wire.http1_server import connection_line
from kernel.clock import Clock, Timer
from kernel.errors import Bug, MatineeError, Overloaded, UpstreamFailed
from kernel.fetch_reasons import RETRYABLE_RELEASES, ReleaseReason, UpstreamReason
from kernel.http.cache_status import chained, forwarded, hit
from kernel.http.dates import format_date
from kernel.http.ranges import ByteRange
from kernel.vocabulary import Abort, NotStored, Outcome

WRITE_BYTES = 256 * 1024
"""Bytes written at a time."""
MAX_FILLS_JOINED = 6
"""Fills that one request may wait for one after the other, before it is fetched alone."""


class ResponseContext(Protocol):
    """What a response needs of the edge, and where it turns to be looked up again."""

    node: Node
    cache: SegmentCache
    fetcher: Fetcher
    clock: Clock
    counts: Counts
    recorder: RequestRecorder

    def serve(self, pending: PendingResponse, entry: Entry, outcome: Outcome, detail: bytes = b"") -> None:
        """Serve a stored response."""

    def retry(self, pending: PendingResponse) -> None:
        """Look up again."""

    def fetch_uncached(self, pending: PendingResponse) -> None:
        """Fetch for this viewer alone."""


class PendingResponse:
    """See the module. `sent` counts bytes of the body handed to the connection.

    `leader_lines`: header lines for the leader of a fetch alone (RFC 9111 §5.2.2.7). `collapsed`: it waits for a fetch
    that another viewer caused. `why_forwarded`: why there was a fetch (RFC 9211 §2.2). `fallback_entry`: served stale
    if a fetch fails that does not revalidate it, that of a HEAD. `accepts_part`: a part of the object is enough, if the
    viewer asks for one.
    """

    __slots__ = (
        "_retried", "_sections", "_sliced", "_sliced_outcome", "accepts_part", "collapsed", "connection", "context",
        "fallback_entry", "fill", "leader_lines", "position", "relayed", "request", "sent", "state", "status", "stop",
        "timer", "transaction", "tries", "why_forwarded",
    )  # fmt: skip

    def __init__(self, context: ResponseContext, transaction: Transaction) -> None:
        self.context = context
        self.transaction = transaction
        self.request = transaction.request
        self.connection = transaction.connection
        self.state = ResponseState.WAITING
        self.fill: Fill | None = None
        self.fallback_entry: Entry | None = None
        self.why_forwarded, self.leader_lines = b"uri-miss", b""
        self.collapsed = self._retried = self.relayed = False
        self.accepts_part = True
        self.sent = self.status = self.position = self.tries = 0
        self.stop: int | None = None
        self.timer: Timer | None = None
        self._sections: deque[bytes | ByteRange] = deque()
        self._sliced: SlicedObject | None = None
        self._sliced_outcome: tuple[Outcome, bytes] = Outcome.HIT, b""
        context.counts.waiting += 1
        self.connection.on_lost = self.on_disconnect

    # -- the state ---------------------------------------------------------------------------------------------

    @property
    def is_open(self) -> bool:
        """Whether the viewer is connected and more may be written."""
        return self.state not in ENDED

    @property
    def head_sent(self) -> bool:
        """Whether the head is written and the body is not complete."""
        return self.state is ResponseState.HEAD_SENT or self.state is ResponseState.BODY

    def move(self, event: ResponseEvent) -> None:
        """Go to the next state. Bug if the event cannot come now."""
        if (state := TRANSITIONS.get((self.state, event))) is None:
            raise Bug(f"a response that is {self.state.value} cannot take {event.value}")
        if self.state is ResponseState.WAITING:
            self.context.counts.waiting -= 1
        self.state = state

    def add_sent(self, length: int) -> None:
        """Count bytes of the body handed to the connection."""
        self.sent += length
        self.move(ResponseEvent.BYTES)

    # -- a stored response -------------------------------------------------------------------------------------

    def needs_no_body(self, entry: Entry) -> bool:
        """Whether the response has no body: HEAD, 304, 412, 416."""
        return self.request.method == b"HEAD" or select(entry, self.request.fields, entry.length).status in BODYLESS

    def send_stored(self, entry: Entry, body: Body, outcome: Outcome, detail: bytes = b"") -> None:
        """Send a stored response: the whole, or the requested ranges."""
        if not self.is_open:
            return
        selection = select(entry, self.request.fields, entry.length)
        own = self.stored_status(entry, outcome, detail)
        made = self.make_head(entry, selection, entry.length, own, age=self.age_of(entry, outcome))
        self.status = selection.status
        if self.request.method == b"HEAD":
            self.connection.write(made)
        elif selection.parts:
            pieces = multipart(entry, view(body, 0, len(body)), selection.parts, len(body))
            self.sent = sum(len(piece) for piece in pieces)
            self.connection.writelines([made, *pieces])
        else:
            stop = len(body) if selection.stop is None else min(selection.stop, len(body))
            self.sent = max(0, stop - selection.first)
            self.connection.send(made, body, selection.first, stop)
        self.finish(outcome)

    # -- slices ------------------------------------------------------------------------------------------------

    def send_sliced(self, sliced: SlicedObject, outcome: Outcome, detail: bytes) -> None:
        """Send an object, or ranges of it, slice by slice."""
        self._sliced, self._sliced_outcome = sliced, (outcome, detail)
        selection, context = select(sliced.whole, self.request.fields, sliced.total), self.context
        SlicedResponse(self, sliced, selection, context.clock, context.fetcher.max_wait).begin()

    def sliced_head(self, *, partial: bool) -> bytes:
        """Make the head, once the first bytes are at hand. `partial`: some slices had to be fetched (RFC 9211 §2.2)."""
        assert self._sliced is not None  # noqa: S101 (`send_sliced` has set it)
        entry, (outcome, detail) = self._sliced.whole, self._sliced_outcome
        if partial and outcome is Outcome.HIT:
            own = self.fetched_status(entry, b"partial")
            self._sliced_outcome = Outcome.MISS, detail
        else:
            own = self.stored_status(entry, outcome, detail)
        selection = select(entry, self.request.fields, entry.length)
        if selection.parts:
            selection = selection._replace(parts=tuple(sorted(selection.parts)))
        self.move(ResponseEvent.HEAD)
        self.status = selection.status
        return self.make_head(entry, selection, entry.length, own, age=self.age_of(entry, outcome))

    def on_sliced_sent(self) -> None:
        """The last slice is written."""
        self.finish(self._sliced_outcome[0])

    def on_sliced_failed(self, error: MatineeError, *, retry: bool) -> None:
        """Retry or fail: the slices cannot be sent to the end. `retry`: a new look-up may find the object."""
        self.connection.on_lost, self.connection.on_resume = self.on_disconnect, None
        if isinstance(error, UpstreamFailed) and error.reason is UpstreamReason.SLICE_UNAVAILABLE:
            self.accepts_part = False
        if retry and self.state is ResponseState.WAITING:
            self.context.retry(self)
        elif self.is_open:
            self.fail(error, None)

    # -- a fill ------------------------------------------------------------------------------------------------

    def follow_fill(self, fill: Fill, *, collapsed: bool) -> None:
        """Wait for this fill."""
        self.fill = fill
        self.collapsed = collapsed
        if fill.stale is not None and self.why_forwarded == b"uri-miss":
            self.why_forwarded = b"stale"
        self.connection.on_lost, self.connection.on_resume = self.on_disconnect, self._write_available
        fill.join(self)

    def matches(self, entry: Entry) -> bool:
        """Whether an alternate answers this request."""
        return entry.matches(self.request.fields)

    def sends_same_request(self, request: Mapping[bytes, bytes]) -> bool:
        """Whether upstream would get the same fields for this request as for the one with these."""
        fields_of = self.transaction.routed.route.upstream_fields
        return sorted(fields_of(self.request.fields)) == sorted(fields_of(request))

    def is_covered_by(self, entry: Entry, first: int, stop: int) -> bool:
        """Whether everything this viewer wants of the response lies from `first` to `stop` (exclusive)."""
        wanted = select(entry, self.request.fields, entry.length)
        if self.request.method == b"HEAD" or wanted.status in BODYLESS:
            return True
        return not wanted.parts and first <= wanted.first and wanted.stop is not None and wanted.stop <= stop

    def on_interim(self, head: bytes) -> None:
        """Pass a 1xx on, to HTTP/1.1 only (RFC 9110 §15.2)."""
        if self.request.minor == 1 and self.state is ResponseState.WAITING:
            self.connection.write(self.with_token(head))

    def on_head(self, fill: Fill) -> None:
        """Choose what to send by the head of the fill, and begin."""
        entry = fill.entry
        if entry is None or self.state is not ResponseState.WAITING:
            return
        self._take_leader_lines(fill)
        self.move(ResponseEvent.HEAD)
        selection = select(entry, self._fields_answered_here(fill), length := entry.length)
        if selection.parts and fill.state is FillState.FILLING:
            # In the order of the object: a viewer must not rely on the order of the request (RFC 9110 §15.3.7.2).
            selection = selection._replace(parts=tuple(sorted(selection.parts)))
            self._sections = deque(layout(entry, selection.parts, length or 0))
            self.position = self.stop = selection.parts[0].first
        elif selection.parts:
            selection = Selection(200, 0, length)  # passing bytes are not kept: send all (RFC 9110 §14.2)
        if not selection.parts:
            self.position, self.stop = selection.first, selection.stop
        self.status = selection.status
        ours = selection.status in BODYLESS and entry.status not in (412, 416)
        bodyless = self.request.method == b"HEAD" or selection.status == 204 or ours
        chunked = length is None and not bodyless and self.request.version == b"1.1"
        if length is None and not bodyless and not self.request.minor:
            self.request.keep_alive = False  # HTTP/1.0: the end of the connection is the end of the body
        age = self.age_of(entry, Outcome.MISS)
        self.connection.write(
            self.make_head(entry, selection, length, self._fill_status(fill), age=age, chunked=chunked)
        )
        if bodyless:
            self.leave_fill()
            self.finish(self.outcome())
        else:
            self._write_available()

    def _fields_answered_here(self, fill: Fill) -> Mapping[bytes, bytes]:
        """The fields whose conditions and ranges this fill's response answers: only of GET and HEAD, and without an
        If-Match that upstream has answered (RFC 9110 §13.2.1)."""
        fields = self.request.fields
        if self.request.method not in (b"GET", b"HEAD"):
            return {}
        if fill.shared or self.transaction.routed.route.forwarded_fields is not None:
            return fields
        return {name: value for name, value in fields.items() if name not in (b"if-match", b"if-unmodified-since")}

    def _fill_status(self, fill: Fill) -> bytes:
        stored = fill.state is FillState.FILLING and not self.collapsed and not fill.unsure
        entry, why, collapsed = fill.entry, self.why_forwarded, self.collapsed
        status = entry.status if entry is not None and (entry.status != 200 or self.status != 200) else None
        detail = PREFETCH if SEC_PURPOSE in self.request.fields else b"" if collapsed else fill.unsure
        return forwarded(self.context.node.name, why, status=status, stored=stored, collapsed=collapsed, detail=detail)

    def _take_leader_lines(self, fill: Fill | None) -> None:
        """Take over the header lines that only the leader of the fetch gets."""
        self.leader_lines = fill.leader_only_headers if fill is not None and fill.leader is self else self.leader_lines

    def on_bytes(self) -> None:
        """Write more of the body, or its end."""
        self._write_available()

    on_end = on_bytes

    def _write_available(self) -> None:
        """Write what has come, as far as the viewer's socket accepts it; finish after the last byte."""
        fill, connection = self.fill, self.connection
        if fill is None or not self.head_sent:
            return
        chunked = self.stop is None and self.request.version == b"1.1"
        while not connection.paused:
            if self.position == self.stop and self._sections:
                self._next_section()
                continue
            if isinstance(fill.body, MemoryFile | DiskBody) and self.stop is not None and self.position < self.stop:
                self._send_from_file(fill.body, fill.base, self.stop)
                continue
            limit = WRITE_BYTES if self.stop is None else min(WRITE_BYTES, self.stop - self.position)
            try:
                data = fill.read(self.position, limit) if limit else None
            except OSError as error:
                self.leave_fill()
                connection.abort(Abort.BODY_FILE, str(error))
                return
            if data is None:
                break
            if chunked:
                connection.writelines((b"%x\r\n" % len(data), data, b"\r\n"))
            else:
                connection.write(data)
            self.position += len(data)
            self.add_sent(len(data))
        fill.on_reader_advanced()
        if self.stop is None:
            whole = fill.state in (FillState.STORED, FillState.PASSED_THROUGH) and self.position == fill.received
        else:
            whole = self.position == self.stop and not self._sections
        if whole:
            if chunked:
                connection.write(b"0\r\n\r\n")
            self.leave_fill()
            self.finish(self.outcome())

    def _send_from_file(self, body: Body, base: int, stop: int) -> None:
        """Send what is left up to `stop`: the body was stored while this viewer was behind."""
        first, self.position = self.position, stop
        self.add_sent(stop - first)
        self.connection.send(b"", body, first - base, stop - base)

    def _next_section(self) -> None:
        section = self._sections.popleft()
        if isinstance(section, ByteRange):
            self.position, self.stop = section
        else:
            self.connection.write(section)
            self.add_sent(len(section))

    def on_not_modified(self, entry: Entry) -> None:
        """Serve the stored response: upstream answered 304."""
        self._take_leader_lines(self.fill)
        self.fill = None
        self.context.serve(self, entry, Outcome.REVALIDATED)

    def on_sliced(self, entry: Entry) -> None:
        """Send the slices: the object is cached in slices."""
        self._take_leader_lines(self.fill)
        self.fill = None
        if self.is_open:
            self.context.serve(self, entry, self.outcome())

    def on_released(self, why: ReleaseReason) -> None:
        """The response was for other readers: retry, shared where that is allowed, else fetch uncached."""
        self.fill = None
        if not self.is_open:
            return
        fields = self.request.fields
        alone = b"authorization" in fields or b"cache-control" in fields
        if why in RETRYABLE_RELEASES or (why is ReleaseReason.REQUEST_ONLY and not alone):
            if why is ReleaseReason.LATE and self.timer is None:
                clock = self.context.clock
                left = self.transaction.began + self.context.fetcher.max_wait - clock.mono()
                self.timer = clock.call_later(max(0.0, left), self._on_wait_expired)
            self.context.retry(self)
        else:
            self.why_forwarded = b"bypass"
            self.context.fetch_uncached(self)

    def _on_wait_expired(self) -> None:
        """Fail: no head came in time, over all retries together."""
        if self.state is ResponseState.WAITING and self.fill is not None:
            self.leave_fill()
            self.on_failed(UpstreamFailed(UpstreamReason.FIRST_BYTE_TIMEOUT))

    def on_failed(self, error: MatineeError) -> None:
        """The fetch failed: serve stale where allowed, retry once where that may help, else fail."""
        fill, self.fill = self.fill, None
        if not self.is_open:
            return
        stale = fill.stale if fill is not None and fill.stale is not None else self.fallback_entry
        if not self.head_sent and stale is not None and serves_when_upstream_fails(stale, self.context.clock.mono()):
            self.context.serve(self, stale, Outcome.STALE, b"upstream-failed")
        elif not self.head_sent and self.collapsed and getattr(error, "retry", False) and not self._retried:
            self._retried = True
            self.context.retry(self)
        else:
            self.fail(error, stale)

    # -- the head ----------------------------------------------------------------------------------------------

    def make_head(
        self,
        entry: Entry,
        selection: Selection,
        length: int | None,
        own: bytes,
        *,
        age: int | None,
        chunked: bool = False,
    ) -> bytes:
        """The whole head; `own` is our member of Cache-Status."""
        lines = self.transaction.routed.route.lines_for(self.request.fields) + self.context.node.via
        lines += self.leader_lines
        self.context.counts.count_head(self.context.clock.mono() - self.transaction.began)
        made = head(entry, selection, length, lines, chunked=chunked)
        if entry.has_references or self.leader_lines:
            made = self.with_token(made)
        age_line = b"" if age is None else b"Age: %d\r\n" % age
        status = chained(entry.upstream_status, own)
        self.connection.settle_keep_alive(self.request)
        return made + age_line + b"Cache-Status: %s\r\n%s\r\n" % (status, connection_line(self.request))

    def with_token(self, made: bytes) -> bytes:
        """The head with this viewer's token in its redirects and links, if the token stands in their path."""
        routed, target = self.transaction.routed, self.request.target
        if routed.cdn is None:
            return made
        host, port = self.request.fields.get(b"host", b""), self.context.node.routes.port
        upstreams = self.context.fetcher.authorities
        return keep_token(made, Carried(target, host, port, routed.upstream_target, routed.cdn.content_id, upstreams))

    def stored_status(self, entry: Entry, outcome: Outcome, detail: bytes = b"") -> bytes:
        """Our member of Cache-Status for a response from the cache, or stored for this request."""
        name = self.context.node.name
        if outcome is Outcome.REVALIDATED:
            return forwarded(name, b"stale", status=304, collapsed=self.collapsed)
        if outcome in (Outcome.MISS, Outcome.COLLAPSED):
            return self.fetched_status(entry, self.why_forwarded, detail)
        return hit(name, int(entry.fresh_until - self.context.clock.mono()), detail)

    def fetched_status(self, entry: Entry, why: bytes, detail: bytes = b"") -> bytes:
        """The same for fetched slices; `stored` only if the cache certainly keeps them."""
        cache, name = self.context.cache, self.context.node.name
        if self.collapsed and why != b"partial":
            return forwarded(name, why, collapsed=True, detail=detail)
        sure = cache.fits_in_ram(entry.slice + OBJECT_OVERHEAD_BYTES)
        stored = sure and entry in cache.stored(entry.key)
        return forwarded(name, why, stored=stored, detail=detail or (b"" if sure else NotStored.DISK_ONLY.encode()))

    def age_of(self, entry: Entry, outcome: Outcome) -> int | None:
        """Seconds since the response was made; None for a fresh one, unless upstream sent an Age."""
        if outcome in (Outcome.MISS, Outcome.COLLAPSED) and not entry.had_age:
            return None
        return max(0, int(self.context.clock.mono() - entry.born))

    # -- the end -----------------------------------------------------------------------------------------------

    def outcome(self) -> Outcome:
        """How the cache answered, for a response that follows a fill."""
        if self.fill is not None and not self.fill.shared:
            return Outcome.PASS
        return Outcome.COLLAPSED if self.collapsed else Outcome.MISS

    def leave_fill(self) -> None:
        """Stop waiting for the fill."""
        if self.fill is not None:
            self.fill.leave(self)

    def on_disconnect(self) -> None:
        """Record that the viewer left before the end; the fetch goes on without them."""
        self.move(ResponseEvent.LEFT)
        self.leave_fill()
        self._record(self.status or 499, self.outcome(), "left")

    def fail(self, error: MatineeError, stale: Entry | None) -> None:
        """Send an error response, or cut the connection if the head is already sent. `stale`: a stored response that
        may not be used."""
        reason = error.reason if isinstance(error, (UpstreamFailed, Overloaded)) else "bug"
        head_sent = self.head_sent
        self.move(ResponseEvent.ERROR)
        if head_sent:
            self.connection.on_lost = None
            self.context.counts.broken_responses += 1
            self.connection.abort(Abort.BROKEN_OFF, reason)
            self._record(self.status, Outcome.FAILED, reason)
            return
        status = error.status if isinstance(error, UpstreamFailed) else 503 if isinstance(error, Overloaded) else 500
        if stale is not None and stale.must_revalidate and status == 502:
            status = 504  # a stored response exists and must not be used (RFC 9111 §5.2.2.2)
        node, request = self.context.node, self.request
        own = forwarded(node.name, self.why_forwarded, collapsed=self.collapsed, detail=reason.encode())
        lines = self.transaction.routed.route.lines_for(request.fields) + node.via
        lines += b"Date: %s\r\nCache-Status: %s\r\n" % (format_date(self.context.clock.wall()), own)
        self.connection.settle_keep_alive(request)
        lines += connection_line(request)
        if isinstance(error, Overloaded):
            lines += b"Retry-After: %d\r\n" % error.retry_after
        self.connection.write(problem(status, reason, "", lines, head_only=request.method == b"HEAD"))
        self.status = status
        self._record(status, Outcome.FAILED, reason)
        self.connection.done()

    def finish(self, outcome: Outcome) -> None:
        """Record the complete response and let the connection take its next request."""
        self.move(ResponseEvent.END)
        self.fill = None  # the connection refers to this response until its next one
        self._record(self.status, outcome, None)
        self.connection.done()

    def _record(self, status: int, outcome: Outcome, reason: str | None) -> None:
        if self.timer is not None:
            self.timer.cancel()
        if not self.relayed:  # else the process that answers counts and logs it
            self.context.recorder.record_served(self.transaction, status, self.sent, outcome, reason)
