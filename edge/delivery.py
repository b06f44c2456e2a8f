"""One response that could not be given at once: its viewer follows a fill, or waits for the disk.

Implements `cache.fill.Reader`. Bytes go from the fill to the viewer's transport as far as his socket takes them; the
rest when it drains. Nothing here waits: each method is a call from the fill, the connection or the cache.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from cache.body import Body, view
from cache.entry import Entry
from cache.fill import Fill
from cache.fillstate import State
from edge.deliver import Selection, head, multipart, problem, select
from edge.locate import Viewer
from edge.plan import serves_when_upstream_fails
from edge.route import Asked
from edge.wire.h1 import Connection
from edge.wire.request import Request
from kernel.claims import Permit
from kernel.errors import MatineeError, Overloaded, UpstreamFailed
from kernel.http.cache_status import chained, forwarded, hit
from kernel.http.dates import format_date
from kernel.vocabulary import Outcome

if TYPE_CHECKING:
    from edge.request import Story

PIECE = 256 * 1024
"""Bytes written at a time."""


class Delivery:
    """See the module. `wanted` turns false when the viewer leaves."""

    __slots__ = (
        "asked",
        "began",
        "collapsed",
        "connection",
        "fill",
        "headed",
        "permit",
        "position",
        "request",
        "selection",
        "sent",
        "status",
        "stop",
        "story",
        "viewer",
        "waiting",
        "wanted",
        "why_forwarded",
    )

    def __init__(
        self,
        story: Story,
        request: Request,
        connection: Connection,
        viewer: Viewer,
        asked: Asked,
        permit: Permit,
        began: float,
    ) -> None:
        self.story = story
        self.request = request
        self.connection = connection
        self.viewer = viewer
        self.asked = asked
        self.permit = permit
        self.began = began
        self.fill: Fill | None = None
        self.collapsed = self.headed = self.waiting = False
        self.wanted = True
        self.position = self.sent = self.status = 0
        self.stop: int | None = None
        self.selection: Selection | None = None
        self.why_forwarded = b"uri-miss"
        connection.on_lost = self._lost

    # -- a stored response -------------------------------------------------------------------------------------

    def needs_no_body(self, entry: Entry) -> bool:
        """Whether the answer has none: HEAD, 304, 416."""
        return self.request.method == b"HEAD" or select(entry, self.request.fields, entry.length).status in (304, 416)

    def send_stored(self, entry: Entry, body: Body, outcome: Outcome, detail: bytes = b"") -> None:
        """A whole response from the cache."""
        if not self.wanted:
            return
        now = self.story.clock.mono()
        if outcome is Outcome.REVALIDATED:
            own = forwarded(self.story.node.name, b"stale", status=304, collapsed=self.collapsed)
        else:
            own = hit(self.story.node.name, int(entry.fresh_until - now), detail)
        selection = select(entry, self.request.fields, entry.length)
        made = self._head(entry, selection, entry.length, own, age=max(0, int(now - entry.born)))
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
        self._finish(outcome)

    def _head(
        self,
        entry: Entry,
        selection: Selection,
        length: int | None,
        own: bytes,
        *,
        age: int | None,
        chunked: bool = False,
    ) -> bytes:
        lines = self.asked.route.lines_for(self.request.fields) + self.story.via
        if self.fill is not None and self.fill.leader is self:
            lines += self.fill.for_leader
        made = head(entry, selection, length, lines, chunked=chunked)
        told = b"" if age is None else b"Age: %d\r\n" % age
        status = chained(entry.upstream_status, own)
        return made + told + b"Cache-Status: %s\r\n%s\r\n" % (status, self.story.connection_line(self.request))

    # -- a fill ------------------------------------------------------------------------------------------------

    def follow(self, fill: Fill, *, collapsed: bool) -> None:
        """Wait for this fill."""
        self.fill = fill
        self.collapsed = collapsed
        if fill.stale is not None and self.why_forwarded == b"uri-miss":
            self.why_forwarded = b"stale"
        self.waits(True)
        self.connection.on_resume = self._pump
        fill.join(self)

    def waits(self, waiting: bool) -> None:
        """Count who waits."""
        if waiting != self.waiting:
            self.waiting = waiting
            self.story.counts.waiting += 1 if waiting else -1

    def matches(self, entry: Entry) -> bool:
        """Whether an alternate answers this request."""
        return entry.matches(self.request.fields)

    def on_interim(self, head: bytes) -> None:
        """A 1xx is passed on, to HTTP/1.1 alone (RFC 9110 §15.2)."""
        if self.request.minor == 1 and self.wanted and not self.headed:
            self.connection.transport.write(head)

    def on_head(self, fill: Fill) -> None:
        """Head of a fill: choose what is sent and begin."""
        entry = fill.entry
        if entry is None or self.headed or not self.wanted:
            return
        self.waits(False)
        self.headed = True
        length = entry.length
        retrieves = self.request.method in (b"GET", b"HEAD")  # other methods' conditions are for the upstream alone
        selection = select(entry, self.request.fields if retrieves else {}, length)
        if selection.parts:
            selection = Selection(
                200, 0, length
            )  # several ranges of what is still on its way: the whole (RFC 9110 §14.2)
        self.selection = selection
        self.status = selection.status
        self.position = selection.first
        self.stop = selection.stop
        bodyless = self.request.method == b"HEAD" or selection.status in (204, 304, 416)
        chunked = length is None and not bodyless and self.request.minor == 1
        if length is None and not bodyless and not chunked:
            self.request.keep_alive = False  # HTTP/1.0: the end of the connection is the end of the body
        self.connection.transport.write(
            self._head(entry, selection, length, self._own_status(fill), age=self._upstream_age(entry), chunked=chunked)
        )
        if bodyless:
            self._leave()
            self._finish(self._outcome())
        else:
            self._pump()

    def _own_status(self, fill: Fill) -> bytes:
        stored = fill.state is State.FILLING and not self.collapsed
        entry = fill.entry
        status = entry.status if entry is not None and (entry.status != 200 or self.status != 200) else None
        why = self.why_forwarded
        return forwarded(self.story.node.name, why, status=status, stored=stored, collapsed=self.collapsed)

    def _upstream_age(self, entry: Entry) -> int | None:
        age = int(self.story.clock.mono() - entry.born)
        return age if entry.had_age else None

    def on_bytes(self) -> None:
        """More of the body is there."""
        self._pump()

    def on_end(self) -> None:
        """All of the body is there."""
        if self.headed:
            self._pump()

    def _pump(self) -> None:
        """Write what is there, as far as the viewer's socket takes it."""
        fill, connection = self.fill, self.connection
        if fill is None or not self.headed or not self.wanted:
            return
        chunked = self.stop is None and self.request.minor == 1
        while not connection.paused:
            most = PIECE if self.stop is None else min(PIECE, self.stop - self.position)
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
        whole = self.position == self.stop or (
            self.stop is None and fill.state in (State.STORED, State.SERVED) and self.position == fill.received
        )
        if whole:
            if chunked:
                connection.transport.write(b"0\r\n\r\n")
            self._leave()
            self._finish(self._outcome())

    def on_held(self, entry: Entry) -> None:
        """The upstream said 304: serve what is stored."""
        self.waits(False)
        self.fill = None
        self.story.serve(self, entry, Outcome.REVALIDATED)

    def on_freed(self, why: str) -> None:
        """The answer was for somebody else: ask again, alone if need be."""
        del why
        self.waits(False)
        self.fill = None
        if self.wanted:
            self.story.go_alone(self)

    def on_failed(self, error: MatineeError) -> None:
        """The fetch broke: a stale response where one may stand in, else 502 or 504; mid-body only a cut is honest."""
        fill, self.fill = self.fill, None
        self.waits(False)
        if not self.wanted:
            return
        reason = error.reason if isinstance(error, (UpstreamFailed, Overloaded)) else "bug"
        if self.headed:
            self.connection.on_lost = None
            self.connection.abort()
            self._over(self.status, Outcome.FAILED, reason)
            return
        stale = fill.stale if fill is not None else None
        if stale is not None and serves_when_upstream_fails(stale, self.story.clock.mono()):
            self.story.serve(self, stale, Outcome.STALE, b"upstream-failed")
            return
        status = error.status if isinstance(error, UpstreamFailed) else 503 if isinstance(error, Overloaded) else 500
        if stale is not None and stale.must_revalidate and status == 502:
            status = 504  # there is a response, and it must not be used (RFC 9111 §5.2.2.2)
        own = forwarded(self.story.node.name, self.why_forwarded, collapsed=self.collapsed, detail=reason.encode())
        date = format_date(self.story.clock.wall())
        lines = self.story.lines + b"Date: %s\r\nCache-Status: %s\r\n" % (date, own)
        lines += self.story.connection_line(self.request)
        if isinstance(error, Overloaded):
            lines += b"Retry-After: %d\r\n" % error.retry_after
        head_only = self.request.method == b"HEAD"
        self.connection.transport.write(problem(status, reason, "", lines, head_only=head_only))
        self.status = status
        self._finish(Outcome.FAILED, reason)

    # -- the end -----------------------------------------------------------------------------------------------

    def _outcome(self) -> Outcome:
        if self.fill is not None and not self.fill.shared:
            return Outcome.PASS
        return Outcome.COLLAPSED if self.collapsed else Outcome.MISS

    def _leave(self) -> None:
        if self.fill is not None:
            self.fill.leave(self)

    def _lost(self) -> None:
        """The viewer left before the end; the fetch goes on without him."""
        self.waits(False)
        self._leave()
        self._over(self.status or 499, self._outcome(), "left")

    def _finish(self, outcome: Outcome, reason: str | None = None) -> None:
        """Count, log, let the connection go on."""
        self._over(self.status, outcome, reason)
        self.connection.done()

    def _over(self, status: int, outcome: Outcome, reason: str | None) -> None:
        self.wanted = False
        self.story.counts.bytes_sent += self.sent
        self.story.counts.answered(outcome)
        asked, began = self.asked, self.began
        self.story.record(self.request, self.viewer, self.permit, asked.path, status, self.sent, outcome, reason, began)
