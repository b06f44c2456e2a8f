"""An edge on loopback sockets, an upstream that says whatever bytes it is told to, and a viewer who sends bytes."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edge.app import Edge
from edge.settings import EdgeSettings
from edge.upstreams.network import LoopNetwork
from kernel.settings.table import resolve
from tests.doubles.clock import FakeClock, turns
from tests.doubles.response import Response, read_responses

SECONDS = 10.0
"""Bound of every wait: a test that needs it has failed."""


@dataclass
class Says:
    """An answer: bytes, and then the connection stays, is closed, is reset, or hangs until the upstream ends."""

    data: bytes
    then: str = "stay"


def ok(body: bytes = b"hello", more: bytes = b"Cache-Control: max-age=60\r\n") -> Says:
    return Says(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n%s\r\n%s" % (len(body), more, body))


def resets(writer: asyncio.StreamWriter) -> None:
    """Go by a reset; a mere close would be a half-close at the other side."""
    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


class RawUpstream:
    """Answers by path; a list is used up one by one, its last answer stays."""

    def __init__(self) -> None:
        self.answers: dict[str, Says | list[Says]] = {}
        self.default = ok()
        self.heads: list[bytes] = []
        self.bodies: list[bytes] = []
        self.connections = self.open = 0
        self.hanging = asyncio.Event()
        self.port = 0
        self._over = asyncio.Event()
        self._server: asyncio.Server | None = None

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]

    def goes_down(self) -> None:
        assert self._server is not None
        self._server.close()

    def stop(self) -> None:
        self._over.set()
        self.goes_down()

    @property
    def asked(self) -> list[str]:
        """Method and target of every request."""
        return [b" ".join(head.split(b" ", 2)[:2]).decode() for head in self.heads]

    def _answer(self, path: str) -> Says:
        found = self.answers.get(path, self.default)
        if isinstance(found, list):
            return found.pop(0) if len(found) > 1 else found[0]
        return found

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self.open += 1
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            while await self._one(reader, writer):
                pass
        writer.close()
        self.open -= 1

    async def _one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        head = await reader.readuntil(b"\r\n\r\n")
        length = next(
            (int(line[15:]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")), 0
        )
        self.heads.append(head)
        chunked = b"\r\ntransfer-encoding: chunked\r\n" in head.lower()
        self.bodies.append(await _chunked_body(reader) if chunked else await reader.readexactly(length))
        answer = self._answer(head.split(b" ")[1].decode())
        writer.write(answer.data)
        if answer.then == "hang":
            self.hanging.set()
            await self._over.wait()
        if answer.then == "reset":
            await writer.drain()
            resets(writer)
        return answer.then == "stay"


async def _chunked_body(reader: asyncio.StreamReader) -> bytes:
    body = b""
    while length := int(await reader.readuntil(b"\r\n"), 16):
        body += await reader.readexactly(length)
        await reader.readexactly(2)
    await reader.readexactly(2)
    return body


@dataclass
class Ground:
    edge: Edge
    upstream: RawUpstream
    clock: FakeClock

    async def connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        assert self.edge.address is not None
        return await asyncio.open_connection(*self.edge.address)

    async def sends(self, data: bytes, step: int | None = None) -> bytes:
        """Send, end our side, read to the end."""
        reader, writer = await self.connect()
        for at in range(0, len(data), step or len(data)):
            writer.write(data[at : at + (step or len(data))])
            await turns(1)
        with contextlib.suppress(OSError):
            writer.write_eof()
        try:
            return await asyncio.wait_for(_everything(reader), SECONDS)
        finally:
            writer.close()

    async def gets(self, path: str = "/a", method: str = "GET", more: str = "", body: bytes = b"") -> Response:
        """One request on a connection of its own; its final response, before which there may be interim ones."""
        head = f"{method} {path} HTTP/1.1\r\nHost: h\r\n{more}\r\n".encode()
        return read_responses(await self.sends(head + body), method)[-1]

    def asks(self, path: str = "/a") -> asyncio.Task[Response]:
        """Ask, and go on meanwhile."""
        return asyncio.create_task(self.gets(path))  # noqa: TID251 (awaited by the test that asks)

    async def until(self, condition: Callable[[], bool]) -> None:
        """Let the loop and its sockets turn until the condition holds."""
        async with asyncio.timeout(SECONDS):
            while not condition():
                await asyncio.sleep(0.001)


async def _everything(reader: asyncio.StreamReader) -> bytes:
    data = b""
    with contextlib.suppress(ConnectionResetError):
        while piece := await reader.read(1 << 20):
            data += piece
    return data


@contextlib.asynccontextmanager
async def standing(
    folder: Path, *, upstreams: int = 1, routes: Sequence[dict[str, Any]] = (), **settings: Any
) -> AsyncIterator[Ground]:
    """An edge before raw upstreams (the first is `upstream`); at the end nothing may be left of it."""
    raw = [RawUpstream() for _ in range(upstreams)]
    for one in raw:
        await one.start()
    given = {
        "id": "e", "listen": "127.0.0.1:0", "admin": "127.0.0.1:0",
        "ram": "16MiB", "tokens": "off", "profile": "general",
    } | settings  # fmt: skip
    flags = {name: [str(value)] for name, value in given.items()}
    flags["upstream"] = [f"http://127.0.0.1:{one.port}" for one in raw]
    clock = FakeClock()
    told = resolve(EdgeSettings, flags=flags, file={"route": list(routes)}, file_name="e.toml")
    edge = Edge(told, LoopNetwork(), clock)
    await edge.start()
    ground = Ground(edge, raw[0], clock)
    try:
        yield ground
        await ground.until(lambda: not edge.handler.connections and not edge.cache.fill_table and not len(edge.tasks))
        assert edge.unexpected == []
        assert edge.counts.waiting == 0
    finally:
        edge.drain()
        edge.listener.abort_connections()
        for one in raw:
            one.stop()
        await turns()
        await edge.stop()
        await ground.until(lambda: not any(one.open for one in raw))
