"""Reusable buffers that sockets read large bodies into.

Fresh memory costs a page fault for each 4 KiB, which for a body of 1 MiB is more than copying it. So a buffer is used
again as soon as nothing refers to its bytes any more: not a fill, nor a transport, nor a write to disk. Whoever holds a
memoryview of a buffer, or a slice of one, holds the buffer; nothing has to be released. For one thread.
"""

from __future__ import annotations

import sys
from collections import deque

SLACK_BYTES = 4096
"""Bytes of each buffer beyond its size: a read into it also gets what follows the body, which must be noticed."""
MIN_BYTES = 64 * 1024
MAX_BYTES = 1024 * 1024
"""Sizes of buffers: powers of two from the least to the most."""
MAX_KEPT_BYTES = 32 << 20
"""Bytes of buffers that are kept for reuse."""
_PROBES = 8
"""Buffers that are looked at for a free one. The one used longest ago comes first."""


def _count_references(buffer: bytearray) -> int:
    return sys.getrefcount(buffer)


class ReadBuffers:
    """Buffers by size. `kept`: bytes of those that may be reused, free or not."""

    def __init__(self, max_kept: int = MAX_KEPT_BYTES) -> None:
        self._max_kept = max_kept
        self._rings: dict[int, deque[bytearray]] = {}
        self.kept = 0
        self._free_references = self._measure()

    @staticmethod
    def _measure() -> int:
        """References to a buffer that only its ring holds, counted where `acquire` counts them."""
        ring = deque((bytearray(1),))
        buffer = ring[0]
        return _count_references(buffer)

    def acquire(self, length: int) -> memoryview:
        """A buffer for up to `length` more bytes of a body, of at most `MAX_BYTES`, and `SLACK_BYTES` more."""
        size = min(MAX_BYTES, max(MIN_BYTES, 1 << (length - 1).bit_length() if length > 1 else 1))
        ring = self._rings.get(size)
        if ring is None:
            ring = self._rings[size] = deque()
        for _ in range(min(_PROBES, len(ring))):
            buffer = ring[0]
            ring.rotate(-1)
            if _count_references(buffer) == self._free_references:
                return memoryview(buffer)
        made = bytearray(size + SLACK_BYTES)
        self._keep(ring, made, size)
        return memoryview(made)

    def _keep(self, ring: deque[bytearray], made: bytearray, size: int) -> None:
        """Keep a new buffer for reuse, in place of buffers of other sizes if there is no room: the bodies may have
        changed."""
        for other_size, other in self._rings.items():
            while other is not ring and other and self.kept + size > self._max_kept:
                other.popleft()
                self.kept -= other_size
        if self.kept + size <= self._max_kept:
            self.kept += size
            ring.append(made)
