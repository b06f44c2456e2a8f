"""S3-FIFO: three queues in place of one (Yang et al., SOSP 2023), counted in bytes.

- A new object enters the *small* queue (a tenth of the budget). Most are never requested again and are evicted there.
- An object with a hit in small moves to *main* when its turn for eviction comes.
- An object evicted from small without a hit leaves its mark in the *ghost*; if it returns it enters main at once.
- Main is a FIFO with second chances: each hit (at most three count) buys one more round.

Every operation is O(1) amortised. The state of an object is one integer, `size << 3 | in main << 2 | hits`: with
millions of objects there is no room for more.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Hashable
from itertools import islice
from typing import Generic, TypeVar

from cache.eviction.ghost import Ghost

K = TypeVar("K", bound=Hashable)

MAX_HITS = 3
MAX_SCANNED_KEYS = 256
"""Keys of the small queue that `fits_without_eviction` examines."""
_HITS = 3
_MAIN = 4
_SIZE = 3


class S3Fifo(Generic[K]):
    """S3-FIFO over `budget` bytes; see `cache.eviction.policy.Policy`.

    `small_share`: the small queue's share of the budget. `promote_after`: hits in small that promote to main (1 to 3).
    The ghost remembers `mark(key)` for as many bytes as main may hold: a hash, so that it keeps no object alive. If two
    keys share a mark, that costs a little hit rate, never correctness. `extra_hits(key)`: hits that other processes had
    since it was last asked; it is asked for a key that is next to be evicted.
    """

    __slots__ = (
        "_dead",
        "_dead_main",
        "_dead_small",
        "_extra_hits",
        "_ghost",
        "_main",
        "_mark",
        "_promote_after",
        "_small",
        "_small_budget",
        "_small_bytes",
        "_states",
        "used",
        "was_wanted",
    )

    def __init__(
        self,
        budget: int,
        small_share: float = 0.1,
        promote_after: int = 1,
        mark: Callable[[K], int] = hash,
        extra_hits: Callable[[K], int] | None = None,
    ) -> None:
        self._extra_hits = extra_hits
        self._states: dict[K, int] = {}
        self._small: deque[K] = deque()
        self._main: deque[K] = deque()
        # Keys removed other than by `evict`, and how many of their slots in a queue are dead. The dead ones are always
        # the first, since a key that returns is appended at the end.
        self._dead_small: dict[K, int] = {}
        self._dead_main: dict[K, int] = {}
        self._dead = 0
        self._mark = mark
        self._small_budget = int(budget * small_share)
        self._ghost = Ghost(budget - self._small_budget)
        self._promote_after = promote_after
        self._small_bytes = self.used = 0
        self.was_wanted = False

    def insert(self, key: K, size: int) -> None:
        """Add to small, or to main if the ghost remembers the key."""
        self.remove(key)
        self.used += size
        if self._ghost.pop(self._mark(key)):
            self._states[key] = size << _SIZE | _MAIN
            self._main.append(key)
        else:
            self._states[key] = size << _SIZE
            self._small.append(key)
            self._small_bytes += size

    def touch(self, key: K) -> None:
        """Record a hit."""
        state = self._states.get(key)
        if state is not None and state & _HITS != MAX_HITS:
            self._states[key] = state + 1

    def untouch(self, key: K) -> None:
        """Take back a hit of an object in small."""
        state = self._states.get(key)
        if state is not None and state & _HITS and not state & _MAIN:
            self._states[key] = state - 1

    def fits_without_eviction(self, size: int) -> bool:
        """Whether the next evictions would be from small and only of objects without a hit."""
        if self._small_bytes + size <= self._small_budget and self._main:
            return False
        for key in islice(self._small, MAX_SCANNED_KEYS):
            state = self._with_extra_hits(key) if key in self._states else 0
            if not state & (_HITS | _MAIN):
                size -= state >> _SIZE
            if size <= 0:
                return True
        return False

    def hits(self, key: K) -> int:
        """Counted hits of a key, 0 to 3."""
        return self._states.get(key, 0) & _HITS

    def remove(self, key: K) -> None:
        """Remove a key; its slot in the queue is skipped later."""
        state = self._states.pop(key, None)
        if state is None:
            return
        self._uncount(state)
        dead = self._dead_main if state & _MAIN else self._dead_small
        dead[key] = dead.get(key, 0) + 1
        self._dead += 1
        if self._dead > 64 + len(self._states):
            self._small = self._swept(self._small, self._dead_small)
            self._main = self._swept(self._main, self._dead_main)

    def _swept(self, queue: deque[K], dead: dict[K, int]) -> deque[K]:
        """The queue without dead slots; called when they outnumber live ones, to bound memory without evictions."""
        return deque(key for key in queue if not self._is_dead(key, dead))

    def _is_dead(self, key: K, dead: dict[K, int]) -> bool:
        """Whether this slot is dead; it is then counted as skipped."""
        places = dead.get(key)
        if places is None:
            return False
        self._dead -= 1
        if places == 1:
            del dead[key]
        else:
            dead[key] = places - 1
        return True

    def evict(self) -> K | None:
        """Evict from small while it is over its share, otherwise from main."""
        while self._states:
            small = self._small_bytes > self._small_budget or not self._main
            key = self._from_small() if small else self._from_main()
            if key is not None:
                return key
        return None

    def _from_small(self) -> K | None:
        """Promote or evict the oldest of small; None when nothing was evicted."""
        key = self._small.popleft()
        if self._dead_small and self._is_dead(key, self._dead_small):
            return None
        state = self._with_extra_hits(key)
        size = state >> _SIZE
        if state & _HITS >= self._promote_after:
            self._states[key] = size << _SIZE | _MAIN
            self._small_bytes -= size
            self._main.append(key)
            return None
        del self._states[key]
        self._uncount(state)
        self._ghost.remember(self._mark(key), size)
        self.was_wanted = bool(state & _HITS)
        return key

    def _from_main(self) -> K | None:
        """Reinsert or evict the oldest of main; None when nothing was evicted."""
        key = self._main.popleft()
        if self._dead_main and self._is_dead(key, self._dead_main):
            return None
        state = self._with_extra_hits(key)
        if state & _HITS:
            self._states[key] = state - 1
            self._main.append(key)
            return None
        del self._states[key]
        self._uncount(state)
        self.was_wanted = True
        return key

    def _with_extra_hits(self, key: K) -> int:
        """The state of a key that is in the policy, with the hits of other processes added."""
        state = self._states[key]
        if self._extra_hits is not None and (more := self._extra_hits(key)):
            state += min(more, MAX_HITS - (state & _HITS))
            self._states[key] = state
        return state

    def _uncount(self, state: int) -> None:
        size = state >> _SIZE
        self.used -= size
        if not state & _MAIN:
            self._small_bytes -= size

    def __contains__(self, key: object) -> bool:
        return key in self._states

    def __len__(self) -> int:
        return len(self._states)
