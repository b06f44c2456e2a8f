"""Holds programs to as many CPUs as their worker may use.

ffmpeg's decoder, filters and encoders each have threads, so `-threads 1` alone still keeps two CPUs busy.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def held_to_cpus(threads: int) -> Iterator[None]:
    """Programs started in the block use `threads` CPUs at most, the least wanted ones; 0 = all."""
    own = os.sched_getaffinity(0)
    if not 0 < threads < len(own):
        yield
        return
    # The mask of this thread, which a program that it starts inherits before its first instruction.
    os.sched_setaffinity(0, choose_cpus(own, threads, _masks(own), os.getpid()))
    try:
        yield
    finally:
        os.sched_setaffinity(0, own)


def choose_cpus(own: Iterable[int], count: int, taken: Iterable[frozenset[int]], turn: int) -> list[int]:
    """`count` of the `own` CPUs to which the fewest programs are held; `turn` parts workers that start together."""
    cpus = sorted(own)
    wanted = Counter(cpu for mask in taken for cpu in mask)
    shift = turn % len(cpus)
    return sorted(cpus[shift:] + cpus[:shift], key=lambda cpu: wanted[cpu])[:count]


def _masks(own: set[int]) -> Iterator[frozenset[int]]:
    """The CPUs of each process that is held to some of our own."""
    for folder in Path("/proc").iterdir():
        if folder.name.isdecimal():
            try:
                mask = os.sched_getaffinity(int(folder.name))
            except OSError:
                continue  # it ended
            if len(mask) < len(own):
                yield frozenset(mask)
