"""Predicts what viewers will request next, from their requests, from playlists and from CMCD.

It runs once for each request off the fast path, and once a second for each object on it (when its head is rebuilt), so
a hit pays nothing more. What it predicts goes to `edge.prefetch.scheduler`.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from functools import partial
from typing import Protocol

from cache.body import Body, view
from cache.cache import SegmentCache
from cache.entry import Entry
from edge.policy.profile import SEC_PURPOSE
from edge.policy.route import RoutedRequest
from edge.prefetch.accounting import PrefetchAccounting
from edge.prefetch.scheduler import PrefetchReader, PrefetchRequest, PrefetchScheduler
from edge.prefetch.segment_index import (
    MAX_PLAYLIST_BYTES,
    PLAYLIST_ENDINGS,
    ParsedPlaylist,
    SegmentIndex,
    read_playlist,
)
from edge.tasks import TaskOwner
from edge.wire.request import Request
from edge.wire.viewer import Viewer
from kernel.clock import Clock
from kernel.fetch_reasons import PrefetchEnd
from kernel.media.cmcd import FIELDS, NOTHING, Cmcd, of_request
from kernel.media.naming import within_title

RECHECK_SECONDS = 5.0
"""Seconds for which an object is not checked again after its successor was found cached."""
MAX_CHECKED = 20_000
MAX_READING = 64
"""Playlists that may wait to be read. Others are read when they are requested again."""
MAX_PENDING_LOOKUPS = 256
MAX_LOOKUP_AGE = 2.0
"""Seconds for which a segment's request is remembered while its playlist is being read."""
LOW_BUFFER = 5_000
"""Milliseconds of buffer, or to the deadline, below which a player is running dry."""


class RequestWatcher(Protocol):
    """Watches what viewers request."""

    def on_head_prepared(self, entry: Entry, now: float) -> None:
        """A stored object is sent whole to a viewer, for the first time in this second."""

    def on_request(self, routed: RoutedRequest, request: Request, viewer: Viewer, now: float) -> None:
        """A viewer's request is not on the fast path."""


