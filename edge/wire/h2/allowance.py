"""How much work without use a viewer may cause on one connection, before it is told to calm down. Pure.

Each kind of flood is cheap to send and costs us: streams that are opened and cancelled (CVE-2023-44487) or made to fail
(CVE-2025-8671), SETTINGS and PING to be answered, frames that say nothing. Each frame of that kind costs one of an
allowance, which seconds and served bytes refill. A viewer who plays, seeks and switches renditions stays far from it.
"""

from __future__ import annotations

MAX_RESETS, RESETS_A_SECOND = 200, 20
"""Streams that may fail or be cancelled at once, and in the long run."""
MAX_FRAMES, FRAMES_A_SECOND = 2_000, 100
"""Frames that only cause work, at once and in the long run."""
FRAMES_A_RESPONSE = 4
BYTES_A_FRAME = 2 * 1024
"""Bytes sent that earn a frame. A viewer that reads in steps of 4 KiB, like Go's client, gives each step back twice: to
the stream's window and to the connection's."""


class Allowance:
    """What is left of it, for one connection."""

    __slots__ = ("_bytes", "_frames", "_resets")

    def __init__(self) -> None:
        self._resets = MAX_RESETS
        self._frames = MAX_FRAMES
        self._bytes = 0

    def spend_reset(self) -> bool:
        """Whether a stream may be cancelled or fail."""
        self._resets -= 1
        return self._resets >= 0

    def spend_frame(self) -> bool:
        """Whether a frame that only causes work may come."""
        self._frames -= 1
        return self._frames >= 0

    def refill(self) -> None:
        """A second has passed."""
        self._resets = min(MAX_RESETS, self._resets + RESETS_A_SECOND)
        self._frames = min(MAX_FRAMES, self._frames + FRAMES_A_SECOND)

    def earn(self, sent: int) -> None:
        """A piece of a response of so many bytes was sent."""
        self._bytes += sent
        if self._bytes >= BYTES_A_FRAME:
            more, self._bytes = divmod(self._bytes, BYTES_A_FRAME)
            self._frames = min(MAX_FRAMES, self._frames + more)

    def earn_response(self) -> None:
        """A response was completed."""
        self._frames = min(MAX_FRAMES, self._frames + FRAMES_A_RESPONSE)
