"""Chooses the upstream or edge of a key: weighted rendezvous hashing with bounded load. Pure.

Each upstream gets a score for each key and the highest wins. So if one upstream is removed, only its keys move, and its
share is in proportion to its weight (Thaler and Ravishankar 1998; the logarithm is that of weighted sampling,
Efraimidis and Spirakis 2006). An upstream with more than 1.25 times its share of the running exchanges passes a key to
the next in the order of its scores (Mirrokni, Thorup, Zadimoghaddam 2018), which is the same for all nodes.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import xxhash

LOAD_BOUND = 1.25
"""Times the mean of the running exchanges, by weight."""

MIN_BOUND = 8
"""Up to this many exchanges count as no load: while it is quiet, keys stay where they are cached."""

_SPAN = float(1 << 64)


class Candidate(NamedTuple):
    """One upstream: its stable name, its weight now (above 0), and the exchanges that it is busy with."""

    name: bytes
    weight: float
    running: int


def score(name: bytes, weight: float, key: bytes) -> float:
    """The score of an upstream for a key; the highest wins."""
    drawn = (xxhash.xxh3_64_intdigest(name + b"\0" + key) + 0.5) / _SPAN
    return -weight / math.log(drawn) if drawn < 1.0 else math.inf


def bound(candidates: Sequence[Candidate], one: Candidate) -> int:
    """How many exchanges `one` may be busy with, the next one counted."""
    running, weight = _totals(candidates)
    return _bound(one, running, weight)


def _totals(candidates: Sequence[Candidate]) -> tuple[int, float]:
    return 1 + sum(candidate.running for candidate in candidates), sum(candidate.weight for candidate in candidates)


def _bound(one: Candidate, running: int, weight: float) -> int:
    return max(MIN_BOUND, math.ceil(LOAD_BOUND * running * one.weight / weight))


def order(key: bytes, candidates: Sequence[Candidate]) -> list[int]:
    """Indexes of the candidates, first choice first: by draw, those beyond their bound after all others."""
    if len(candidates) == 1:
        return [0]
    ranked = sorted(
        range(len(candidates)),
        key=lambda index: score(candidates[index].name, candidates[index].weight, key),
        reverse=True,
    )
    running, weight = _totals(candidates)
    return sorted(ranked, key=lambda index: candidates[index].running >= _bound(candidates[index], running, weight))
