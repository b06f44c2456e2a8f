"""One stream from upstream, cut into slices: each slice is a fill that consumers join, and is stored when whole.

The stream is paused while no consumer comes closer or while tiers still write, and ends where no consumer reads on or
where the next slice is stored already. Bytes of the next slice that arrived before the pause wait here: one read at
most. If upstream sends less than requested, the rest is requested while a consumer needs it and `RetryLimit` allows it.
Over 300 lines because the protocol of the object belongs with the class that calls it.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from enum import StrEnum
from typing import Protocol

from cache.body import Body, Chunk
from cache.cache import SegmentCache
from cache.entry import Entry
from cache.fills.fill import Fill
from cache.fills.fill_state import FillState
from cache.slices import slice_key
from edge.policy.route import RoutedRequest
from edge.slices.content_range import Part, slice_entry
from edge.slices.retry_limits import RetryLimit
from edge.upstreams.exchange import Exchange
from kernel.errors import MatineeError, UpstreamFailed
from kernel.fetch_reasons import ReleaseReason, UpstreamReason


class NextStep(StrEnum):
    """What a fetch does when it comes to its next slice."""

    FETCH = "fetch"
    WAIT = "wait"
    STOP = "stop"


class FetchedObject(Protocol):
    """The object that slices are fetched for: what is stored and awaited of it, and who decides how far to fetch."""

    whole: Entry
    routed: RoutedRequest
    cache: SegmentCache
    size: int
    total: int
    fills: dict[int, Fill]
    asks_whole: bool
    knows_ranges: bool

    @property
    def is_current(self) -> bool:
        """Whether the cache still holds this version."""

    def next_step(self, fetch: SliceFetch) -> NextStep:
        """What this fetch does now that it has come to its next slice."""

    def is_needed(self, number: int) -> bool:
        """Whether a consumer reads, or will read, this slice."""

    def can_skip(self, number: int) -> bool:
        """Whether a fetch of the whole object may discard a slice."""

    def store(self, entry: Entry, pieces: list[Chunk], fill: Fill, fetch: SliceFetch) -> None:
        """Store a slice, or a piece of one."""

    def on_fetch_ended(self, fetch: SliceFetch) -> None:
        """Forget a fetch that is over."""


ENDED = UpstreamFailed(UpstreamReason.NO_READERS)
"""Why a stream is cut that no consumer needs any further."""


class SliceFetch:
    """See the module. Slices `at` (being received, or next) to `stop` (exclusive) are still to come.

    `before` and `after`: stored bytes at the beginning or the end of the first slice. `is_whole_object`: the stream is
    the whole object, so stored slices are skipped. `no_slice_yet`: no slice has begun. `head_late`: no head came in
    time, so no new reader joins.
    """

    def __init__(self, sliced: FetchedObject, at: int, stop: int, before: bytes = b"", after: bytes = b"") -> None:
        self.sliced = sliced
        self.at = at
        self.stop = stop
        self.reserved: dict[int, Fill] = {}
        self.is_whole_object = self.closed = self.head_late = False
        self.no_slice_yet = True
        self.recent: dict[int, Body] = {}
        """The last slices received: a tier may evict them before the consumers they came for have read them."""
        self.end = min(stop * sliced.size, sliced.total) - len(after)
        self._before, self._after = before, after
        self._position = at * sliced.size + len(before)
        self._surplus = 0  # bytes of the stream before `_position`, which came already
        self._retries = RetryLimit()
        self._fill: Fill | None = None
        self._skipping = False
        self._queue: deque[Chunk] = deque()
        self._exchange: Exchange | None = None
        self._paused = self._advancing = False
        self._drained: asyncio.Future[None] | None = None

    @property
    def first(self) -> int:
        """The next byte needed from upstream."""
        return self._position

    @property
    def range_header(self) -> bytes | None:
        """The Range to request; None: the whole object."""
        return None if self.sliced.asks_whole else b"bytes=%d-%d" % (self.first, self.end - 1)

    def reserve(self, number: int) -> Fill:
        """The fill of a slice that this fetch will come to."""
        made = self.reserved.get(number) or self.sliced.fills.get(number)  # only an overdue fetch knows its own
        if made is None:
            key = slice_key(self.sliced.whole.key, number)
            made = self.sliced.cache.fill_table.start_alone(key, 0.0)
            self.sliced.fills[number] = self.reserved[number] = made
        return made

    def on_head_overdue(self) -> None:
        """Give up the reserved slices: the first reader goes on waiting, the others share another fetch."""
        if self._exchange is not None or self.closed:
            return
        self.head_late = True
        readers = next(iter(self.reserved.values())).readers if self.reserved else {}
        leader = next(iter(readers), None)
        for number, fill in self.reserved.items():
            if self.sliced.fills.get(number) is fill:
                del self.sliced.fills[number]
        for fill in tuple(self.reserved.values()):
            fill.release(ReleaseReason.LATE, lambda reader: reader is not leader)

    # -- the stream --------------------------------------------------------------------------------------------

    def set_span(self, part: Part) -> None:
        """Fetch this part of the object, whatever was planned."""
        size = self.sliced.size
        self._before = self._after = b""
        self.at, self._position, self.end = part.first // size, part.first, part.stop
        self.stop = -(-part.stop // size)
        self.is_whole_object = (part.first, part.stop) == (0, part.total)

    def begin_stream(self, exchange: Exchange, part: Part) -> None:
        """Receive this part of the object over the exchange: what is missing, its beginning, or the whole."""
        self._exchange, self._paused = exchange, False
        if (part.first, part.stop) == (0, part.total):
            if self.no_slice_yet:
                self.set_span(part)
            self._surplus = self._position

    def needs_more(self) -> bool:
        """Whether the rest must be requested after this response. UpstreamFailed if that happened too often."""
        if self.closed or self._position >= self.end:
            return False
        if self._fill is None:
            wanted = not self._skipping and self.sliced.next_step(self) is NextStep.FETCH
        else:
            wanted = bool(self._fill.readers) or self.sliced.is_needed(self.at)
            if not wanted:
                self._keep_piece(self._fill)
        if wanted and not self._retries.begin_retry():
            self.sliced.asks_whole = True
            raise UpstreamFailed(UpstreamReason.SHORT_PARTS)  # too few bytes from too many responses
        return wanted

    def _keep_piece(self, fill: Fill) -> None:
        """Store what came of a slice as a piece: no reader waits for the rest."""
        self._fill, number = None, self.at
        entry, pieces = slice_entry(self.sliced.whole, number, fill.base, fill.received), fill.end()
        if pieces is not None:
            self.sliced.store(entry, pieces, fill, self)
        self._release(number, fill)
        fill.notify_end()

    async def receive(self, exchange: Exchange, sink: Callable[[Chunk], object]) -> None:
        """Receive the stream (through `sink`) to its end, or to where no consumer needs it; UpstreamFailed if it
        breaks."""
        try:
            await exchange.read_body(sink)
        finally:
            if self._queue and not self.closed:
                self._drained = asyncio.get_running_loop().create_future()
                await self._drained

    def on_bytes(self, data: Chunk) -> None:
        """Queue a chunk of the stream."""
        if self._surplus:
            data, self._surplus = data[self._surplus :], max(0, self._surplus - len(data))
        if data:
            self._retries.count_bytes(len(data))
            self._queue.append(data)
            self.advance()

    def advance(self) -> None:
        """Go on as far as consumers and tiers allow."""
        if self._advancing or self.closed:
            return
        self._advancing = True
        try:
            while self._queue and self._ready():
                self._split_chunk()
        finally:
            self._advancing = False
        self._set_paused(on=bool(self._queue))
        if self._drained is not None and not self._queue and not self._drained.done():
            self._drained.set_result(None)

    def _set_paused(self, *, on: bool) -> None:
        if self._exchange is not None and on != self._paused and not self.closed:
            self._paused = on
            (self._exchange.pause if on else self._exchange.resume)()

    def _ready(self) -> bool:
        """Whether a slice is being received; begin one if that is due."""
        if self.closed or self._fill is not None or self._skipping:
            return not self.closed
        if self._position >= self.end:  # the rest of a whole object, requested for its middle
            self.abort()
            return False
        step = self.sliced.next_step(self)
        if step is NextStep.STOP:
            self.abort()
        elif step is NextStep.FETCH:
            self._begin_slice()
            return True
        return False

    def _slice_stop(self) -> int:
        """Where the current slice ends, as far as this stream holds it."""
        return min((self.at + 1) * self.sliced.size, self.end)

    def _begin_slice(self) -> None:
        sliced, number = self.sliced, self.at
        self.no_slice_yet = False
        if self.is_whole_object and number not in self.reserved and sliced.can_skip(number):
            self._skipping = True
            return
        fill = self.reserve(number)
        before, self._before = self._before, b""
        begin = self._position - len(before)
        entry = slice_entry(sliced.whole, number, begin, self._slice_stop() + len(self._after))
        fill.set_base(begin)
        self._fill = fill
        fill.receive_head(entry, kept=not fill.purged)
        if before:
            fill.append_body(before)

    def _split_chunk(self) -> None:
        """Move the first queued bytes into the current slice, up to its end."""
        data = self._queue.popleft()
        room = self._slice_stop() - self._position
        if len(data) > room:
            self._queue.appendleft(data[room:])
            data = data[:room]
        self._position += len(data)
        if self._fill is not None:
            self._fill.append_body(data)
        if self._position >= self._slice_stop():
            self._end_slice()

    def _end_slice(self) -> None:
        fill, self._fill = self._fill, None
        number, self.at = self.at, self.at + 1
        self._skipping = False
        if fill is None:
            return
        if self._after:
            fill.append_body(self._after)
            self._after = b""
        entry, pieces = fill.entry, fill.end()
        if pieces is not None and entry is not None:
            self.sliced.store(entry, pieces, fill, self)
        self._release(number, fill)
        fill.notify_end()

    def _release(self, number: int, fill: Fill) -> None:
        self.reserved.pop(number, None)
        if self.sliced.fills.get(number) is fill:
            del self.sliced.fills[number]
        self.sliced.cache.end_fill(fill)

    # -- the end -----------------------------------------------------------------------------------------------

    def abort(self) -> None:
        """Cut the stream: no consumer needs more of it."""
        self.close(None)
        if self._exchange is not None:
            self._exchange.on_broken(ENDED)

    def close(self, error: MatineeError | None) -> None:
        """End the fetch. Readers of slices that did not come get the error, or ask again."""
        if self.closed:
            return
        self.closed = True
        self._queue.clear()
        if self._drained is not None and not self._drained.done():
            self._drained.set_result(None)
        left, self._fill = dict(self.reserved), None
        for number, fill in left.items():
            self._release(number, fill)
        self.sliced.on_fetch_ended(self)
        for fill in left.values():
            if error is not None or fill.state is not FillState.ASKED:
                fill.fail(error or ENDED)
            else:
                fill.release(ReleaseReason.OVER, lambda _: True)
