"""One stream from upstream, cut into slices: each slice is a fill that consumers join, and is stored when whole.

The stream is paused while no consumer comes closer or while tiers still write, and ends where no consumer reads on or
where the next slice is stored already. Bytes of the next slice that arrived before the pause wait here: one read at
most. If upstream sends less than it was asked for, it is asked for the rest while a consumer needs it and `RetryLimit`
allows it. Over 300 lines because the protocol of the object belongs with the class that calls it.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from enum import StrEnum
from typing import Protocol

from cache.body import Body
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
    asked: RoutedRequest
    cache: SegmentCache
    size: int
    total: int
    fills: dict[int, Fill]
    asks_whole: bool
    knows_ranges: bool

    @property
    def current(self) -> bool:
        """Whether the cache still holds this version."""

    def next_step(self, fetch: SliceFetch) -> NextStep:
        """What this fetch does now that it has come to its next slice."""

    def needed(self, number: int) -> bool:
        """Whether a consumer reads, or will read, this slice."""

    def can_skip(self, number: int) -> bool:
        """Whether a fetch of the whole object may discard a slice."""

    def store(self, entry: Entry, pieces: list[bytes], fill: Fill, fetch: SliceFetch) -> None:
        """Store a slice, or a piece of one."""

    def ended(self, fetch: SliceFetch) -> None:
        """Forget a fetch that is over."""


ENDED = UpstreamFailed(UpstreamReason.NO_READERS)
"""Why a stream is cut that nobody needs any further."""


class SliceFetch:
    """See the module. Slices `at` (under way or next) to `stop` (not included) are still to come.

    `before` and `after`: what is stored already of the first slice, at its beginning or its end. `is_whole_object`:
    the stream is the whole object, so that what is stored already is passed over. `no_slice_yet`: no slice has come
    yet.
    """

    def __init__(self, slicing: FetchedObject, at: int, stop: int, before: bytes = b"", after: bytes = b"") -> None:
        self.slicing = slicing
        self.at = at
        self.stop = stop
        self.reserved: dict[int, Fill] = {}
        self.is_whole_object = self.closed = self.head_late = False
        self.no_slice_yet = True
        self.recent: dict[int, Body] = {}
        """The last slices that came: a tier may let them go before those for whom they came have read them."""
        self.end = min(stop * slicing.size, slicing.total) - len(after)
        self._before, self._after = before, after
        self._position = at * slicing.size + len(before)
        self._surplus = 0  # bytes of the stream before `_position`, which came already
        self._retries = RetryLimit()
        self._fill: Fill | None = None
        self._passing_over = False
        self._waiting: deque[bytes] = deque()
        self._exchange: Exchange | None = None
        self._paused = self._taking = False
        self._drained: asyncio.Future[None] | None = None

    @property
    def first(self) -> int:
        """The next byte that it needs from upstream."""
        return self._position

    @property
    def wanted(self) -> bytes | None:
        """The Range that brings it; None: the whole is asked for."""
        return None if self.slicing.asks_whole else b"bytes=%d-%d" % (self.first, self.end - 1)

    def reserve(self, number: int) -> Fill:
        """The fill of a slice that the run will come to."""
        made = self.reserved.get(number) or self.slicing.fills.get(number)  # of an overdue run's own nobody else knows
        if made is None:
            key = slice_key(self.slicing.whole.key, number)
            made = self.slicing.cache.fill_table.start_alone(key, 0.0)
            self.slicing.fills[number] = self.reserved[number] = made
        return made

    def late(self) -> None:
        """No head yet: it goes on for whoever asked first; the others ask again, together, and nobody comes to it."""
        if self._exchange is not None or self.closed:
            return
        self.head_late = True
        readers = next(iter(self.reserved.values())).readers if self.reserved else {}
        leader = next(iter(readers), None)
        for number, fill in self.reserved.items():
            if self.slicing.fills.get(number) is fill:
                del self.slicing.fills[number]
        for fill in tuple(self.reserved.values()):
            fill.release(ReleaseReason.LATE, lambda reader: reader is not leader)

    # -- the stream --------------------------------------------------------------------------------------------

    def brings(self, part: Part) -> None:
        """It is about that part of the object, whatever it was made for."""
        size = self.slicing.size
        self._before = self._after = b""
        self.at, self._position, self.end = part.first // size, part.first, part.stop
        self.stop = -(-part.stop // size)
        self.is_whole_object = (part.first, part.stop) == (0, part.total)

    def starts(self, exchange: Exchange, part: Part) -> None:
        """What comes over this exchange is that part of the object: what is missing, its beginning, or the whole."""
        self._exchange, self._paused = exchange, False
        if (part.first, part.stop) == (0, part.total):
            if self.no_slice_yet:
                self.brings(part)
            self._surplus = self._position

    def goes_on(self) -> bool:
        """The answer is over: whether the rest is to be asked for now. UpstreamFailed when that happened too often."""
        if self.closed or self._position >= self.end:
            return False
        if self._fill is None:
            wanted = not self._passing_over and self.slicing.next_step(self) is NextStep.FETCH
        else:
            wanted = bool(self._fill.readers) or self.slicing.needed(self.at)
            if not wanted:
                self._keep_piece(self._fill)
        if wanted and not self._retries.begin_retry():
            self.slicing.asks_whole = True
            raise UpstreamFailed(UpstreamReason.SHORT_PARTS)  # too little by too many answers
        return wanted

    def _keep_piece(self, fill: Fill) -> None:
        """Nobody waits for the rest of the slice: what came of it is kept as a piece."""
        self._fill, number = None, self.at
        entry, pieces = slice_entry(self.slicing.whole, number, fill.base, fill.received), fill.end()
        if pieces is not None:
            self.slicing.store(entry, pieces, fill, self)
        self._release(number, fill)
        fill.notify_end()

    async def follow(self, exchange: Exchange, sink: Callable[[bytes], object]) -> None:
        """Take the stream (through `sink`) to its end, or to where nobody needs it; UpstreamFailed when it breaks."""
        try:
            await exchange.body_to(sink)
        finally:
            if self._waiting and not self.closed:
                self._drained = asyncio.get_running_loop().create_future()
                await self._drained

    def on_bytes(self, data: bytes) -> None:
        """A piece of the stream."""
        if self._surplus:
            data, self._surplus = data[self._surplus :], max(0, self._surplus - len(data))
        if data:
            self._retries.count_bytes(len(data))
            self._waiting.append(data)
            self.wake()

    def wake(self) -> None:
        """Something has moved: go on as far as may be."""
        if self._taking or self.closed:
            return
        self._taking = True
        try:
            while self._waiting and self._ready():
                self._split_chunk()
        finally:
            self._taking = False
        self._hold(on=bool(self._waiting))
        if self._drained is not None and not self._waiting and not self._drained.done():
            self._drained.set_result(None)

    def _hold(self, *, on: bool) -> None:
        if self._exchange is not None and on != self._paused and not self.closed:
            self._paused = on
            (self._exchange.pause if on else self._exchange.resume)()

    def _ready(self) -> bool:
        """Whether a slice is under way; one is begun where that may be."""
        if self.closed or self._fill is not None or self._passing_over:
            return not self.closed
        if self._position >= self.end:  # the rest of a whole that came for its middle
            self.abort()
            return False
        step = self.slicing.next_step(self)
        if step is NextStep.STOP:
            self.abort()
        elif step is NextStep.FETCH:
            self._begin_slice()
            return True
        return False

    def _slice_stop(self) -> int:
        """Where the slice under way ends, as far as this stream brings it."""
        return min((self.at + 1) * self.slicing.size, self.end)

    def _begin_slice(self) -> None:
        slicing, number = self.slicing, self.at
        self.no_slice_yet = False
        if self.is_whole_object and number not in self.reserved and slicing.can_skip(number):
            self._passing_over = True
            return
        fill = self.reserve(number)
        before, self._before = self._before, b""
        begin = self._position - len(before)
        entry = slice_entry(slicing.whole, number, begin, self._slice_stop() + len(self._after))
        fill.set_base(begin)
        self._fill = fill
        fill.receive_head(entry, kept=not fill.purged)
        if before:
            fill.append_body(before)

    def _split_chunk(self) -> None:
        """Take the first of what waits, up to the end of the slice."""
        data = self._waiting.popleft()
        room = self._slice_stop() - self._position
        if len(data) > room:
            self._waiting.appendleft(data[room:])
            data = data[:room]
        self._position += len(data)
        if self._fill is not None:
            self._fill.append_body(data)
        if self._position >= self._slice_stop():
            self._end_slice()

    def _end_slice(self) -> None:
        fill, self._fill = self._fill, None
        number, self.at = self.at, self.at + 1
        self._passing_over = False
        if fill is None:
            return
        if self._after:
            fill.append_body(self._after)
            self._after = b""
        entry, pieces = fill.entry, fill.end()
        if pieces is not None and entry is not None:
            self.slicing.store(entry, pieces, fill, self)
        self._release(number, fill)
        fill.notify_end()

    def _release(self, number: int, fill: Fill) -> None:
        self.reserved.pop(number, None)
        if self.slicing.fills.get(number) is fill:
            del self.slicing.fills[number]
        self.slicing.cache.end_fill(fill)

    # -- the end -----------------------------------------------------------------------------------------------

    def abort(self) -> None:
        """Nobody needs more of it."""
        self.close(None)
        if self._exchange is not None:
            self._exchange.on_broken(ENDED)

    def close(self, error: MatineeError | None) -> None:
        """It is over: who waits for a slice that it did not bring is told, or sent to ask again."""
        if self.closed:
            return
        self.closed = True
        self._waiting.clear()
        if self._drained is not None and not self._drained.done():
            self._drained.set_result(None)
        left, self._fill = dict(self.reserved), None
        for number, fill in left.items():
            self._release(number, fill)
        self.slicing.ended(self)
        for fill in left.values():
            if error is not None or fill.state is not FillState.ASKED:
                fill.fail(error or ENDED)
            else:
                fill.release(ReleaseReason.OVER, lambda _: True)
