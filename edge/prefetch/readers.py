"""Who waits for what nobody asked for: the reader of a prefetch's fill, and the one who walks over its slices.

A prefetch is a fill like any other: a viewer who comes meanwhile joins it. Its reader takes no bytes; it only wants to
know how it ends, and lets go of what is not kept.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping

from cache.entry import Entry
from cache.fills.fill import Fill, Reader
from cache.fills.fill_state import FillState
from cache.slices import slice_numbers
from edge.slices.slice_reader import SliceReader
from edge.slices.sliced_object import SlicedObject
from kernel.errors import MatineeError
from kernel.fetch_reasons import PrefetchEnd, ReleaseReason

Ended = Callable[[PrefetchEnd, int], object]
"""Told once: how it ended (see `PrefetchEnd`) and how many bytes came."""


class PrefetchReader(Reader):
    """Follows the fill of one object. `sliced(entry)` goes on where the object turns out to be kept in slices."""

    def __init__(self, fill: Fill, ended: Ended, sliced: Callable[[Entry], object]) -> None:
        self.position = sys.maxsize  # it holds nobody back
        self._fill = fill
        self._ended = ended
        self._sliced = sliced

    def matches(self, entry: Entry) -> bool:
        """It asks with no fields of its own."""
        return entry.matches(self._fill.request)

    def is_covered_by(self, entry: Entry, first: int, stop: int) -> bool:
        """What comes is what was asked for."""
        del entry, first, stop
        return True

    def sends_same_request(self, request: Mapping[bytes, bytes]) -> bool:
        """It asks with no fields of its own."""
        del request
        return True

    def on_interim(self, head: bytes) -> None:
        """Nobody to pass it on to."""

    def on_head(self, fill: Fill) -> None:
        """What is not kept is of no use to anybody."""
        if fill.state is FillState.PASSING_THROUGH:
            fill.leave(self)
            self._ended(PrefetchEnd.NOT_CACHEABLE, 0)

    def on_bytes(self) -> None:
        """More came; what is too large to be kept is let go."""
        if self._fill.state is FillState.PASSING_THROUGH:
            self._fill.leave(self)
            self._ended(PrefetchEnd.NOT_CACHEABLE, 0)

    def on_end(self) -> None:
        """It is whole."""
        entry = self._fill.entry
        kept = self._fill.state is FillState.STORED and entry is not None and entry.status == 200
        self._ended(PrefetchEnd.FETCHED if kept else PrefetchEnd.NOT_CACHEABLE, self._fill.received - self._fill.base)

    def on_not_modified(self, entry: Entry) -> None:
        """It was here, and is fresh again."""
        del entry
        self._ended(PrefetchEnd.ALREADY_CACHED, 0)

    def on_sliced(self, entry: Entry) -> None:
        """On to its slices."""
        self._sliced(entry)

    def on_failed(self, error: MatineeError) -> None:
        """Nothing came."""
        del error
        self._ended(PrefetchEnd.FAILED, 0)

    def on_released(self, why: ReleaseReason) -> None:
        """It is somebody else's, or overdue."""
        del why
        self._ended(PrefetchEnd.NOT_CACHEABLE, 0)


class SlicePrefetchReader(SliceReader):
    """Brings the slices in which the bytes `first` to `last` (None: the end) of an object lie, one after the other."""

    def __init__(
        self, slicing: SlicedObject, first: int, last: int | None, fields: Mapping[bytes, bytes], ended: Ended
    ) -> None:
        self.position = sys.maxsize
        stop = slicing.total if last is None else min(last + 1, slicing.total)
        wanted = slice_numbers(first, stop, slicing.size)
        self.at = wanted.start
        self.last = wanted.stop - 1
        self._slicing = slicing
        self._fields = fields
        self._ended: Ended | None = ended
        self._came = 0
        self._fill: Fill | None = None

    @property
    def begun(self) -> bool:
        """Nobody gets these bytes from it."""
        return False

    def begin(self) -> None:
        """Go."""
        self._slicing.join(self)
        self._go_on()

    def _go_on(self) -> None:
        while self.at <= self.last and self._slicing.has(self.at):
            self.at += 1
        self._slicing.on_progress()
        if self._ended is None:
            return
        if self.at > self.last:
            self._end(PrefetchEnd.FETCHED if self._came else PrefetchEnd.ALREADY_CACHED)
            return
        fill = self._slicing.get_or_start_fill(self.at, self._fields, self.last)
        if fill is None:
            self._end(PrefetchEnd.FAILED)
        else:
            self._fill = fill
            fill.join(self)

    def _end(self, how: PrefetchEnd) -> None:
        ended, self._ended = self._ended, None
        if ended is not None:
            self._slicing.leave(self)
            ended(how, self._came)

    def is_covered_by(self, entry: Entry, first: int, stop: int) -> bool:
        """All of it is meant."""
        del entry, first, stop
        return True

    def on_bytes(self) -> None:
        """More of it."""

    def on_end(self) -> None:
        """The slice is there."""
        if self._fill is not None:
            self._came += self._fill.received - self._fill.base
        self.at += 1
        self._go_on()

    def on_failed(self, error: MatineeError) -> None:
        """No further."""
        del error
        self._end(PrefetchEnd.FAILED)

    def on_released(self, why: ReleaseReason) -> None:
        """The run ended before it came here: nothing presses."""
        del why
        self._end(PrefetchEnd.FETCHED if self._came else PrefetchEnd.FAILED)

    def changed(self) -> None:
        """The object is another one now."""
        self._end(PrefetchEnd.FAILED)
