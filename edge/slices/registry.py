"""FETCH: the objects in slices that are being read, and how a response becomes one of them."""

from __future__ import annotations

import itertools
from functools import partial

from cache.body import Chunk, SpoolFile
from cache.cache import SegmentCache, TaskRunner
from cache.entry import Entry
from cache.fills.fill import Fill
from cache.slices import byte_range, slice_numbers
from edge.counters import Counts
from edge.policy.route import Route, RoutedRequest
from edge.slices.content_range import Part, part_of, slice_entry, strong_etag
from edge.slices.slice_fetch import SliceFetch
from edge.slices.sliced_object import BeginFetch, SlicedObject
from edge.upstreams.exchange import Exchange
from kernel.clock import Clock
from kernel.errors import UpstreamFailed
from kernel.fetch_reasons import UpstreamReason
from kernel.http.message import first


class SlicedObjects:
    """One `SlicedObject` for each entry in slices that has consumers or fetches. `begin_fetch` fetches missing
    slices."""

    def __init__(
        self, cache: SegmentCache, clock: Clock, task_runner: TaskRunner, counts: Counts, begin_fetch: BeginFetch
    ) -> None:
        self._cache = cache
        self._clock = clock
        self._task_runner = task_runner
        self._counts = counts
        self._begin_fetch = begin_fetch
        self._marks = itertools.count()
        self._objects: dict[Entry, SlicedObject] = {}

    async def store_in_slices(
        self, fill: Fill, exchange: Exchange, routed: RoutedRequest, entry: Entry, part: Part | None
    ) -> None:
        """Store the whole object without its body, and cut the response into slices."""
        entry.slice = routed.route.slice
        entry.mark = self._mark(entry)
        self._cache.end_fill(fill)
        self._cache.store(entry, b"")
        sliced = self.sliced_object(entry, routed)
        fetch, brings = SliceFetch(sliced, 0, sliced.count), part or Part(0, sliced.total, sliced.total)
        fetch.set_span(brings)
        fetch.begin_stream(exchange, brings)
        sliced.fetches.append(fetch)
        fill.redirect_to_slices(entry, frees=(lambda reader: not reader.matches(entry)) if entry.vary else None)
        try:
            await self.receive(fetch, exchange)
        except UpstreamFailed as error:
            fetch.close(error)
            raise
        finally:
            fetch.close(None)

    async def store_spooled(self, fill: Fill, entry: Entry, route: Route, spool: SpoolFile) -> None:
        """Store the slices of a complete body that was spooled, and last the whole object: before, no request finds
        them. Until then requests read from the spool file."""
        cache, length = self._cache, fill.received
        entry.slice, entry.mark = route.slice, self._mark(entry)
        for old in cache.stored(entry.key):
            if old.vary == entry.vary:
                cache.forget(old)
        parts: list[Entry] = []
        for number in slice_numbers(0, length, entry.slice):
            first, stop = byte_range(number, entry.slice, length)
            try:
                body = bytes(await self._task_runner.offload(partial(spool.view, first, stop)))
            except OSError:
                break
            part = slice_entry(entry, number, first, stop)
            if fill.purged or not cache.store(part, body):
                break
            parts.append(part)
            await cache.wait_written(part)
        else:
            if not fill.purged and cache.store(entry, b""):
                return
        for part in parts:
            cache.forget(part)

    def _mark(self, entry: Entry) -> bytes:
        """What ties slices to their object."""
        return strong_etag(entry.etag) or b"%x-%x" % (next(self._marks), int(self._clock.wall() * 1e6))

    def sliced_object(self, entry: Entry, routed: RoutedRequest) -> SlicedObject:
        """The object behind an entry in slices, with its consumers and fetches."""
        found = self._objects.get(entry)
        if found is None:
            routed = routed._replace(
                received_from=routed.received_from._replace(loop=b"")
            )  # its fetches serve every consumer, not only this viewer
            found = SlicedObject(entry, routed, self._cache, self._begin_fetch, self._settle, self._forget_object)
            self._objects[entry] = found
        return found

    def _forget_object(self, sliced: SlicedObject) -> None:
        self._objects.pop(sliced.whole, None)

    def _settle(self, sliced: SlicedObject, entry: Entry) -> None:
        self._task_runner.spawn(self._settled(sliced, entry))

    async def _settled(self, sliced: SlicedObject, entry: Entry) -> None:
        try:
            await self._cache.wait_written(entry)
        finally:
            sliced.on_slice_written(entry)

    async def receive(self, fetch: SliceFetch, exchange: Exchange) -> None:
        """Receive the stream into slices, to its end or to where no consumer needs it."""

        def counted(data: Chunk) -> None:
            self._counts.bytes_filled += len(data)
            fetch.on_bytes(data)

        self._cache.fill_table.streams += 1
        try:
            await fetch.receive(exchange, counted)
        finally:
            self._cache.fill_table.streams -= 1


def matching_part(fetch: SliceFetch, exchange: Exchange) -> Part | None:
    """The part of the fetched object in this response; None if it belongs to another version.

    UpstreamFailed if the response does not answer the request.
    """
    sliced, fields = fetch.sliced, exchange.fields
    if exchange.status == 206:
        part = part_of(fields, exchange.length)
        if part is None:
            raise UpstreamFailed(UpstreamReason.BAD_CONTENT_RANGE)
    elif exchange.status == 200 and exchange.length is not None:
        part = Part(0, exchange.length, exchange.length)
        sliced.knows_ranges = False
    else:
        return None
    if strong_etag(first(fields, b"etag")) != sliced.whole.mark or part.total != sliced.total:
        return None
    if exchange.status == 206 and (part.first != fetch.first or part.stop > fetch.end):
        raise UpstreamFailed(UpstreamReason.WRONG_PART)
    return part
