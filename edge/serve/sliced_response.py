"""Sends an object slice by slice: from RAM, from disk, or from the fetch that brings missing slices.

The head is sent when the first byte is at hand, so that a changed or missing object can still be reported by a status.
A response holds the current slice and, while that is being sent, the next. Implements `cache.fills.fill.Reader` for the
fills of slices, and `edge.slices.sliced_object.SliceConsumer`. Over 300 lines because both call it, and each call may
be the one that lets the response go on.
"""

from __future__ import annotations

from collections import deque
from typing import Protocol

from cache.body import Body
from cache.entry import Entry
from cache.fills.fill import Fill, Reader
from cache.fills.fill_state import ENDED
from cache.slices import byte_range
from edge.policy.response_head import Selection, body_parts
from edge.slices.content_range import stored_span
from edge.slices.retry_limits import RetryLimit, WaitDeadline
from edge.slices.sliced_object import SlicedObject
from edge.wire.request import Request
from edge.wire.response_writer import ResponseWriter
from kernel.clock import Clock
from kernel.errors import MatineeError, UpstreamFailed
from kernel.fetch_reasons import ReleaseReason, UpstreamReason
from kernel.http.ranges import ByteRange

WRITE_BYTES = 256 * 1024  # bytes written at a time
RESUMABLE = frozenset(
    (
        UpstreamReason.TRUNCATED,
        UpstreamReason.IDLE_TIMEOUT,
        UpstreamReason.TOTAL_TIMEOUT,
        UpstreamReason.NO_READERS,
        UpstreamReason.SHORT_PARTS,
    )
)
"""Failures after a good beginning: another fetch may continue where this one stopped."""


class SlicedResponseOwner(Protocol):
    """The response that the slices are sent for."""

    request: Request
    connection: ResponseWriter

    @property
    def is_open(self) -> bool:
        """Whether the viewer is connected and more may be written."""

    @property
    def head_sent(self) -> bool:
        """Whether the head is written and the body is not complete."""

    def sliced_head(self, *, partial: bool) -> bytes:
        """Make the head, which is sent now. `partial`: some slices had to be fetched."""

    def add_sent(self, length: int) -> None:
        """Count bytes of the body handed to the connection."""

    def on_sliced_sent(self) -> None:
        """The last slice is written."""

    def on_sliced_failed(self, error: MatineeError, *, retry: bool) -> None:
        """The slices cannot be sent to the end. `retry`: a new look-up may find the object."""

    def on_disconnect(self) -> None:
        """The viewer left before the end."""


