"""An object in slices while somebody reads it: who reads where, and which runs bring what is missing.

A run is one stream from upstream, cut into slices (`edge.slices.slice_fetch`); a walk is one viewer's way over them (`edge.serve.sliced_response`). A
run goes `AHEAD` slices beyond the furthest walk that needs it and no further, so that what lies in memory does not
depend on how slow a viewer is: who is behind reads from the cache. Pure but for the clock-free calls it makes.
Over 300 lines because what is there, who reads and what runs are asked of one another at every step.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from enum import StrEnum
from typing import Protocol

from cache.body import Body, view
from cache.cache import SegmentCache
from cache.entry import Entry
from cache.fills.fill import Fill
from cache.leases import Lease
from cache.slices import numbers as numbers_of
from cache.slices import slice_key, span
from edge.policy.route import Asked
from edge.slices.content_range import held, strong
from edge.slices.slice_fetch import Run

AHEAD = 2
"""Slices that a run goes beyond the furthest reader."""
MOST_UNSETTLED = 2
"""Slices that may wait to be written to a tier before the run waits for that."""
REACH = 4
"""A reader waits for a run that is at most so many slices back; else he begins one of his own where he is."""
MOST_RUN = 256
"""Slices asked for at a time."""


class Go(StrEnum):
    """What a run does next."""

    ON = "on"
    WAIT = "wait"
    STOP = "stop"


class Walker(Protocol):
    """Who reads: `at` is the slice he is at, `last` the last that he needs of what lies before him."""

    at: int
    last: int

    @property
    def begun(self) -> bool:
        """Whether bytes of it have gone to somebody already."""

    def changed(self) -> None:
        """The object is another one now: begin anew, or break off."""


Begin = Callable[["Slicing", Run, Mapping[bytes, bytes]], object]


class Slicing:
    """See the module. `begin(slicing, run, request)` fetches a run; `settle(slicing, entry)` calls `settled` once a
    slice is written; `done(slicing)` is called when nobody reads and nothing runs."""

    def __init__(
        self,
        whole: Entry,
        asked: Asked,
        cache: SegmentCache,
        begin: Begin,
        settle: Callable[[Slicing, Entry], object],
        done: Callable[[Slicing], object],
    ) -> None:
        self.whole = whole
        self.asked = asked
        self.cache = cache
        self.size = whole.slice
        self.total = whole.length or 0
        self.walkers: set[Walker] = set()
        self.runs: list[Run] = []
        self.fills: dict[int, Fill] = {}
        self.leases: dict[int, Lease] = {}
        """Slices held for those who read, where they cannot be fetched apart."""
        self._left: dict[int, Body] = {}
        """What the last run that ended brought last."""
        self.unsettled = 0
        self.knows_ranges = True
        self.asks_whole = False
        """Whether upstream answers ranges with crumbs: then it is asked for the whole."""
        self._begin, self._settle, self._done = begin, settle, done

    # -- what is there -----------------------------------------------------------------------------------------

    @property
    def count(self) -> int:
        """How many slices there are."""
        return -(-self.total // self.size)

    @property
    def current(self) -> bool:
        """Whether the whole is still what the cache holds."""
        return self.whole in self.cache.stored(self.whole.key)

    @property
    def refetchable(self) -> bool:
        """Whether a part fetched later may stand beside these: only under one strong ETag (RFC 9110 §15.3.7.3)."""
        return strong(self.whole.mark) is not None

    def stored(self, number: int) -> Entry | None:
        """What is stored of a slice of this very version: all of it, or a piece."""
        for entry in self.cache.stored(slice_key(self.whole.key, number)):
            if entry.vary == self.whole.vary and (entry.cold or entry.mark == self.whole.mark):
                return entry
        return None

    def has(self, number: int) -> bool:
        """Whether all of a slice is stored."""
        entry, (first, stop) = self.stored(number), span(number, self.size, self.total)
        return entry is not None and entry.length == stop - first

    def holds(self, first: int, stop: int) -> bool:
        """Whether all these bytes are stored."""
        for number in range(first // self.size, -(-stop // self.size)):
            if not self.has(number):
                entry = self.stored(number)
                if entry is None or entry.cold:
                    return False
                low, high = held(entry, number, self.size, self.total)
                if low > max(first, number * self.size) or high < min(stop, (number + 1) * self.size):
                    return False
        return True

    def reaches(self, first: int, stop: int) -> bool:
        """Whether these bytes can still be had: stored, on their way, or to be fetched apart."""
        if self.refetchable:
            return True
        for number in range(first // self.size, -(-stop // self.size)):
            begin, end = max(first, number * self.size), min(stop, (number + 1) * self.size)
            coming = number in self.fills or any(self._comes_to(run, number) for run in self.runs)
            if not coming and self.recent(number) is None and not self.holds(begin, end):
                return False
        return True

    def recent(self, number: int) -> Body | None:
        """A slice that came just now and that no tier has kept."""
        for run in self.runs:
            if number in run.recent:
                return run.recent[number]
        return self._left.get(number)

    @property
    def begun(self) -> bool:
        """Whether somebody has bytes of this version already, and would have to be cut off for another."""
        return any(walker.begun for walker in self.walkers)

    # -- readers -----------------------------------------------------------------------------------------------

    def join(self, walker: Walker) -> None:
        """Somebody reads."""
        self.walkers.add(walker)

    def leave(self, walker: Walker) -> None:
        """He reads no more."""
        self.walkers.discard(walker)
        self.moved()

    def moved(self) -> None:
        """A reader, or a tier, has moved on: so may the runs."""
        for run in tuple(self.runs):
            run.wake()
        if not self.walkers:
            self.cache.leases.release(self.leases.values())
            self.leases.clear()
            if not self.runs:
                self._done(self)

    def hold(self, spans: Iterable[tuple[int, int]], done: Callable[[bool], object]) -> None:
        """Hold what is stored of these bytes as long as somebody reads. `done(False)`: some of it has left already."""
        numbers = sorted({number for first, stop in spans for number in numbers_of(first, stop, self.size)})
        found = {n: entry for n in numbers if n not in self.leases and (entry := self.stored(n)) is not None}

        def taken(leases: list[Lease] | None) -> None:
            if leases:
                made = dict(zip(found, leases, strict=True))
                self.cache.leases.release(lease for n, lease in made.items() if n in self.leases)
                self.leases = made | self.leases
            self.moved()
            done(leases is not None)

        if found:
            self.cache.leases.take(list(found.values()), taken)
        else:
            done(True)

    def fill_for(self, number: int, request: Mapping[bytes, bytes], last: int) -> Fill | None:
        """The fill that brings a slice, running or begun now; None when it cannot be had any more.

        `last`: how far the one who asks will read on; `request`: his fields.
        """
        found = self.fills.get(number)
        if found is not None and found.offers(number * self.size):
            return found
        self.fills.pop(number, None)  # a purge has made it pass on what it brings: it is for those who were there
        run = next((run for run in self.runs if self._comes_to(run, number)), None)
        if run is None:
            if not self.refetchable:
                return None
            run = self._new_run(number, last)
            self.runs.append(run)
            made = run.reserve(number)
            self._begin(self, run, request)
            return made
        return run.reserve(number)

    def look_ahead(self, number: int, request: Mapping[bytes, bytes], last: int) -> None:
        """Have a slice begun that will be needed soon."""
        if number <= last and self.refetchable and self.stored(number) is None and self.recent(number) is None:
            self.fill_for(number, request, last)

    def _comes_to(self, run: Run, number: int) -> bool:
        if not run.at <= number < run.stop or run.over or run.overdue:
            return False
        own = run.reserved.get(number)
        if own is not None and not own.offers(number * self.size):
            return False
        near = number - run.at <= REACH or not self.refetchable or not self.knows_ranges or self.asks_whole
        return near and (run.skips or not any(self.has(between) for between in range(run.at, number)))

    def _new_run(self, number: int, last: int) -> Run:
        """From a slice on up to the last that is missing; around what is stored of the first."""
        stop, most = number + 1, min(last + 1, self.count, number + MOST_RUN)
        while stop < most and self.stored(stop) is None and stop not in self.fills:
            stop += 1
        first, end = span(number, self.size, self.total)
        piece = self.stored(number)
        before = after = b""
        if piece is not None and not piece.cold and piece.body is not None:
            low, high = held(piece, number, self.size, self.total)
            if low == first < high < end:
                before = bytes(view(piece.body, 0, high - low))
            elif first < low < high == end:
                after, stop = bytes(view(piece.body, 0, high - low)), number + 1
        return Run(self, number, stop, before, after)

    # -- runs --------------------------------------------------------------------------------------------------

    def next_step(self, run: Run) -> Go:
        """Whether a run begins its next slice."""
        number = run.at
        if not run.skips and number not in run.reserved and (number in self.fills or self.has(number)):
            return Go.STOP
        # Who is beyond it has no use for it, unless it is on its way to him: else it would run away from who is behind.
        needing = [walker for walker in self.walkers if walker.at <= number <= walker.last]
        awaited = run.young or any(fill.readers for fill in run.reserved.values())
        if not needing and not awaited:
            return Go.STOP
        if self.unsettled >= MOST_UNSETTLED:
            return Go.WAIT
        return Go.ON if awaited or any(number <= walker.at + AHEAD for walker in needing) else Go.WAIT

    def needed(self, number: int) -> bool:
        """Whether somebody reads, or will read, this slice."""
        return any(walker.at <= number <= walker.last for walker in self.walkers)

    def needs_not(self, number: int) -> bool:
        """Whether a stream of the whole may pass over a slice: it is there, or would not stay and nobody reads it."""
        if number in self.fills or self.has(number):
            return True
        return self.total > self.cache.roomy and not self.needed(number)

    def store(self, entry: Entry, pieces: list[bytes], fill: Fill, run: Run) -> None:
        """A slice is whole: into the tiers with it, unless its object left the cache meanwhile."""
        body = self.cache.gathered(pieces)
        fill.settle(body)
        number = fill.base // self.size
        if len(body) == min(self.size, self.total - number * self.size):
            run.recent[number] = body
            if len(run.recent) > AHEAD + 1:
                del run.recent[next(iter(run.recent))]
        if self.current and self.cache.store(entry, body):
            self.unsettled += 1
            self._settle(self, entry)

    def settled(self) -> None:
        """A slice lies in its tier."""
        self.unsettled -= 1
        self.moved()

    def ended(self, run: Run) -> None:
        """A run is over."""
        if run in self.runs:
            self.runs.remove(run)
            self._left = run.recent or self._left
        self.moved()

    def changed(self) -> None:
        """The upstream has another version now: this one leaves the cache, its readers begin anew or break off."""
        self.cache.forget(self.whole)
        for walker in tuple(self.walkers):
            walker.changed()
