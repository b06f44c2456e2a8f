"""What viewers will ask for next: seen from what they ask for now, from playlists and from what players tell.

It is asked once a request that is not answered straight, and once a second an object that is (when its head is made
anew), so that a hit costs nothing more. What it wishes for goes to `edge.prefetch.scheduler`.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from functools import partial

from cache.body import Body, view
from cache.cache import SegmentCache
from cache.entry import Entry
from edge.policy.profile import PURPOSE
from edge.policy.route import RoutedRequest
from edge.prefetch.accounting import PrefetchAccounting
from edge.prefetch.scheduler import PrefetchReader, PrefetchRequest, PrefetchScheduler, watched_key
from edge.prefetch.segment_index import ENDINGS, MAX_PLAYLIST_BYTES, ParsedPlaylist, SegmentIndex, read_playlist
from edge.tasks import TaskOwner
from edge.wire.request import Request
from edge.wire.viewer import Viewer
from kernel.clock import Clock
from kernel.fetch_reasons import PrefetchEnd
from kernel.media.cmcd import FIELDS, NOTHING, Cmcd, of_request
from kernel.media.naming import within_title

LOOK_AGAIN = 5.0
"""Seconds for which an object whose successor is here is not looked at again."""
MAX_LOOKED_UP = 20_000
MAX_READING = 64
"""Playlists that wait to be read; what comes beyond is read when it is asked for again."""
MAX_PENDING_LOOKUPS = 256
EARLY_SECONDS = 2.0
"""How long it is remembered that a segment was asked for while its playlist was being read."""
LOW_BUFFER = 5_000
"""Milliseconds of buffer, or to the deadline, below which a player is in need."""


class PrefetchPredictor:
    """See the module. `permits(asked, viewer)` says whether a viewer might have what he tells of."""

    def __init__(
        self,
        prefetcher: PrefetchScheduler,
        outlines: SegmentIndex,
        ledger: PrefetchAccounting,
        cache: SegmentCache,
        clock: Clock,
        tasks: TaskOwner,
        permits: Callable[[RoutedRequest, Viewer], bool],
        *,
        by_playlist: bool,
        by_players: bool,
        depth: int,
    ) -> None:
        self.outlines = outlines
        self.use(by_playlist=by_playlist, by_players=by_players, depth=depth)
        self._prefetcher = prefetcher
        self._ledger = ledger
        self._cache = cache
        self._clock = clock
        self._tasks = tasks
        self._permits = permits
        self._looked: dict[bytes, float] = {}
        self._reading: set[bytes] = set()
        self._pending_lookups: deque[tuple[float, bytes, int | None, bytes, bool]] = deque(maxlen=MAX_PENDING_LOOKUPS)

    def use(self, *, by_playlist: bool, by_players: bool, depth: int) -> None:
        """What is looked at from now on, and how far ahead."""
        self._by_playlist, self._by_players, self._depth = by_playlist, by_players, depth

    @property
    def reading(self) -> int:
        """Playlists that are being read, or fetched to be."""
        return len(self._reading)

    # -- what is asked for -------------------------------------------------------------------------------------

    def on_head_prepared(self, entry: Entry, now: float) -> None:
        """A stored object is given whole to a viewer, for the first time in this second."""
        key = entry.key
        if key in self._ledger:
            self._ledger.asked(key, now)
            self._clock.call_later(0.0, partial(self._cache.untouch, entry))  # its first use, as a fetch would be
        region = self.outlines.region(key[: key.find(b"/")])
        if region is not None:
            self._look(key, None, region, now, urgent=False)

    def on_request(self, asked: RoutedRequest, request: Request, viewer: Viewer, now: float) -> None:
        """A viewer asks for something and the straight run is not taken."""
        cdn = asked.cdn
        if cdn is None or PURPOSE in request.fields:
            return
        first = _first(request)
        watched = watched_key(asked.key, first)
        if watched in self._ledger:
            self._ledger.asked(watched, now)
            entry = self._cache.peek(asked.key, request.fields)
            if entry is not None:
                self._clock.call_later(0.0, partial(self._cache.untouch, entry))
        told = NOTHING
        if self._by_players and _has_cmcd(request):
            told = of_request(request.target.partition(b"?")[2], request.fields)
        if cdn.key.endswith(ENDINGS):
            self._on_playlist_request(asked, request)
        elif not (told.next and self._apply_cmcd(asked, told, viewer)):
            self._look(cdn.key, first, cdn.region, now, urgent=_in_need(told))

    def _look(self, key: bytes, first: int | None, region: bytes, now: float, *, urgent: bool) -> None:
        """Wish for what comes after a segment."""
        if not self._by_playlist or (first is None and self._looked.get(key, 0.0) > now):
            return
        if self._reading and not self.outlines.holds(key):
            self._pending_lookups.append((now, key, first, region, urgent))
            return
        wished = False
        for piece in self.outlines.after(key, first, self._depth):
            path = b"/cdn/" + region + b"/" + piece.key
            title = piece.key.partition(b"/")[0].decode("ascii")
            wished |= self._prefetcher.enqueue(PrefetchRequest(path, "next", title, piece.range, urgent))
        if not wished and first is None:
            if len(self._looked) >= MAX_LOOKED_UP:
                self._looked.clear()
            self._looked[key] = now + LOOK_AGAIN

    def _apply_cmcd(self, asked: RoutedRequest, told: Cmcd, viewer: Viewer) -> bool:
        """Wish for what the player says that it will ask for, where it may; whether there is such a thing: then the
        playlist's order is not asked, since a player that changes the rendition knows better."""
        heeded = False
        for one in told.next[: self._depth]:
            found = within_title(asked.path, one.uri)
            if found is None:
                continue
            cdn, target = found
            path = target.path + (b"?" + target.query if target.query else b"")
            title = cdn.content_id.decode("ascii")
            wish = PrefetchRequest(path, "cmcd", title, one.range, _in_need(told))
            wanted = self._prefetcher.asks(wish)
            if wanted is not None and self._permits(wanted._replace(token=asked.token), viewer):
                self._prefetcher.enqueue(wish)
                heeded = True
        return heeded

    # -- playlists ---------------------------------------------------------------------------------------------

    def _on_playlist_request(self, asked: RoutedRequest, request: Request) -> None:
        """A playlist is asked for: read what comes of it, or what lies here unread (after a restart)."""
        cdn = asked.cdn
        if cdn is None or asked.key in self._reading or len(self._reading) >= MAX_READING:
            return
        fill = self._cache.fill_table.find(asked.key, request.fields)
        if fill is not None and fill.is_joinable:
            self._reading.add(asked.key)
            fill.join(PrefetchReader(fill, partial(self._came, asked), partial(self._came, asked, None, 0)))
        elif not self.outlines.knows(cdn.key):
            self._reading.add(asked.key)
            self._tasks.spawn(self._learn(asked))

    def _came(self, asked: RoutedRequest, how: PrefetchEnd | None, *_: object) -> None:
        if how is PrefetchEnd.FETCHED:
            self._tasks.spawn(self._learn(asked))
        else:
            self._reading.discard(asked.key)

    async def learn(self, path: bytes) -> None:
        """Read a playlist that lies here, by its path."""
        asked = self._prefetcher.asks(PrefetchRequest(path, "hot"))
        if asked is not None and asked.cdn is not None and not self.outlines.knows(asked.cdn.key):
            await self._learn(asked)

    async def _learn(self, asked: RoutedRequest) -> None:
        try:
            await self._read(asked)
        finally:
            self._reading.discard(asked.key)
        early, self._pending_lookups = self._pending_lookups, deque(maxlen=MAX_PENDING_LOOKUPS)
        for at, key, first, region, urgent in early:
            if self._clock.mono() - at < EARLY_SECONDS:
                self._look(key, first, region, at, urgent=urgent)

    async def _read(self, asked: RoutedRequest) -> None:
        entry, cdn = self._cache.peek(asked.key, {}), asked.cdn
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
            listing = ParsedPlaylist()  # none that can be read: remembered as saying nothing
        self.outlines.learn(cdn.key, cdn.region, listing)


def _first(request: Request) -> int | None:
    """Where the one range that is asked for begins; None for the whole."""
    value = request.fields.get(b"range")
    if value is None:
        return None
    low = value[6 : value.find(b"-")]
    return int(low) if value.startswith(b"bytes=") and low.isdigit() and len(low) < 16 and b"," not in value else None


def _has_cmcd(request: Request) -> bool:
    return b"CMCD" in request.target or any(name in request.fields for name in FIELDS)


def _in_need(told: Cmcd) -> bool:
    """Whether the player will stand still soon."""
    low = told.buffer is not None and told.buffer < LOW_BUFFER
    return low or told.starved or told.startup or (told.deadline is not None and told.deadline < LOW_BUFFER)
