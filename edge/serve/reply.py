"""One response that could not be given at once: what is known of its request, its head, and how it ends."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cache.entry import OVERHEAD, Entry
from cache.fills.fill import Fill
from edge.policy.locate import Viewer
from edge.policy.references import Carried, in_path, keep_token
from edge.policy.response_head import Selection, head, problem
from edge.policy.route import RoutedRequest
from edge.wire.http1_server import Connection
from edge.wire.request import Request
from kernel.auth.claims import Permit
from kernel.clock import Timer
from kernel.errors import MatineeError, Overloaded, UpstreamFailed
from kernel.http.cache_status import chained, forwarded, hit
from kernel.http.dates import format_date
from kernel.vocabulary import Abort, NotStored, Outcome

if TYPE_CHECKING:
    from edge.serve.handler import RequestHandler


class Reply:
    """See the module. `client_connected` turns false when the viewer leaves; `sent` counts bytes of the body handed
    over.

    `theirs`: header lines that nobody else gets, of the fetch that they caused (RFC 9111 §5.2.2.7).
    `collapsed`: he waited for a fetch that another had begun; `why_forwarded`: why there was one (RFC 9211 §2.2).
    """

    __slots__ = (
        "asked",
        "began",
        "client_connected",
        "collapsed",
        "connection",
        "fill",
        "head_sent",
        "permit",
        "request",
        "sent",
        "status",
        "story",
        "theirs",
        "timer",
        "viewer",
        "waiting",
        "why_forwarded",
    )

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
        self.story = story
        self.request = request
        self.connection = connection
        self.viewer = viewer
        self.asked = asked
        self.permit = permit
        self.began = began
        self.fill: Fill | None = None
        self.collapsed = self.head_sent = self.waiting = False
        self.client_connected = True
        self.sent = self.status = 0
        self.why_forwarded = b"uri-miss"
        self.theirs = b""
        self.timer: Timer | None = None
        connection.on_lost = self.on_disconnect

    def set_waiting(self, waiting: bool) -> None:
        """Count who waits."""
        if waiting != self.waiting:
            self.waiting = waiting
            self.story.counts.waiting += 1 if waiting else -1

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
        """The head, whole; `own` is our member of Cache-Status."""
        lines = self.asked.route.lines_for(self.request.fields) + self.story.via
        lines += self.theirs
        self.story.counts.headed(self.story.clock.mono() - self.began)
        made = self.with_token(head(entry, selection, length, lines, chunked=chunked))
        told = b"" if age is None else b"Age: %d\r\n" % age
        status = chained(entry.upstream_status, own)
        self.connection.last_words(self.request)
        return made + told + b"Cache-Status: %s\r\n%s\r\n" % (status, self.story.connection_line(self.request))

    def with_token(self, made: bytes) -> bytes:
        """A head whose redirects and links keep the token that this viewer's path carries."""
        asked, target = self.asked, self.request.target
        if asked.cdn is None or not in_path(target):
            return made
        host, port = self.request.fields.get(b"host", b""), self.story.node.routes.port
        upstreams = self.story.fetcher.authorities
        return keep_token(made, Carried(target, host, port, asked.upstream, asked.cdn.content_id, upstreams))

    def stored_status(self, entry: Entry, outcome: Outcome, detail: bytes = b"") -> bytes:
        """Our member of Cache-Status for what is served from the cache, or was brought into it for this request."""
        name = self.story.node.name
        if outcome is Outcome.REVALIDATED:
            return forwarded(name, b"stale", status=304, collapsed=self.collapsed)
        if outcome in (Outcome.MISS, Outcome.COLLAPSED):
            return self.fetched_status(entry, self.why_forwarded, detail)
        return hit(name, int(entry.fresh_until - self.story.clock.mono()), detail)

    def fetched_status(self, entry: Entry, why: bytes, detail: bytes = b"") -> bytes:
        """The same for what is fetched of an object in slices: whether that is stored for certain."""
        cache, name = self.story.cache, self.story.node.name
        if self.collapsed and why != b"partial":
            return forwarded(name, why, collapsed=True, detail=detail)
        sure = cache.surely_takes(entry.slice + OVERHEAD)
        stored = sure and entry in cache.stored(entry.key)
        return forwarded(name, why, stored=stored, detail=detail or (b"" if sure else NotStored.DISK_ONLY.encode()))

    def age_of(self, entry: Entry, outcome: Outcome) -> int | None:
        """Seconds since the response was made; of one that came just now only what upstream has told."""
        if outcome in (Outcome.MISS, Outcome.COLLAPSED) and not entry.had_age:
            return None
        return max(0, int(self.story.clock.mono() - entry.born))

    # -- the end -----------------------------------------------------------------------------------------------

    def outcome(self) -> Outcome:
        """How the cache answered, as far as a fill did."""
        if self.fill is not None and not self.fill.shared:
            return Outcome.PASS
        return Outcome.COLLAPSED if self.collapsed else Outcome.MISS

    def leave_fill(self) -> None:
        """Wait for the fill no more."""
        if self.fill is not None:
            self.fill.leave(self)  # type: ignore[arg-type]  # each reply that follows a fill is a reader

    def on_disconnect(self) -> None:
        """The viewer left before the end; the fetch goes on without him."""
        self.set_waiting(False)
        self.leave_fill()
        self.record_end(self.status or 499, self.outcome(), "left")

    def refuse(self, error: MatineeError, stale: Entry | None) -> None:
        """No response will come: said by a status before the head, mid-body only a cut is honest."""
        reason = error.reason if isinstance(error, (UpstreamFailed, Overloaded)) else "bug"
        if self.head_sent:
            self.connection.on_lost = None
            self.story.counts.broken += 1
            self.connection.abort(Abort.BROKEN_OFF, reason)
            self.record_end(self.status, Outcome.FAILED, reason)
            return
        status = error.status if isinstance(error, UpstreamFailed) else 503 if isinstance(error, Overloaded) else 500
        if stale is not None and stale.must_revalidate and status == 502:
            status = 504  # there is a response, and it must not be used (RFC 9111 §5.2.2.2)
        own = forwarded(self.story.node.name, self.why_forwarded, collapsed=self.collapsed, detail=reason.encode())
        date = format_date(self.story.clock.wall())
        lines = self.asked.route.lines_for(self.request.fields) + self.story.via
        lines += b"Date: %s\r\nCache-Status: %s\r\n" % (date, own)
        self.connection.last_words(self.request)
        lines += self.story.connection_line(self.request)
        if isinstance(error, Overloaded):
            lines += b"Retry-After: %d\r\n" % error.retry_after
        head_only = self.request.method == b"HEAD"
        self.connection.transport.write(problem(status, reason, "", lines, head_only=head_only))
        self.status = status
        self.finish(Outcome.FAILED, reason)

    def finish(self, outcome: Outcome, reason: str | None = None) -> None:
        """Count, log, let the connection go on."""
        self.record_end(self.status, outcome, reason)
        self.connection.done()

    def record_end(self, status: int, outcome: Outcome, reason: str | None) -> None:
        """Count and log."""
        self.client_connected = False
        if self.timer is not None:
            self.timer.cancel()
        self.story.counts.bytes_sent += self.sent
        if self.sent:
            self.story.count(self.request, self.asked, self.sent)
        self.story.counts.answered(outcome)
        asked, began = self.asked, self.began
        self.story.log_request(
            self.request, self.viewer, self.permit, asked.path, status, self.sent, outcome, reason, began
        )