class PrefetchPredictor:
    """See the module. `permits(routed, viewer)` says whether a viewer may have an object that their CMCD names."""

    def __init__(
        self,
        scheduler: PrefetchScheduler,
        segment_index: SegmentIndex,
        accounting: PrefetchAccounting,
        cache: SegmentCache,
        clock: Clock,
        tasks: TaskOwner,
        permits: Callable[[RoutedRequest, Viewer], bool],
        *,
        by_playlist: bool,
        by_players: bool,
        depth: int,
    ) -> None:
        self.segment_index = segment_index
        self.configure(by_playlist=by_playlist, by_players=by_players, depth=depth)
        self._scheduler = scheduler
        self._accounting = accounting
        self._cache = cache
        self._clock = clock
        self._tasks = tasks
        self._permits = permits
        self._checked_until: dict[bytes, float] = {}
        self._reading: set[bytes] = set()
        self._pending_lookups: deque[tuple[float, bytes, int | None, bytes, bool]] = deque(maxlen=MAX_PENDING_LOOKUPS)

    def configure(self, *, by_playlist: bool, by_players: bool, depth: int) -> None:
        """Change which sources are used, and how many segments are prefetched."""
        self._by_playlist, self._by_players, self._depth = by_playlist, by_players, depth

    @property
    def playlists_being_read(self) -> int:
        """Playlists being read, or fetched to be read."""
        return len(self._reading)

    # -- requests ------------------------------------------------------------------------------------------------

    def on_head_prepared(self, entry: Entry, now: float) -> None:
        """A stored object is sent whole to a viewer, for the first time in this second."""
        key = entry.key
        if (key, None) in self._accounting.watched:
            self._accounting.on_requested((key, None), now)
            # This counts as its first use, as if it had been fetched now.
            self._clock.call_later(0.0, partial(self._cache.untouch, entry))
        region = self.segment_index.region(key[: key.find(b"/")])
        if region is not None:
            self._prefetch_next(key, None, region, now, urgent=False)

    def on_request(self, routed: RoutedRequest, request: Request, viewer: Viewer, now: float) -> None:
        """A viewer's request is not on the fast path."""
        cdn = routed.cdn
        if cdn is None or SEC_PURPOSE in request.fields:
            return
        first = range_start(request)
        watched = routed.key, first
        if watched in self._accounting.watched:
            self._accounting.on_requested(watched, now)
            entry = self._cache.peek(routed.key, request.fields)
            if entry is not None:
                self._clock.call_later(0.0, partial(self._cache.untouch, entry))
        cmcd = NOTHING
        if self._by_players and has_cmcd(request):
            cmcd = of_request(request.target.partition(b"?")[2], request.fields)
        if cdn.key.endswith(PLAYLIST_ENDINGS):
            self._on_playlist_request(routed, request)
        elif not (cmcd.next and self._apply_cmcd(routed, cmcd, viewer)):
            self._prefetch_next(cdn.key, first, cdn.region, now, urgent=is_running_dry(cmcd))

    def _prefetch_next(self, key: bytes, first: int | None, region: bytes, now: float, *, urgent: bool) -> None:
        """Prefetch what follows a segment."""
        if not self._by_playlist or (first is None and self._checked_until.get(key, 0.0) > now):
            return
        if self._reading and not self.segment_index.may_contain(key):
            self._pending_lookups.append((now, key, first, region, urgent))
            return
        prefetched = False
        for piece in self.segment_index.after(key, first, self._depth):
            path = b"/cdn/" + region + b"/" + piece.key
            title = piece.key.partition(b"/")[0].decode("ascii")
            prefetched |= self._scheduler.enqueue(PrefetchRequest(path, "next", title, piece.range, urgent))
        if not prefetched and first is None:
            if len(self._checked_until) >= MAX_CHECKED:
                self._checked_until.clear()
            self._checked_until[key] = now + RECHECK_SECONDS

    def _apply_cmcd(self, routed: RoutedRequest, cmcd: Cmcd, viewer: Viewer) -> bool:
        """Prefetch what the player says it will request next, if permitted; whether there is any such object.

        Then the playlist's order is not used: a player that switches renditions knows better.
        """
        found_any = False
        for one in cmcd.next[: self._depth]:
            found = within_title(routed.path, one.uri)
            if found is None:
                continue
            cdn, target = found
            path = target.path + (b"?" + target.query if target.query else b"")
            title = cdn.content_id.decode("ascii")
            prefetch = PrefetchRequest(path, "cmcd", title, one.range, is_running_dry(cmcd))
            wanted = self._scheduler.route(prefetch)
            if wanted is not None and self._permits(wanted._replace(token=routed.token), viewer):
                self._scheduler.enqueue(prefetch)
                found_any = True
        return found_any

    # -- playlists ---------------------------------------------------------------------------------------------

    def _on_playlist_request(self, routed: RoutedRequest, request: Request) -> None:
        """A playlist is requested: read it when its fill ends, or now if it is cached unread (after a restart)."""
        cdn = routed.cdn
        if cdn is None or routed.key in self._reading or len(self._reading) >= MAX_READING:
            return
        fill = self._cache.fill_table.find(routed.key, request.fields)
        if fill is not None and fill.is_joinable:
            self._reading.add(routed.key)
            fill.join(
                PrefetchReader(
                    fill,
                    partial(self._on_playlist_fetched, routed),
                    partial(self._on_playlist_fetched, routed, None, 0),
                )
            )
        elif not self.segment_index.has_playlist(cdn.key):
            self._reading.add(routed.key)
            self._tasks.spawn(self._read_then_look_up(routed))

    def _on_playlist_fetched(self, routed: RoutedRequest, how: PrefetchEnd | None, *_: object) -> None:
        if how is PrefetchEnd.FETCHED:
            self._tasks.spawn(self._read_then_look_up(routed))
        else:
            self._reading.discard(routed.key)

    async def learn_playlist(self, path: bytes) -> None:
        """Read a cached playlist, by its path."""
        routed = self._scheduler.route(PrefetchRequest(path, "hot"))
        if routed is not None and routed.cdn is not None and not self.segment_index.has_playlist(routed.cdn.key):
            await self._read_then_look_up(routed)

    async def _read_then_look_up(self, routed: RoutedRequest) -> None:
        try:
            await self._read_playlist(routed)
        finally:
            self._reading.discard(routed.key)
        early, self._pending_lookups = self._pending_lookups, deque(maxlen=MAX_PENDING_LOOKUPS)
        for at, key, first, region, urgent in early:
            if self._clock.mono() - at < MAX_LOOKUP_AGE:
                self._prefetch_next(key, first, region, at, urgent=urgent)

    async def _read_playlist(self, routed: RoutedRequest) -> None:
        entry, cdn = self._cache.peek(routed.key, {}), routed.cdn
        if (
            entry is None
            or cdn is None
            or entry.status != 200
            or entry.slice
            or (entry.length or 0) > MAX_PLAYLIST_BYTES
        ):
            return
        loaded: asyncio.Future[Body | None] = asyncio.get_running_loop().create_future()
        self._cache.load(entry, lambda body: None if loaded.done() else loaded.set_result(body))
        body = await loaded
        if body is None:
            return
        path, data = b"/cdn/" + cdn.region + b"/" + cdn.key, bytes(view(body, 0, len(body)))
        try:
            listing = await self._tasks.offload(lambda: read_playlist(path, data))
        except (ValueError, RecursionError):
            listing = ParsedPlaylist()  # unreadable: remembered as empty
        self.segment_index.learn(cdn.key, cdn.region, listing)


def range_start(request: Request) -> int | None:
    """The first byte of the only range requested; None for the whole object."""
    value = request.fields.get(b"range")
    if value is None:
        return None
    low = value[6 : value.find(b"-")]
    return int(low) if value.startswith(b"bytes=") and low.isdigit() and len(low) < 16 and b"," not in value else None


def has_cmcd(request: Request) -> bool:
    """Whether the player sends CMCD (CTA-5004), in the query or in fields."""
    return b"CMCD" in request.target or any(name in request.fields for name in FIELDS)


def is_running_dry(cmcd: Cmcd) -> bool:
    """Whether the player will stall soon."""
    low = cmcd.buffer is not None and cmcd.buffer < LOW_BUFFER
    return low or cmcd.starved or cmcd.startup or (cmcd.deadline is not None and cmcd.deadline < LOW_BUFFER)
