"""One copy of what many entries have alike: surrogate keys of a title, fields that a response varies by, windows."""

from __future__ import annotations

from collections.abc import Hashable
from typing import TypeVar

T = TypeVar("T", bound=Hashable)

MAX_INTERNED = 1 << 16
"""Beyond it all are forgotten: what is in use lives on, and new ones are shared among themselves."""

_known: dict[Hashable, Hashable] = {}


def intern(value: T) -> T:
    """An equal value, the same object for all who ask."""
    if len(_known) >= MAX_INTERNED:
        _known.clear()
    return _known.setdefault(value, value)  # type: ignore[return-value]  # equal, so of the same type here