class SlicedResponse(Reader):
    """See the module. `selection`: what to send of the object; `max_wait`: seconds to wait for a slice, in all."""

    __slots__ = (
        "_body",
        "_clock",
        "_deadline",
        "_fill",
        "_loading",
        "_next_body",
        "_owner",
        "_reachable",
        "_ready",
        "_retries",
        "_sections",
        "_sliced",
        "_stepping",
        "_stop",
        "at",
        "last",
        "partial",
        "position",
    )

    def __init__(
        self,
        owner: SlicedResponseOwner,
        sliced: SlicedObject,
        selection: Selection,
        clock: Clock,
        max_wait: float,
    ) -> None:
        self._owner = owner
        self._clock = clock
        self._sliced = sliced
        self._sections = deque(body_parts(sliced.whole, selection, sliced.total))
        ranges = [section for section in self._sections if isinstance(section, ByteRange)]
        self._reachable = all(sliced.can_obtain(first, stop) for first, stop in ranges)
        self.partial = not all(sliced.is_stored(first, stop) for first, stop in ranges)
        self._ready = b""
        self.position = self._stop = 0
        self.at = ranges[0].first // sliced.size
        self.last = (ranges[-1].stop - 1) // sliced.size
        self._fill: Fill | None = None
        self._body: tuple[Body, int] | None = None
        self._next_body: tuple[int, Body] | None = None
        self._loading = self._stepping = False
        self._retries = RetryLimit()
        self._deadline = WaitDeadline(clock, max_wait, self._on_wait_expired)

    @property
    def has_started(self) -> bool:
        """Whether the head is sent."""
        return self._owner.head_sent

    def begin(self) -> None:
        """Join the object's consumers and send what is there."""
        self._sliced.join(self)
        self._owner.connection.on_lost, self._owner.connection.on_resume = self._on_lost, self._step
        if not self._reachable:
            self._fail_unavailable()
        elif self._sliced.refetchable:
            self._step()
        else:
            self._loading = True
            self._sliced.lease_slices([one for one in self._sections if isinstance(one, ByteRange)], self._on_leased)

    def _on_leased(self, leased: bool) -> None:
        """Begin: slices that cannot be fetched separately are leased; if not, some were just evicted."""
        self._loading = False
        if self._owner.is_open and leased:
            self._step()
        elif self._owner.is_open:
            self._fail_unavailable()

    # -- slices ------------------------------------------------------------------------------------------------

    def _step(self) -> None:
        """Send what is there, as far as the viewer's socket accepts it; fetch what is missing."""
        if self._stepping:
            return
        self._stepping = True
        try:
            while self._owner.is_open and not self._owner.connection.paused and self._step_once():
                pass
        finally:
            self._stepping = False

    def _step_once(self) -> bool:
        """Do one step; False if something must come first."""
        if self.position == self._stop:
            return self._next_section()
        if self._body is not None and self._body[1] <= self.position < self._body[1] + len(self._body[0]):
            return self._send_body(*self._body)
        self._body = None
        if self._fill is not None:
            return self._read(self._fill)
        return not self._loading and self._find()

    def _next_section(self) -> bool:
        if not self._sections:
            self._deadline.cancel()
            self._sliced.leave(self)
            self._owner.on_sliced_sent()
            return False
        section = self._sections.popleft()
        if isinstance(section, ByteRange):
            self.position, self._stop = section
        else:
            self._ready += section
            if not self._sections:
                self._write(b"")
        return True

    def _find(self) -> bool:
        """Find the slice that holds the next byte: stored, leased, or being fetched."""
        sliced, cache = self._sliced, self._sliced.cache
        number = self.position // sliced.size
        if number != self.at:
            self.at = number
            sliced.on_progress()
        if self._next_body is not None and self._next_body[0] == number:
            self._body, self._next_body = (self._next_body[1], number * sliced.size), None
            return True
        entry = sliced.stored_slice(number)
        if entry is None and (lease := sliced.leases.get(number)) is not None:
            self._loading = True
            cache.leases.read(lease, lambda body: self._read_lease(number, body))
            return not self._loading
        if entry is None:
            recent = sliced.recent_slice(number)
            self._body = (recent, number * sliced.size) if recent is not None else None
            return recent is not None or self._wait_for_slice(number)
        body = entry.body
        if body is not None and cache.is_servable(entry, body, self._clock.mono()):
            cache.touch(entry)
            return self._use_body(entry, body) or self._await_rest(number)
        self._loading = True
        cache.load(entry, lambda body: self._loaded(entry, body))
        return not self._loading

    def _loaded(self, entry: Entry, body: Body | None) -> None:
        self._loading = False
        if not self._owner.is_open:
            return
        if body is not None and entry.mark != self._sliced.whole.mark:
            self._sliced.cache.forget(entry)
        elif body is not None and not self._use_body(entry, body):
            self._await_rest(self.at)
        elif body is None and self._sliced.stored_slice(self.at) is entry:
            # The disk tier is suspended: fetch the slice, or it would be looked up without end.
            self._wait_for_slice(self.at)
        self._step()

    def _read_lease(self, number: int, body: Body | None) -> None:
        """Send a leased slice that left the cache."""
        self._loading = False
        low, high = byte_range(number, self._sliced.size, self._sliced.total)
        if not self._owner.is_open:
            return
        if body is not None and len(body) == high - low:
            self._body = (body, low)
            self._step()
        else:
            self._fail_unavailable()

    def _use_body(self, entry: Entry, body: Body) -> bool:
        """Send from this body if it holds the next byte; else False."""
        low, high = stored_span(entry, self.at, self._sliced.size, self._sliced.total)
        if not low <= self.position < high:
            return False
        self._body = (body, low)
        return True

    def _await_rest(self, number: int) -> bool:
        """Wait for the rest of a slice, of which only an earlier part is stored."""
        if not self._retries.begin_retry():
            self._fail(UpstreamFailed(UpstreamReason.NO_PROGRESS))
            return False
        return self._wait_for_slice(number)

    def _wait_for_slice(self, number: int) -> bool:
        """Wait for the fill of a slice."""
        request = self._owner.request.fields
        fill = self._sliced.get_or_start_fill(number, request, max(self.at, (self._stop - 1) // self._sliced.size))
        if fill is None:
            self._fail_unavailable()
            return False
        self._fill = fill
        self._deadline.start()
        fill.join(self)
        return True

    # -- bytes -------------------------------------------------------------------------------------------------

    def _send_body(self, body: Body, low: int) -> bool:
        first, stop = self.position, min(self._stop, low + len(body))
        self._prepare_next()
        head = self._pending_head()
        self._advance(stop - first)
        self._owner.connection.send(head, body, first - low, stop - low)
        return True

    def _read(self, fill: Fill) -> bool:
        data = fill.read(self.position, min(WRITE_BYTES, self._stop - self.position))
        if data is None:
            if fill.state in ENDED:
                self._fill = None
                return True
            return False
        self._prepare_next()
        self._write(data)
        self._advance(len(data))
        fill.on_reader_advanced()
        if self.position == self._stop:
            self._leave_fill()
        return True

    def _advance(self, length: int) -> None:
        self.position += length
        self._owner.add_sent(length)
        self._retries.count_bytes(length)
        self._deadline.cancel()

    def _write(self, data: bytes | memoryview) -> None:
        ready = self._pending_head()
        self._owner.connection.writelines((ready, data) if ready else (data,))

    def _pending_head(self) -> bytes:
        """The head, if it is not sent yet, and headings of parts."""
        ready, self._ready = self._ready, b""
        return ready if self._owner.head_sent else self._owner.sliced_head(partial=self.partial) + ready

    def _prepare_next(self) -> None:
        """Fetch or load the next slice while this one is sent."""
        sliced, number = self._sliced, self.at + 1
        if number * sliced.size >= self._stop:
            return
        entry = sliced.stored_slice(number)
        if entry is None:
            sliced.start_next_fill(number, self._owner.request.fields, max(self.at, (self._stop - 1) // sliced.size))
        elif entry.body is None and self._next_body is None:
            sliced.cache.load(entry, lambda body: self._on_next_loaded(number, entry, body))

    def _on_next_loaded(self, number: int, entry: Entry, body: Body | None) -> None:
        sliced = self._sliced
        if body is not None and entry.mark == sliced.whole.mark and self._owner.is_open and self.at + 1 == number:
            low, _ = stored_span(entry, number, sliced.size, sliced.total)
            if low == number * sliced.size and len(body) == min(sliced.size, sliced.total - low):
                self._next_body = (number, body)

    # -- the fill of a slice -----------------------------------------------------------------------------------

    def on_bytes(self) -> None:
        """Send more of the slice."""
        self._step()

    def on_end(self) -> None:
        """Read the complete slice from the cache from here on."""
        fill = self._fill
        if fill is not None and fill.body is not None:
            self._fill = None
            self._body = (fill.body, fill.base)
        self._step()

    def on_released(self, why: ReleaseReason) -> None:
        """Look up again: the fetch stops before this slice, or its head is overdue."""
        self._fill = None
        if why is ReleaseReason.LATE:
            self._deadline.extend()
        elif not self._retries.begin_retry():
            self._fail(UpstreamFailed(UpstreamReason.NO_PROGRESS))
            return
        self._step()

    def on_failed(self, error: MatineeError) -> None:
        """Continue with another fetch where this one broke, if both have the same strong ETag."""
        self._fill = None
        broken = isinstance(error, UpstreamFailed) and error.reason in RESUMABLE
        if broken and self._sliced.refetchable and self._retries.begin_retry():
            self._step()
        else:
            self._fail(error)

    # -- the end -----------------------------------------------------------------------------------------------

    def _on_wait_expired(self) -> None:
        self._fail(UpstreamFailed(UpstreamReason.FIRST_BYTE_TIMEOUT))

    def _fail_unavailable(self) -> None:
        """A missing slice cannot be fetched alone: forget the object, unless others are still sent from it."""
        self._detach()
        if len(self._sliced.consumers) == 0:
            self._sliced.cache.forget(self._sliced.whole)
        self._owner.on_sliced_failed(UpstreamFailed(UpstreamReason.SLICE_UNAVAILABLE), retry=True)

    def on_object_changed(self) -> None:
        """Another version is there: never mix bytes of the two."""
        self._detach()
        self._owner.on_sliced_failed(UpstreamFailed(UpstreamReason.OBJECT_CHANGED), retry=True)

    def _fail(self, error: MatineeError) -> None:
        self._detach()
        self._owner.on_sliced_failed(error, retry=False)

    def _on_lost(self) -> None:
        self._detach()
        self._owner.on_disconnect()

    def _detach(self) -> None:
        self._leave_fill()
        self._deadline.cancel()
        self._body = self._next_body = None
        self._sliced.leave(self)

    def _leave_fill(self) -> None:
        fill, self._fill = self._fill, None
        if fill is not None:
            fill.leave(self)
