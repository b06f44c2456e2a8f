"""S3-FIFO: three queues in place of one (Yang et al., SOSP 2023), counted in bytes.

- A new object enters the *small* queue (a tenth of the budget). Most are never asked for again and leave there.
- An object asked for while it is in small moves on to *main* when its turn to leave comes.
- What left small without a hit leaves its key in the *ghost* list; coming back from there it enters main at once.
- Main is a FIFO with second chances: each hit (three count at most) buys one more round.

Every operation is O(1) amortised; a hit only adds one to a number, so a lost update harms nothing.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)

MOST_HITS = 3


class _Node(Generic[K]):
    __slots__ = ("alive", "hits", "in_main", "key", "size")

    def __init__(self, key: K, size: int, in_main: bool) -> None:
        self.key = key
        self.size = size
        self.hits = 0
        self.in_main = in_main
        self.alive = True


class S3Fifo(Generic[K]):
    """S3-FIFO over `budget` bytes; see `cache.eviction.policy.Policy`.

    `small_share`: the small queue's share of the budget. `promote_after`: hits in small that lead to main. The ghost
    list remembers `mark(key)` of as many bytes as main may hold: a number, so that it keeps no object alive. Two keys
    with the same mark count as the same object come back; that costs a little of the hit rate, never correctness.
    """

    __slots__ = (
        "_dead",
        "_ghost",
        "_ghost_budget",
        "_ghost_bytes",
        "_main",
        "_main_bytes",
        "_mark",
        "_nodes",
        "_promote_after",
        "_small",
        "_small_budget",
        "_small_bytes",
        "used",
    )

    def __init__(
        self, budget: int, small_share: float = 0.1, promote_after: int = 1, mark: Callable[[K], int] = hash
    ) -> None:
        self._nodes: dict[K, _Node[K]] = {}
        self._small: deque[_Node[K]] = deque()
        self._main: deque[_Node[K]] = deque()
        self._ghost: OrderedDict[int, int] = OrderedDict()
        self._mark = mark
        self._ghost_bytes = 0
        self._small_budget = int(budget * small_share)
        self._ghost_budget = budget - self._small_budget
        self._promote_after = promote_after
        self._small_bytes = self._main_bytes = 0
        self._dead = 0
        self.used = 0

    def insert(self, key: K, size: int) -> None:
        """Into small, or into main when the ghost list knows the key."""
        self.remove(key)
        known = self._ghost.pop(self._mark(key), None)
        node = _Node(key, size, known is not None)
        self._nodes[key] = node
        self.used += size
        if known is None:
            self._small.append(node)
            self._small_bytes += size
        else:
            self._ghost_bytes -= known
            self._main.append(node)
            self._main_bytes += size

    def touch(self, key: K) -> None:
        """Count a hit."""
        node = self._nodes.get(key)
        if node is not None and node.hits < MOST_HITS:
            node.hits += 1

    def remove(self, key: K) -> None:
        """Forget; the queue drops its dead node when it comes by."""
        node = self._nodes.pop(key, None)
        if node is not None:
            node.alive = False
            self._leave(node)
            self._dead += 1
            if self._dead > 64 + len(self._nodes):
                self._sweep()

    def _sweep(self) -> None:
        """Drop dead nodes at once when they outnumber the living, so that churn without evictions stays bounded."""
        self._small = deque(node for node in self._small if node.alive)
        self._main = deque(node for node in self._main if node.alive)
        self._dead = 0

    def evict(self) -> K | None:
        """From small while it is over its share, else from main."""
        while self._nodes:
            if self._small_bytes > self._small_budget or not self._main:
                key = self._evict_small()
            else:
                key = self._evict_main()
            if key is not None:
                return key
        return None

    def _evict_small(self) -> K | None:
        """Look at small's oldest: on to main, or out; None when nothing left the cache."""
        node = self._small.popleft()
        if not node.alive:
            self._dead -= 1
            return None
        if node.hits >= self._promote_after:
            node.hits = 0
            node.in_main = True
            self._small_bytes -= node.size
            self._main_bytes += node.size
            self._main.append(node)
            return None
        self._forget(node)
        self._remember(node.key, node.size)
        return node.key

    def _evict_main(self) -> K | None:
        """Look at main's oldest: another round for a hit, or out; None when nothing left the cache."""
        node = self._main.popleft()
        if not node.alive:
            self._dead -= 1
            return None
        if node.hits:
            node.hits -= 1
            self._main.append(node)
            return None
        self._forget(node)
        return node.key

    def _forget(self, node: _Node[K]) -> None:
        del self._nodes[node.key]
        node.alive = False
        self._leave(node)

    def _leave(self, node: _Node[K]) -> None:
        self.used -= node.size
        if node.in_main:
            self._main_bytes -= node.size
        else:
            self._small_bytes -= node.size

    def _remember(self, key: K, size: int) -> None:
        mark = self._mark(key)
        self._ghost_bytes += size - self._ghost.pop(mark, 0)
        self._ghost[mark] = size
        while self._ghost_bytes > self._ghost_budget and self._ghost:
            self._ghost_bytes -= self._ghost.popitem(last=False)[1]

    def __contains__(self, key: object) -> bool:
        return key in self._nodes

    def __len__(self) -> int:
        return len(self._nodes)
