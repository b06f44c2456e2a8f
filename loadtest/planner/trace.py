"""A trace of segment requests drawn from a population, for `matinee replay`: `time,obj_id,obj_size` a line. Pure.

Each viewer asks for the segments of one title from their start position on: the first ones at once until the buffer is
full, then one every SEGMENT_S, all of one rung (drawn by RUNG_SHARES) but for the first two, which are a lower one.
Sizes vary by title and by segment, as those of encoders with a constant quality do; the spread is chosen.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from itertools import accumulate
from random import Random
from typing import NamedTuple

from loadtest.population.viewers import Population, viewers
from loadtest.session import Seek, Viewer

SEGMENT_S = 4.0
LADDER_BPS = (0.4e6, 0.8e6, 1.6e6, 3.0e6, 5.0e6, 7.5e6)
RUNG_SHARES = (0.05, 0.10, 0.20, 0.30, 0.25, 0.10)
BUFFER_SEGMENTS = 8
_BUFFERING_S = 0.4
MAX_TITLE_SEGMENTS = 99_999
_RUNGS = tuple(accumulate(RUNG_SHARES))


class TraceRow(NamedTuple):
    """One request; ids are unique for title, rung and segment."""

    time: float
    obj_id: int
    obj_size: int


def trace_rows(
    population: Population, titles: int, *, sessions: int, seconds: float, seed: int, piece_s: float = SEGMENT_S
) -> list[TraceRow]:
    """The requests of so many sessions within `seconds`, in order of time; each is for `piece_s` of film."""
    lengths = [_title_segments(seed, title, piece_s) for title in range(titles)]
    everybody = viewers(population, [str(rank) for rank in range(titles)], players=sessions, seconds=seconds, seed=seed)
    return sorted(row for viewer in everybody for row in _session(viewer, lengths, seed, piece_s))


def _title_segments(seed: int, title: int, piece_s: float) -> int:
    """A title's length: clips, episodes, films."""
    random = Random(f"length/{seed}/{title}")
    median, sigma = random.choices(((360.0, 0.5), (1900.0, 0.35), (6200.0, 0.18)), (0.30, 0.45, 0.25))[0]
    return max(2, min(MAX_TITLE_SEGMENTS, math.ceil(median * math.exp(random.gauss(0, sigma)) / piece_s)))


def _session(viewer: Viewer, lengths: Sequence[int], seed: int, piece_s: float) -> Iterator[TraceRow]:
    title = int(viewer.title)
    length = lengths[title]
    random = Random(f"session/{seed}/{viewer.number}")
    draw = random.random()
    rung = next((place for place, share in enumerate(_RUNGS) if draw < share), len(_RUNGS) - 1)
    first = int((viewer.start_position_s or 0.0) / piece_s) % length
    watched = length if viewer.watch_s is None else max(1, math.ceil(viewer.watch_s / piece_s))
    seeks = [action for action in viewer.actions if isinstance(action, Seek)]
    jumps = {int(seek.at_s / piece_s): int(seek.to_s / piece_s) for seek in seeks}
    segment = first
    for number in range(watched):
        segment = jumps.get(number, segment)
        if segment >= length:
            return
        level = max(0, rung - 2) if number < 2 else rung
        passed = _BUFFERING_S * min(number, BUFFER_SEGMENTS) + piece_s * max(0, number - BUFFER_SEGMENTS)
        yield TraceRow(
            viewer.arrival_s + passed, _object_id(title, level, segment), _size(seed, title, level, segment, piece_s)
        )
        segment += 1


def _object_id(title: int, level: int, segment: int) -> int:
    return (title * len(LADDER_BPS) + level) * (MAX_TITLE_SEGMENTS + 1) + segment


def _size(seed: int, title: int, level: int, segment: int, piece_s: float) -> int:
    """The same for every request of the object: a cheap hash of its name spreads it by 0.5 to 1.5."""
    mixed = (title * 2_654_435_761 ^ segment * 40_503 ^ seed * 97) & 0xFFFF_FFFF
    mixed = (mixed ^ mixed >> 15) * 0x2C1B_3C6D & 0xFFFF_FFFF
    spread = 0.5 + (mixed ^ mixed >> 13) / 0xFFFF_FFFF
    return int(LADDER_BPS[level] * piece_s / 8 * spread)
