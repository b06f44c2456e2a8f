"""Reads a body whole, up to a bound."""

from __future__ import annotations

from typing import Protocol


class BodyStream(Protocol):
    """A body as it arrives, such as aiohttp's StreamReader."""

    async def read(self, n: int) -> bytes:
        """Between one and `n` bytes, as many as have arrived; b"" at the end."""


async def read_at_most(content: BodyStream, most: int) -> bytes:
    """The body, or its first `most` bytes. One call of `read` would end with the packet that came first."""
    data = bytearray()
    while len(data) < most and (piece := await content.read(most - len(data))):
        data += piece
    return bytes(data)
