"""A ghost: marks (hashes) of objects that were evicted or not admitted, without the objects. About 16 bytes a mark.

A mark expires when the objects remembered after it add up to the ghost's budget in bytes. It is one 64-bit word (32
bits of mark, 32 bits of time, counted in bytes remembered) in a table of small buckets. A full bucket drops its oldest
word; the table doubles when that happens often. So a ghost may forget a mark early or, about once in some thousand
lookups, know one it never saw: that costs a little hit rate, never correctness.
"""

from __future__ import annotations

from array import array

_WAYS = 8
_WORD = 0xFFFFFFFF
_WINDOW = 1 << 24
"""Ticks that a mark lives. The clock wraps after 256 times as many; older words are long overwritten by then."""
_FIRST_WORDS = 1 << 10
MAX_WORDS = 1 << 24


class Ghost:
    """Remembers marks of `budget` bytes; a budget of 0 remembers nothing."""

    __slots__ = ("_buckets", "_budget", "_clock", "_lost", "_words")

    def __init__(self, budget: int) -> None:
        self._budget = budget
        self._words = array("Q", bytes(8 * _FIRST_WORDS))
        self._buckets = _FIRST_WORDS // _WAYS
        self._clock = budget // _WINDOW + 1  # so that no time is 0: a word of 0 marks a free slot
        self._lost = 0

    def __sizeof__(self) -> int:
        return len(self._words) * 8

    def _now(self) -> int:
        return self._clock * _WINDOW // self._budget & _WORD

    def remember(self, mark: int, size: int) -> None:
        """Remember an object of `size` bytes; `mark` is a well-distributed hash of its name."""
        if self._budget <= 0:
            return
        self._put((mark & _WORD) << 32 | self._now())
        self._clock += size
        if self._lost > self._buckets // 8 and len(self._words) < MAX_WORDS:
            self._grow()

    def pop(self, mark: int) -> bool:
        """Whether the mark is remembered; forgets it."""
        if self._budget <= 0:
            return False
        wanted, now, words = mark & _WORD, self._now(), self._words
        first = wanted % self._buckets * _WAYS
        for at, word in enumerate(words[first : first + _WAYS], first):
            if word and word >> 32 == wanted and now - word & _WORD <= _WINDOW:
                words[at] = 0
                return True
        return False

    def _put(self, word: int) -> None:
        """Write a word to its bucket: over an old word of the same mark, a free or expired slot, or the oldest."""
        words, now, wanted = self._words, word & _WORD, word >> 32
        first = wanted % self._buckets * _WAYS
        place, eldest = first, -1
        for at, other in enumerate(words[first : first + _WAYS], first):
            if other >> 32 == wanted:
                place, eldest = at, _WINDOW + 1
                break
            age = now - other & _WORD if other else _WORD
            if age > eldest:
                place, eldest = at, age
        self._lost += eldest <= _WINDOW
        words[place] = word

    def _grow(self) -> None:
        """Double the buckets and drop expired words."""
        now, old = self._now(), self._words
        self._buckets *= 2
        self._words = array("Q", bytes(16 * len(old)))
        for word in old:
            if word and now - word & _WORD <= _WINDOW:
                self._put(word)
        self._lost = 0
