"""Byte miss of the edge's own cache code over a trace of video segments, beside the policies of libCacheSim.

The trace is made here, of a seed: titles by Zipf, sessions that begin mostly at the beginning and end early, one server
of a cluster that sees a tenth of the segments. One tier holds 5 % of the footprint; two tiers .5 % in RAM and 10 % on
disk. libCacheSim is asked when it is installed (`pip install libcachesim`); it counts bodies alone, ours counts keys
and 600 bytes an object as well.
"""

from __future__ import annotations

import heapq
import importlib
import math
import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Any

from rich.table import Table

from tools.replay.cache import Replay

ONE_TIER, RAM_SHARE, DISK_SHARE = 0.05, 0.005, 0.1
NEAR = 0.01
"""How far our byte miss may be above that of the best of libCacheSim's policies."""
MAX_WRITTEN = 0.05
"""Bytes written to disk, of those requested, with admission `second`."""
SEGMENT_SECONDS = 4
LADDER = (0.4e6, 0.8e6, 1.6e6, 3.0e6, 5.0e6, 7.5e6)
LADDER_SHARES = (0.05, 0.10, 0.20, 0.30, 0.25, 0.10)
PEERS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("LRU", {}), ("S3FIFO", {}), ("S3FIFO", {"move_to_main_threshold": 1}), ("ARC", {}), ("Sieve", {}), ("TwoQ", {}),
)  # fmt: skip

Request = tuple[int, int]
"""(number of an object, its bytes)"""


@dataclass(frozen=True, slots=True)
class Figure:
    """What a cache came to; `written` is the share of the requested bytes that went to disk, None of one tier."""

    name: str
    object_miss: float
    byte_miss: float
    written: float | None = None
    peer: bool = False


def trace(count: int, seed: int, titles: int = 6000) -> list[Request]:
    """So many requests in the order of their time."""
    chance = random.Random(seed)  # noqa: S311 (a trace is no secret)
    weights = list(accumulate((rank + 1) ** -1.1 for rank in range(titles)))
    minutes = [chance.choice((6, 32, 103)) * math.exp(chance.gauss(0, 0.3)) for _ in range(titles)]
    made: list[tuple[float, int, int]] = []
    start = 0.0
    while len(made) < 1.2 * count:
        title = chance.choices(range(titles), cum_weights=weights)[0]
        start += chance.expovariate(1.0)
        made.extend(_session(chance, seed, start, title, int(minutes[title] * 60 / SEGMENT_SECONDS)))
    return [(number, size) for _, number, size in heapq.nsmallest(count, made)]


def _session(
    chance: random.Random, seed: int, start: float, title: int, length: int
) -> Iterator[tuple[float, int, int]]:
    """(time, object, bytes) of the segments that this server sees of a session."""
    rung = chance.choices(range(len(LADDER)), LADDER_SHARES)[0]
    first = int(chance.random() * length) if chance.random() < 0.12 else 0
    watched = length if chance.random() < 0.2 else int(5.7 * 60 / SEGMENT_SECONDS * math.exp(chance.gauss(0, 1.38)))
    for number in range(min(watched, length - first)):
        name = (title * len(LADDER) + rung) * 10_000 + first + number
        of_the_object = random.Random(name ^ seed << 40)  # noqa: S311 (the same)
        if of_the_object.random() < 0.1:
            bits = LADDER[rung] * SEGMENT_SECONDS * math.exp(of_the_object.gauss(0, 0.3))
            yield start + number * SEGMENT_SECONDS, name, min(max(20_000, int(bits / 8)), 4 << 20)


def compare(requests: Sequence[Request], tell: Callable[[str], object]) -> tuple[list[Figure], list[Figure]]:
    """One tier: ours and the peers', the best first; two tiers: ours."""
    footprint = sum(dict(requests).values())
    one = [_ours(requests, tell, policy, int(ONE_TIER * footprint)) for policy in ("s3fifo", "lru")]
    library = peers()
    if library is not None:
        one += [_peer(library, requests, tell, name, more, int(ONE_TIER * footprint)) for name, more in PEERS]
    ram, disk = int(RAM_SHARE * footprint), int(DISK_SHARE * footprint)
    ways = (("s3fifo", "second"), ("s3fifo", "always"), ("lru", "always"))
    two = [_ours(requests, tell, policy, ram, disk, admission) for policy, admission in ways]
    return sorted(one, key=lambda figure: figure.byte_miss), two


def peers() -> Any:
    """libCacheSim; None where it is not installed."""
    try:
        return importlib.import_module("libcachesim")
    except ImportError:
        return None


def _ours(
    requests: Sequence[Request],
    tell: Callable[[str], object],
    policy: str,
    ram: int,
    disk: int = 0,
    admission: str = "always",
) -> Figure:
    name = f"ours, {policy}" + (f", {admission}" if disk else "")
    tell(f"replay: {name}")
    replay = Replay(ram, disk, policy, admission)
    for number, size in requests:
        replay.request(b"%d" % number, size)
    tally = replay.tally
    written = replay.disk_bytes_written / tally.bytes if disk else None
    return Figure(name, tally.missed / tally.requests, tally.bytes_missed / tally.bytes, written)


def _peer(
    library: Any,
    requests: Sequence[Request],
    tell: Callable[[str], object],
    name: str,
    more: dict[str, Any],
    budget: int,
) -> Figure:
    told = "libCacheSim " + name + "".join(f" ({key} {value})" for key, value in more.items())
    tell(f"replay: {told}")
    cache, request = getattr(library, name)(cache_size=budget, **more), library.Request()
    missed = missed_bytes = total = 0
    for request.obj_id, request.obj_size in requests:
        total += request.obj_size
        if not cache.get(request):
            missed += 1
            missed_bytes += request.obj_size
    return Figure(told, missed / len(requests), missed_bytes / total, peer=True)


def misses_of_targets(one: Sequence[Figure], two: Sequence[Figure]) -> list[str]:
    """A sentence for each target that was missed."""
    said = []
    ours = next(figure for figure in one if figure.name == "ours, s3fifo")
    best = min((figure for figure in one if figure.peer), key=lambda figure: figure.byte_miss, default=None)
    if best is not None and ours.byte_miss > best.byte_miss + NEAR:
        said.append(f"one tier: byte miss {ours.byte_miss:.4f}, {best.name} has {best.byte_miss:.4f}")
    second, lru = two[0], two[-1]
    if second.byte_miss >= lru.byte_miss:
        said.append(f"two tiers: byte miss {second.byte_miss:.4f}, LRU's is {lru.byte_miss:.4f}")
    if (second.written or 0.0) > MAX_WRITTEN:
        said.append(f"two tiers: {second.written:.1%} of the bytes requested were written, target {MAX_WRITTEN:.0%}")
    return said


def table(title: str, figures: Sequence[Figure]) -> Table:
    """As it is printed."""
    made = Table(title=title, title_justify="left")
    for column in ("", "object miss", "byte miss", "written"):
        made.add_column(column, justify="left" if not column else "right")
    for one in figures:
        written = "" if one.written is None else f"{one.written:.1%}"
        made.add_row(one.name, f"{one.object_miss:.4f}", f"{one.byte_miss:.4f}", written)
    return made
