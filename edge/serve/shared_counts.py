"""How many viewers each process of a node has, in memory that all of them map, so that limits are the node's.

One row of 32-bit numbers for each process: all of its connections, then those of each group of addresses, by the
group's hash. Only the process itself writes its row, so nothing is locked; a new process clears the row of the dead one
before it. Two groups may share a cell: then they share a limit, which matters to an address only if it is near its own.
"""

from __future__ import annotations

from collections.abc import Hashable
from mmap import mmap

import xxhash

CELLS = 1 << 16
"""Cells for groups of addresses."""
_WIDTH = CELLS + 1
_BYTES = 4


def map_size(processes: int) -> int:
    """Bytes of the map."""
    return processes * _WIDTH * _BYTES


class SharedCounts:
    """The rows of all processes, as process `slot` of `processes` uses them."""

    def __init__(self, memory: mmap | bytearray, slot: int, processes: int) -> None:
        view = memoryview(memory)
        view[slot * _WIDTH * _BYTES : (slot + 1) * _WIDTH * _BYTES] = bytes(_WIDTH * _BYTES)
        self._cells = view.cast("I")
        self._own = slot * _WIDTH
        self._others = [other * _WIDTH for other in range(processes) if other != slot]

    def set_connections(self, number: int) -> None:
        """This process has so many."""
        self._cells[self._own] = number

    def add(self, group: Hashable, number: int) -> None:
        """This process has so many more (or fewer) of a group."""
        self._cells[self._own + _cell(group)] += number

    def connections_of_others(self) -> int:
        """Connections of all other processes."""
        return sum(self._cells[row] for row in self._others)

    def of_others(self, group: Hashable) -> int:
        """A group's connections to all other processes."""
        cell = _cell(group)
        return sum(self._cells[row + cell] for row in self._others)

    def is_busier(self) -> bool:
        """Whether another process has fewer connections, so that it should accept the next one."""
        own = self._cells[self._own]
        return any(self._cells[row] < own for row in self._others)


def _cell(group: Hashable) -> int:
    return 1 + xxhash.xxh3_64_intdigest(group if isinstance(group, bytes) else repr(group).encode()) % CELLS
