"""How requests of one kind are treated: what a route says. Pure."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Route:
    """One route. `slice`: bytes of the aligned parts in which objects larger than `slice_over` bytes are cached."""

    slice: int = 1 << 20
    slice_over: int = 8 << 20


PLAIN = Route()
