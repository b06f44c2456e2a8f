"""The views that are open: events in, rows of closed views out. Pure; time is passed in.

Events of a session may come late and out of order: a batch that was refused is sent again after a newer one. They are
held for REORDER_SECONDS of our clock, sorted by the sender's, and only then taken into their view. A view closes
LEFT_SECONDS after the viewer left, or SILENT_SECONDS after its last event. One that goes on after that, a pause over
lunch, becomes a further part of the same view, which no count of views counts again.
"""

from __future__ import annotations

from bisect import insort
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Sequence

import msgspec
from msgspec import Struct

from services.analytics.views.play_state import PlayState
from services.analytics.views.view import View, ViewRow, is_duplicate, row_of, update_view
from services.analytics.views.view_event import Source, ViewEvent

REORDER_SECONDS = 5.0
LEFT_SECONDS = 60.0
SILENT_SECONDS = 1800.0
MAX_OPEN = 200_000
MAX_HELD = 2_000
"""Events of one session that are held for sorting."""
MAX_REMEMBERED = 500_000
"""Closed sessions that are remembered, so that what they still send is a further part."""
REMEMBER_SECONDS = 86_400.0


class Closed(Struct, array_like=True):
    """What is remembered of a closed view."""

    at: float
    part: int
    has_started: bool


class Checkpoint(Struct, array_like=True):
    """The book as it is kept on the disk."""

    views: list[View]
    held: list[tuple[str, list[tuple[float, int, ViewEvent]]]]
    closed: list[tuple[str, Closed]]


class ViewBook:
    """The open views of one stream of events."""

    def __init__(self, default_region: str = "", max_open: int = MAX_OPEN) -> None:
        self._default_region = default_region
        self._max_open = max_open
        self._views: OrderedDict[str, View] = OrderedDict()
        """By session, the one that was heard of last at the end."""
        self._held: dict[str, list[tuple[float, int, ViewEvent]]] = {}
        self._closed: OrderedDict[str, Closed] = OrderedDict()
        self._crowded_out: list[View] = []
        self._changed: set[str] = set()

    @property
    def open_count(self) -> int:
        """How many views are open."""
        return len(self._views)

    def add_batch(self, events: Sequence[ViewEvent]) -> None:
        """Take the events of one report; they came together, so they say how far their senders' clocks are off."""
        newest: dict[str, float] = {}
        for event in events:
            if not event.session or event.source is Source.EDGE:
                continue
            view = self._view_of(event)
            view.last_received = max(view.last_received, event.received)
            if event.source is Source.PLAYBACK:
                update_view(view, event)
                continue
            if is_duplicate(view, event):
                continue
            newest[event.session] = max(newest.get(event.session, 0.0), event.at)
            held = self._held.setdefault(event.session, [])
            insort(held, (event.at, event.sequence, event), key=_order)
            if len(held) > MAX_HELD:
                update_view(view, held.pop(0)[2])
        for session, at in newest.items():
            view = self._views[session]
            # The batch that was fastest is nearest to the truth.
            skew = events[0].received - at
            view.skew = skew if view.skew is None else min(view.skew, skew)

    def _view_of(self, event: ViewEvent) -> View:
        view = self._views.get(event.session)
        if view is not None:
            self._views.move_to_end(event.session)
            return view
        view = View(event.session)
        before = self._closed.pop(event.session, None)
        if before is not None:
            view.part = before.part + 1
            for track in (view.cmcd, view.page):
                track.has_started = before.has_started
                track.state = PlayState.PAUSED if before.has_started else PlayState.NEW
        self._views[event.session] = view
        if len(self._views) > self._max_open:
            session, crowded = self._views.popitem(last=False)
            self._settle(crowded, self._held.pop(session, []))
            self._crowded_out.append(crowded)
        return view

    def settle(self, now: float) -> None:
        """Take what has been held long enough into the views, at `now` (Unix seconds)."""
        due = now - REORDER_SECONDS
        for session in [one for one, held in self._held.items() if min(e.received for _, _, e in held) <= due]:
            view, held = self._views[session], self._held.pop(session)
            # All up to the newest event that is due go: what is older by the sender's clock came in time.
            until = max((at for at, _, event in held if event.received <= due))
            ready = [one for one in held if one[0] <= until]
            rest = held[len(ready) :]
            if rest:
                self._held[session] = rest
            self._settle(view, ready)

    def _settle(self, view: View, ready: Iterable[tuple[float, int, ViewEvent]]) -> None:
        self._changed.add(view.session)
        for at, _, event in ready:
            track = view.cmcd if event.source is Source.CMCD else view.page
            # A response is reported under the time of its request, so it may lie before what is known.
            update_view(view, event, is_late=at < track.since and event.name != "rr")

    def close_due(self, now: float) -> list[ViewRow]:
        """Close the views that have ended or fallen silent by `now` (Unix seconds); their rows."""
        self.settle(now)
        due = [
            view
            for view in self._views.values()
            if now - view.last_received > (LEFT_SECONDS if view.has_left else SILENT_SECONDS)
        ]
        return [self._close(view, now) for view in (*self._crowded_out_now(), *due)]

    def _crowded_out_now(self) -> list[View]:
        crowded, self._crowded_out = self._crowded_out, []
        return crowded

    def _close(self, view: View, now: float) -> ViewRow:
        self._views.pop(view.session, None)
        self._settle(view, self._held.pop(view.session, []))
        self._changed.discard(view.session)
        has_started = view.cmcd.has_started or view.page.has_started
        self._closed[view.session] = Closed(now, view.part, has_started)
        while self._closed:
            oldest = next(iter(self._closed.values()))
            if len(self._closed) <= MAX_REMEMBERED and now - oldest.at <= REMEMBER_SECONDS:
                break
            self._closed.popitem(last=False)
        return row_of(view, now, self._default_region)

    def changed_rows(self, now: float) -> list[ViewRow]:
        """The rows of the open views that have changed since the call before."""
        self.settle(now)
        changed, self._changed = self._changed, set()
        views = [self._views[session] for session in changed if session in self._views]
        return [row_of(view, now, self._default_region) for view in views]

    def rows(self, now: float) -> Iterator[ViewRow]:
        """The rows of the views that are open, as they stand."""
        for view in self._views.values():
            yield row_of(view, now, self._default_region)

    def forget_sessions(self, sessions: frozenset[str]) -> None:
        """Forget sessions, as though they had never been."""
        for session in sessions:
            self._views.pop(session, None)
            self._held.pop(session, None)
            self._closed.pop(session, None)
        self._crowded_out = [view for view in self._crowded_out if view.session not in sessions]

    def clear(self) -> None:
        """Forget everything."""
        self._views, self._held, self._closed = OrderedDict(), {}, OrderedDict()
        self._crowded_out, self._changed = [], set()

    def encode(self) -> bytes:
        """The book, to go on from after a restart."""
        open_views = [*self._crowded_out, *self._views.values()]
        return _encoder.encode(Checkpoint(open_views, list(self._held.items()), list(self._closed.items())))

    def restore(self, data: bytes) -> None:
        """The reverse. Raises msgspec.DecodeError for what `encode` did not make."""
        checkpoint = _decoder.decode(data)
        self._views = OrderedDict((view.session, view) for view in checkpoint.views)
        self._held = {session: held for session, held in checkpoint.held if session in self._views}
        self._closed = OrderedDict(checkpoint.closed)


def _order(one: tuple[float, int, ViewEvent]) -> tuple[float, int]:
    return one[0], one[1]


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(Checkpoint)
