"""FETCH: objects in slices: which are being read, how an answer becomes one, and what a further part must be like."""

from __future__ import annotations

import itertools

from cache.cache import SegmentCache, TaskRunner
from cache.entry import Entry
from cache.fills.fill import Fill
from edge.counters import Counts
from edge.policy.route import RoutedRequest
from edge.slices.content_range import Part, part_of, strong_etag
from edge.slices.slice_fetch import SliceFetch
from edge.slices.sliced_object import Begin, SlicedObject
from edge.upstreams.exchange import Exchange
from kernel.clock import Clock
from kernel.errors import UpstreamFailed
from kernel.fetch_reasons import UpstreamReason
from kernel.http.message import first


class SlicedObjects:
    """See the module. `begin_run` fetches what is missing of an object."""

    def __init__(
        self, cache: SegmentCache, clock: Clock, workshop: TaskRunner, counts: Counts, begin_run: Begin
    ) -> None:
        self._cache = cache
        self._clock = clock
        self._workshop = workshop
        self._counts = counts
        self._begin_run = begin_run
        self._marks = itertools.count()
        self._slicings: dict[Entry, SlicedObject] = {}

    async def slice(
        self, fill: Fill, exchange: Exchange, asked: RoutedRequest, entry: Entry, part: Part | None
    ) -> None:
        """The whole enters the cache without its body, which a run cuts into slices."""
        entry.slice = asked.route.slice
        entry.mark = strong_etag(entry.etag) or b"%x-%x" % (next(self._marks), int(self._clock.wall() * 1e6))
        self._cache.end_fill(fill)
        self._cache.store(entry, b"")
        slicing = self.slicing(entry, asked)
        run, brings = SliceFetch(slicing, 0, slicing.count), part or Part(0, slicing.total, slicing.total)
        run.brings(brings)
        run.starts(exchange, brings)
        slicing.fetches.append(run)
        fill.redirect_to_slices(entry, frees=(lambda reader: not reader.matches(entry)) if entry.vary else None)
        try:
            await self.follow(run, exchange)
        except UpstreamFailed as error:
            run.close(error)
            raise
        finally:
            run.close(None)

    def slicing(self, entry: Entry, asked: RoutedRequest) -> SlicedObject:
        """The readers and runs of an object in slices."""
        found = self._slicings.get(entry)
        if found is None:
            asked = asked._replace(
                came=asked.came._replace(loop=b"")
            )  # its runs are for whoever reads, not for this one
            found = SlicedObject(entry, asked, self._cache, self._begin_run, self._settle, self._forget_slicing)
            self._slicings[entry] = found
        return found

    def _forget_slicing(self, slicing: SlicedObject) -> None:
        self._slicings.pop(slicing.whole, None)

    def _settle(self, slicing: SlicedObject, entry: Entry) -> None:
        self._workshop.spawn(self._settled(slicing, entry))

    async def _settled(self, slicing: SlicedObject, entry: Entry) -> None:
        try:
            await self._cache.wait_written(entry)
        finally:
            slicing.on_slice_written()

    async def follow(self, run: SliceFetch, exchange: Exchange) -> None:
        """Let the stream flow into slices to its end, or to where nobody needs it."""

        def counted(data: bytes) -> None:
            self._counts.bytes_filled += len(data)
            run.on_bytes(data)

        self._cache.fill_table.streams += 1
        try:
            await run.follow(exchange, counted)
        finally:
            self._cache.fill_table.streams -= 1


def matching_part(run: SliceFetch, exchange: Exchange) -> Part | None:
    """The part of the run's object that an answer brings; None when it is no part of this version of it.

    UpstreamFailed when it is no answer to what was asked.
    """
    slicing, fields = run.slicing, exchange.fields
    if exchange.status == 206:
        part = part_of(fields, exchange.length)
        if part is None:
            raise UpstreamFailed(UpstreamReason.BAD_CONTENT_RANGE)
    elif exchange.status == 200 and exchange.length is not None:
        part = Part(0, exchange.length, exchange.length)
        slicing.knows_ranges = False
    else:
        return None
    if strong_etag(first(fields, b"etag")) != slicing.whole.mark or part.total != slicing.total:
        return None
    if exchange.status == 206 and (part.first != run.first or part.stop > run.end):
        raise UpstreamFailed(UpstreamReason.WRONG_PART)
    return part
