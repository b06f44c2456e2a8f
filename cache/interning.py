"""One shared copy of values that many entries have in common: surrogate keys, Vary fields, stale windows."""

from __future__ import annotations

from collections.abc import Hashable
from typing import TypeVar

T = TypeVar("T", bound=Hashable)

MAX_INTERNED = 1 << 16
"""Values remembered. Beyond it the table is cleared: values in use live on, new ones are shared again."""

_known: dict[Hashable, Hashable] = {}


def intern(value: T) -> T:
    """The first equal value that was interned, so that equal values share one object."""
    if len(_known) >= MAX_INTERNED:
        _known.clear()
    return _known.setdefault(value, value)  # type: ignore[return-value]  # equal, so of the same type here
