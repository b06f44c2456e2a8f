"""A viewer who sends whatever bytes he likes, when he likes, and reads only when he likes."""

from __future__ import annotations

import asyncio
from typing import Any, cast

from tests.doubles.clock import until


class Talk(asyncio.Protocol):
    """`got`: all bytes that came; `ended`: the edge has ended its side, or cut."""

    def __init__(self) -> None:
        self.got = b""
        self.ended = self.cut = False

    @classmethod
    async def to(cls, stage: Any, node: Any) -> Talk:
        """Connect."""
        _, talk = await stage.network.dial(await node.started(), cls)
        return cast("Talk", talk)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        self.got += data

    def eof_received(self) -> bool:
        self.ended = True
        return True

    def connection_lost(self, exc: Exception | None) -> None:
        self.ended, self.cut = True, exc is not None

    def says(self, data: bytes) -> None:
        self.transport.write(data)

    def says_no_more(self) -> None:
        """End his side and read on."""
        self.transport.write_eof()

    def stops_reading(self) -> None:
        self.transport.pause_reading()

    def reads(self) -> None:
        self.transport.resume_reading()

    @property
    def statuses(self) -> list[int]:
        """Of the responses so far, in order; their bodies must not look like heads."""
        return [int(part[:3]) for part in self.got.split(b"HTTP/1.1 ")[1:]]

    async def until(self, number: int) -> None:
        """Wait for so many heads."""
        await self.holds(lambda: len(self.statuses) >= number)

    async def until_end(self) -> None:
        """Wait for the end."""
        await self.holds(lambda: self.ended)

    async def holds(self, condition: Any) -> None:
        try:
            await until(condition)
        except AssertionError:
            raise AssertionError(f"never; got {self.got[:500]!r}, ended {self.ended}") from None
