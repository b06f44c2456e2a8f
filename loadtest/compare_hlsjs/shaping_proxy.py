"""A TCP proxy that behaves like an access line: a rate that all its connections share, and a round trip. Each way
takes half of it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from loadtest.drivers.line import Line
from loadtest.session import NetworkProfile

PIECE = 8 << 10
MAX_QUEUED = 64
"""Pieces that are on their way in one direction of a connection."""


@dataclass(slots=True)
class ShapingProxy:
    """Forwards connections to `upstream`; `line` begins with the first of them."""

    upstream: tuple[str, int]
    profile: NetworkProfile
    port: int = 0
    connections: int = 0
    line: Line | None = None

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection."""
        loop = asyncio.get_running_loop()
        self.connections += 1
        line = self.line
        if line is None:
            line = self.line = Line(self.profile, loop.time())
        try:
            above, below = await asyncio.open_connection(*self.upstream)
        except OSError:
            writer.close()
            return
        try:
            async with asyncio.TaskGroup() as ways:
                ways.create_task(self._carry(reader, below, None))
                ways.create_task(self._carry(above, writer, line))
        except* OSError:
            pass
        except* asyncio.CancelledError:
            # The proxy ends; nobody waits for this connection.
            pass
        finally:
            for one in (writer, below):
                one.close()

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, line: Line | None) -> None:
        """Pieces in order, each half a round trip later; a line lets them through at its rate."""
        loop = asyncio.get_running_loop()
        queue: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue(MAX_QUEUED)

        async def deliver() -> None:
            while True:
                due, data = await queue.get()
                if due > loop.time():
                    await asyncio.sleep(due - loop.time())
                if not data:
                    if writer.can_write_eof():
                        writer.write_eof()
                    return
                writer.write(data)
                await writer.drain()

        async with asyncio.TaskGroup() as both:
            both.create_task(deliver())
            while data := await reader.read(PIECE):
                if line is not None:
                    await asyncio.sleep(line.wait_after(len(data), loop.time()))
                await queue.put((loop.time() + self.profile.latency_s / 2, data))
            await queue.put((loop.time() + self.profile.latency_s / 2, b""))


@asynccontextmanager
async def shaping_proxy(upstream: tuple[str, int], profile: NetworkProfile) -> AsyncIterator[ShapingProxy]:
    """A proxy on a port of loopback."""
    proxy = ShapingProxy(upstream, profile)
    # Small buffers: what lies in them has already passed the line.
    server = await asyncio.start_server(proxy.handle, "127.0.0.1", 0, limit=PIECE)
    proxy.port = server.sockets[0].getsockname()[1]
    try:
        yield proxy
    finally:
        server.close()
