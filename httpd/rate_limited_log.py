"""Log lines that a flood of clients brings about: one in so many seconds, with the number of those kept back. Pure."""

from __future__ import annotations

from collections.abc import Callable

SECONDS = 10.0


class Seldom:
    """`say` is called at most once in SECONDS for each word, with how many were left out before."""

    def __init__(self, now: Callable[[], float], say: Callable[[str, int], object]) -> None:
        self._now = now
        self._say = say
        self._said: dict[str, float] = {}
        self._kept_back: dict[str, int] = {}

    def __call__(self, word: str) -> None:
        """Something of the kind `word` (a fixed set) has happened."""
        now = self._now()
        if now - self._said.get(word, float("-inf")) < SECONDS:
            self._kept_back[word] = self._kept_back.get(word, 0) + 1
            return
        self._said[word] = now
        self._say(word, self._kept_back.pop(word, 0))
