"""What serving keeps of viewers: their marks as arrays, in bounded memory, read again after each change."""

from __future__ import annotations

from collections import Counter, OrderedDict
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np

from services.recommend.marks import LEFT_EARLY, MarkRow, Verdict, mark_weight
from services.recommend.models.interactions import Doubles, Floats

STATE_BYTES = 600
MARK_BYTES = 120
MAX_AGE_SECONDS = 60.0
"""How long a state is used where the event of another node may have been missed."""


@dataclass(frozen=True)
class ViewerState:
    """A viewer's marks. `liked` speak for their titles, with `weights` over 0 and times `at` (Unix seconds).

    `seen` is not new to them, newest first; `disliked` is never shown; `begun` was left in the middle, newest first.
    """

    liked: tuple[str, ...] = ()
    weights: Floats = field(default_factory=lambda: np.zeros(0, np.float32))
    at: Doubles = field(default_factory=lambda: np.zeros(0))
    seen: tuple[str, ...] = ()
    disliked: frozenset[str] = frozenset()
    begun: tuple[str, ...] = ()
    read_at: float = 0.0

    @property
    def size(self) -> int:
        """About how many bytes it takes."""
        return STATE_BYTES + MARK_BYTES * (len(self.seen) + len(self.liked) + len(self.disliked))


LEFT_BETWEEN = (0.02, 0.9)
"""Shares watched between which a title is begun and not finished."""


class SeriesTable(Protocol):
    """What is known of series."""

    def series_of(self, content_id: str) -> str:
        """The series of an episode; any other title itself."""

    def episodes_of(self, series: str) -> int:
        """How many episodes a series has."""


def make_state(rows: Sequence[MarkRow], now: float, table: SeriesTable | None = None) -> ViewerState:
    """The state of a viewer with these marks; episodes count for their series."""
    going_on: frozenset[str] = frozenset()
    if table is not None:
        rows, going_on = gather_series(rows, table)
    newest = sorted(rows, key=lambda row: (-row[5], row[0]))
    liked: list[str] = []
    weights: list[float] = []
    times: list[float] = []
    for content, verdict, viewed, clicked, share, at in newest:
        weight = mark_weight(verdict, bool(viewed), bool(clicked), share)
        if weight > 0:
            liked.append(content)
            weights.append(weight)
            times.append(at)
    return ViewerState(
        tuple(liked),
        np.array(weights, np.float32),
        np.array(times),
        tuple(row[0] for row in newest if row[1] == Verdict.LIKED or row[2] or row[4] >= 0),
        frozenset(row[0] for row in rows if row[1] == Verdict.DISLIKED),
        tuple(row[0] for row in newest if row[1] != Verdict.DISLIKED and (is_begun(row) or row[0] in going_on)),
        now,
    )


def is_begun(row: MarkRow) -> bool:
    """Whether a title was left in the middle."""
    return LEFT_BETWEEN[0] <= row[4] < LEFT_BETWEEN[1]


def gather_series(rows: Sequence[MarkRow], table: SeriesTable) -> tuple[list[MarkRow], frozenset[str]]:
    """(the marks, those of episodes merged into one of their series, the series that go on).

    A series goes on while an episode was begun, or some were watched and not all. What a viewer dislikes is an episode,
    not the series, unless they say so of the series itself.
    """
    found: dict[str, MarkRow] = {}
    finished: Counter[str] = Counter()
    for row in rows:
        series = table.series_of(row[0])
        if series == row[0]:
            found[series] = _merged(row, found.get(series))
            continue
        _, verdict, viewed, clicked, share, at = row
        finished[series] += share >= LEFT_BETWEEN[1] or (bool(viewed) and share < 0)
        # How much of an episode was watched is no share of the series.
        episode = (series, max(verdict, 0), int(bool(viewed) or share >= LEFT_EARLY), clicked, -1.0, at)
        found[series] = _merged(episode, found.get(series))
    begun = {table.series_of(row[0]) for row in rows if is_begun(row) and table.series_of(row[0]) != row[0]}
    partly = {series for series, count in finished.items() if 0 < count < table.episodes_of(series)}
    return list(found.values()), frozenset(begun | partly)


def _merged(row: MarkRow, held: MarkRow | None) -> MarkRow:
    if held is None:
        return row
    verdict = min(row[1], held[1]) if Verdict.DISLIKED in (row[1], held[1]) else max(row[1], held[1])
    return (row[0], verdict, max(row[2], held[2]), max(row[3], held[3]), max(row[4], held[4]), max(row[5], held[5]))


class ViewerStates:
    """The states used last, within `max_bytes`; `read` reads a viewer's marks, `table` knows of series."""

    def __init__(
        self,
        read: Callable[[str], Awaitable[Sequence[MarkRow]]],
        max_bytes: int,
        table: SeriesTable | None = None,
    ) -> None:
        self._read = read
        self._table = table
        self._max_bytes = max_bytes
        self._states: OrderedDict[str, ViewerState] = OrderedDict()
        self._bytes = 0
        self._reading: dict[str, object] = {}

    def __len__(self) -> int:
        return len(self._states)

    def held(self, user: str, now: float) -> ViewerState | None:
        """The state of a viewer if it is here and fresh; `now` by the monotonic clock."""
        state = self._states.get(user)
        if state is None or now - state.read_at > MAX_AGE_SECONDS:
            return None
        self._states.move_to_end(user)
        return state

    async def find(self, user: str, now: float) -> ViewerState:
        """The state of a viewer. Raises StorageFailed."""
        state = self.held(user, now)
        if state is not None:
            return state
        ticket = self._reading[user] = object()
        try:
            state = make_state(await self._read(user), now, self._table)
        finally:
            # An event may have come in while we read: then `forget` has dropped our ticket, and the next call reads.
            is_current = self._reading.get(user) is ticket
            if is_current:
                del self._reading[user]
        if is_current:
            self._keep(user, state)
        return state

    def _keep(self, user: str, state: ViewerState) -> None:
        self._drop(user)
        self._states[user] = state
        self._bytes += state.size
        while self._bytes > self._max_bytes and self._states:
            self._drop(next(iter(self._states)))

    def forget(self, user: str) -> None:
        """Read a viewer's marks again at the next call."""
        self._reading.pop(user, None)
        self._drop(user)

    def _drop(self, user: str) -> None:
        state = self._states.pop(user, None)
        if state is not None:
            self._bytes -= state.size
