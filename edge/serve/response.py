"""One response that could not be given at once: its viewer follows a fill, walks over slices, or waits for the disk.

Implements `cache.fills.fill.Reader`. Bytes go from the fill to the viewer's transport as far as his socket takes
them; the rest when it drains. Nothing here waits: each method is a call from the fill, the connection or the cache.
Over 300 lines because it is one state machine: what a viewer follows changes while they wait.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from typing import TYPE_CHECKING

from cache.body import Body, view
from cache.entry import Entry
from cache.fills.fill import Fill
from cache.fills.fill_state import State
from edge.policy.locate import Viewer
from edge.policy.plan import serves_when_upstream_fails
from edge.policy.profile import PREFETCHES, PURPOSE
from edge.policy.response_head import BODYLESS, Selection, layout, multipart, select
from edge.policy.route import RoutedRequest
from edge.serve.reply import Reply
from edge.serve.sliced_response import SlicedResponse
from edge.slices.sliced_object import SlicedObject
from edge.wire.http1_server import Connection
from edge.wire.request import Request
from kernel.auth.claims import Permit
from kernel.errors import MatineeError, UpstreamFailed
from kernel.fetch_reasons import RETRYABLE_RELEASES, ReleaseReason, UpstreamReason
from kernel.http.cache_status import forwarded
from kernel.http.ranges import ByteRange
from kernel.vocabulary import Outcome

if TYPE_CHECKING:
    from edge.serve.handler import RequestHandler

WRITE_BYTES = 256 * 1024  # bytes written at a time
MAX_FILLS_JOINED = 6  # how often one request may wait for another fill, before it goes alone


class PendingResponse(Reply):
    """See the module."""

    __slots__ = (
        "_how",
        "_retried",
        "_sections",
        "_slicing",
        "fallback_entry",
        "parts",
        "position",
        "selection",
        "stop",
        "tries",
    )  # fmt: skip

    def __init__(
        self,
        story: RequestHandler,
        request: Request,
        connection: Connection,
        viewer: Viewer,
        asked: RoutedRequest,
        permit: Permit,
        began: float,
    ) -> None:
        super().__init__(story, request, connection, viewer, asked, permit, began)
        self.position = self.tries = 0
        self.stop: int | None = None
        self.selection: Selection | None = None
        self.fallback_entry: Entry | None = (
            None  # stands in when a fetch fails that does not revalidate it: that of a HEAD
        )
        self._sections: deque[bytes | ByteRange] = deque()
        self._how: tuple[Outcome, bytes] = Outcome.HIT, b""
        self._slicing: SlicedObject | None = None
        self._retried = False
        self.parts = True  # whether a part of the object will do for him, if he asks for one

    # -- a stored response -------------------------------------------------------------------------------------

    def needs_no_body(self, entry: Entry) -> bool:
        """Whether the answer has none: HEAD, 304, 412, 416."""
        return self.request.method == b"HEAD" or select(entry, self.request.fields, entry.length).status in BODYLESS

    def send_stored(self, entry: Entry, body: Body, outcome: Outcome, detail: bytes = b"") -> None:
        """A whole response from the cache."""
        if not self.client_connected:
            return
        selection = select(entry, self.request.fields, entry.length)
        own = self.stored_status(entry, outcome, detail)
        made = self.make_head(entry, selection, entry.length, own, age=self.age_of(entry, outcome))
        self.status = selection.status
        if self.request.method == b"HEAD":
            self.connection.transport.write(made)
        elif selection.parts:
            pieces = multipart(entry, view(body, 0, len(body)), selection.parts, len(body))
            self.sent = sum(len(piece) for piece in pieces)
            self.connection.transport.writelines([made, *pieces])
        else:
            stop = len(body) if selection.stop is None else min(selection.stop, len(body))
            self.sent = max(0, stop - selection.first)
            self.connection.send(made, body, selection.first, stop)
        self.finish(outcome)

    # -- slices ------------------------------------------------------------------------------------------------

    def send_sliced(self, slicing: SlicedObject, outcome: Outcome, detail: bytes) -> None:
        """Send what is asked of an object in slices."""
        self._slicing, self._how = slicing, (outcome, detail)
        SlicedResponse(self, slicing, select(slicing.whole, self.request.fields, slicing.total)).begin()

    def sliced_head(self, *, partial: bool) -> bytes:
        """The first bytes are there: the head. `partial`: some of them were fetched for it (RFC 9211 §2.2)."""
        assert self._slicing is not None  # noqa: S101 (`send_sliced` has set it)
        entry, (outcome, detail) = self._slicing.whole, self._how
        if partial and outcome is Outcome.HIT:
            own = self.fetched_status(entry, b"partial")
            self._how = Outcome.MISS, detail
        else:
            own = self.stored_status(entry, outcome, detail)
        selection = select(entry, self.request.fields, entry.length)
        if selection.parts:
            selection = selection._replace(parts=tuple(sorted(selection.parts)))
        self.set_waiting(False)
        self.head_sent, self.status = True, selection.status
        return self.make_head(entry, selection, entry.length, own, age=self.age_of(entry, outcome))

    def on_sliced_sent(self) -> None:
        """All is sent."""
        self.finish(self._how[0])

    def on_sliced_failed(self, error: MatineeError, *, again: bool) -> None:
        """The walk cannot go on. `again`: asked anew, the object may be had."""
        self.set_waiting(False)
        self.connection.on_lost, self.connection.on_resume = self.on_disconnect, None
        if isinstance(error, UpstreamFailed) and error.reason is UpstreamReason.SLICE_UNAVAILABLE:
            self.parts = False
        if again and not self.head_sent and self.client_connected:
            self.story.retry(self)
        elif self.client_connected:
            self.refuse(error, None)

    # -- a fill ------------------------------------------------------------------------------------------------

    def follow_fill(self, fill: Fill, *, collapsed: bool) -> None:
        """Wait for this fill."""
        self.fill = fill
        self.collapsed = collapsed
        if fill.stale is not None and self.why_forwarded == b"uri-miss":
            self.why_forwarded = b"stale"
        self.set_waiting(True)
        self.connection.on_lost, self.connection.on_resume = self.on_disconnect, self._write_available
        fill.join(self)

    def matches(self, entry: Entry) -> bool:
        """Whether an alternate answers this request."""
        return entry.matches(self.request.fields)

    def asks_alike(self, request: Mapping[bytes, bytes]) -> bool:
        """Whether upstream would be told the very same of this request as of the one with these fields."""
        told = self.asked.route.upstream_fields
        return sorted(told(self.request.fields)) == sorted(told(request))

    def covered(self, entry: Entry, first: int, stop: int) -> bool:
        """Whether all that he wants of this response lies from `first` to `stop` (not included)."""
        if self.request.method == b"HEAD":
            return True
        wanted = select(entry, self.request.fields, entry.length)
        if wanted.status in BODYLESS:
            return True
        return not wanted.parts and first <= wanted.first and wanted.stop is not None and wanted.stop <= stop

    def on_interim(self, head: bytes) -> None:
        """A 1xx is passed on, to HTTP/1.1 alone (RFC 9110 §15.2)."""
        if self.request.minor == 1 and self.client_connected and not self.head_sent:
            self.connection.transport.write(self.with_token(head))

    def on_head(self, fill: Fill) -> None:
        """Head of a fill: choose what is sent and begin."""
        entry = fill.entry
        if entry is None or self.head_sent or not self.client_connected:
            return
        self.set_waiting(False)
        self._takes_theirs(fill)
        self.head_sent, length = True, entry.length
        selection = select(entry, self._answered_here(fill), length)
        if selection.parts and fill.state is State.FILLING:
            # In the order in which they come: a viewer must not rely on his own (RFC 9110 §15.3.7.2).
            selection = selection._replace(parts=tuple(sorted(selection.parts)))
            self._sections = deque(layout(entry, selection.parts, length or 0))
            self.position = self.stop = selection.parts[0].first
        elif selection.parts:
            selection = Selection(200, 0, length)  # what is passed on is let go: the whole (RFC 9110 §14.2)
        if not selection.parts:
            self.position, self.stop = selection.first, selection.stop
        self.selection = selection
        self.status = selection.status
        ours = selection.status in BODYLESS and entry.status not in (412, 416)
        bodyless = self.request.method == b"HEAD" or selection.status == 204 or ours
        chunked = length is None and not bodyless and self.request.minor == 1
        if length is None and not bodyless and not chunked:
            self.request.keep_alive = False  # HTTP/1.0: the end of the connection is the end of the body
        age = self.age_of(entry, Outcome.MISS)
        self.connection.transport.write(
            self.make_head(entry, selection, length, self._fill_status(fill), age=age, chunked=chunked)
        )
        if bodyless:
            self.leave_fill()
            self.finish(self.outcome())
        else:
            self._write_available()

    def _answered_here(self, fill: Fill) -> Mapping[bytes, bytes]:
        """The fields whose conditions and ranges are answered from this fill's response: no other method's than GET
        and HEAD, and no If-Match that went upstream, which has answered it (RFC 9110 §13.2.1)."""
        fields = self.request.fields
        if self.request.method not in (b"GET", b"HEAD"):
            return {}
        if fill.shared or self.asked.route.forwards is not None:
            return fields
        return {name: value for name, value in fields.items() if name not in (b"if-match", b"if-unmodified-since")}

    def _fill_status(self, fill: Fill) -> bytes:
        stored = fill.state is State.FILLING and not self.collapsed and not fill.unsure
        entry = fill.entry
        status = entry.status if entry is not None and (entry.status != 200 or self.status != 200) else None
        why, collapsed = self.why_forwarded, self.collapsed
        detail = PREFETCHES if PURPOSE in self.request.fields else b"" if collapsed else fill.unsure
        return forwarded(self.story.node.name, why, status=status, stored=stored, collapsed=collapsed, detail=detail)

    def _takes_theirs(self, fill: Fill | None) -> None:
        """Take over what of the head is only for who caused the fetch."""
        if fill is not None and fill.leader is self:
            self.theirs = fill.leader_only_headers

    def on_bytes(self) -> None:
        """More of the body is there."""
        self._write_available()

    def on_end(self) -> None:
        """All of the body is there."""
        if self.head_sent:
            self._write_available()

    def _write_available(self) -> None:
        """Write what is there, as far as the viewer's socket takes it."""
        fill, connection = self.fill, self.connection
        if fill is None or not self.head_sent or not self.client_connected:
            return
        chunked = self.stop is None and self.request.minor == 1
        while not connection.paused:
            if self.position == self.stop and self._sections:
                self._next_section()
                continue
            most = WRITE_BYTES if self.stop is None else min(WRITE_BYTES, self.stop - self.position)
            data = fill.read(self.position, most) if most else None
            if data is None:
                break
            if chunked:
                connection.transport.writelines((b"%x\r\n" % len(data), data, b"\r\n"))
            else:
                connection.transport.write(data)
            self.position += len(data)
            self.sent += len(data)
        fill.was_read()
        whole = (self.position == self.stop and not self._sections) or (
            self.stop is None and fill.state in (State.STORED, State.PASSED_THROUGH) and self.position == fill.received
        )
        if whole:
            if chunked:
                connection.transport.write(b"0\r\n\r\n")
            self.leave_fill()
            self.finish(self.outcome())

    def _next_section(self) -> None:
        section = self._sections.popleft()
        if isinstance(section, ByteRange):
            self.position, self.stop = section
        else:
            self.connection.transport.write(section)
            self.sent += len(section)

    def on_not_modified(self, entry: Entry) -> None:
        """The upstream said 304: serve what is stored."""
        self.set_waiting(False)
        self._takes_theirs(self.fill)
        self.fill = None
        self.story.serve(self, entry, Outcome.REVALIDATED)

    def on_sliced(self, entry: Entry) -> None:
        """It is kept in slices: walk over them."""
        self.set_waiting(False)
        self._takes_theirs(self.fill)
        self.fill = None
        if self.client_connected:
            self.story.serve(self, entry, self.outcome())

    def on_released(self, why: ReleaseReason) -> None:
        """The answer was for somebody else: ask again, with others where they may get the same, else alone."""
        self.set_waiting(False)
        self.fill = None
        if not self.client_connected:
            return
        fields = self.request.fields
        apart = b"authorization" in fields or b"cache-control" in fields
        if why in RETRYABLE_RELEASES or (why is ReleaseReason.REQUEST_ONLY and not apart):
            if why is ReleaseReason.LATE and self.timer is None:
                clock = self.story.clock
                left = self.began + self.story.fetcher.longest_wait - clock.mono()
                self.timer = clock.call_later(max(0.0, left), self._waited_out)
            self.story.retry(self)
        else:
            self.why_forwarded = b"bypass"
            self.story.fetch_uncached(self)

    def _waited_out(self) -> None:
        """However often it was asked for, no head came in time."""
        if self.client_connected and not self.head_sent and self.fill is not None:
            self.leave_fill()
            self.on_failed(UpstreamFailed(UpstreamReason.FIRST_BYTE_TIMEOUT))

    def on_failed(self, error: MatineeError) -> None:
        """The fetch broke: a stale response where one may stand in, once more where that may help, else said."""
        fill, self.fill = self.fill, None
        self.set_waiting(False)
        if not self.client_connected:
            return
        stale = fill.stale if fill is not None and fill.stale is not None else self.fallback_entry
        if not self.head_sent and stale is not None and serves_when_upstream_fails(stale, self.story.clock.mono()):
            self.story.serve(self, stale, Outcome.STALE, b"upstream-failed")
        elif not self.head_sent and self.collapsed and getattr(error, "retry", False) and not self._retried:
            self._retried = True
            self.story.retry(self)
        else:
            self.refuse(error, stale)
