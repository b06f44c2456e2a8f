"""A scripted origin: it answers what it was told to expect, and remembers everything it was asked."""

from __future__ import annotations

import asyncio
from typing import Any, cast

import httptools

from edge.upstreams.network import Listener, Network
from kernel.http.message import status_line
from kernel.settings.table import Address
from tests.doubles.clock import until


class Gate:
    """Holds somebody until the test opens it."""

    def __init__(self) -> None:
        self._event = asyncio.Event()

    def open(self) -> None:
        self._event.set()

    async def passed(self) -> None:
        await self._event.wait()


class Expectation:
    """One request that must come, and what is answered to it."""

    def __init__(self, path: str, headers: dict[str, str], times: int) -> None:
        self.path = path
        self.headers = headers
        self.left = times
        self._gate: Gate | None = None
        self._gate_after = 0
        self._status = 200
        self._body = b""
        self._fields: dict[str, str | None] = {}
        self._breaks: int | None = None

    def waits_for(self, gate: Gate, after: int | None = None) -> Expectation:
        """Answer only when the gate opens; with `after`, send the head and so many bytes before."""
        self._gate, self._gate_after = gate, -1 if after is None else after
        return self

    def answers(self, status: int, body: bytes = b"", **headers: str | None) -> Expectation:
        """The response; `_` in names of headers is `-`. `Date=None`: without one."""
        self._status, self._body = status, body
        self._fields = {name.replace("_", "-"): value for name, value in headers.items()}
        return self

    def breaks_after(self, count: int) -> Expectation:
        """Cut the connection after so many bytes of the body."""
        self._breaks = count
        return self

    def matches(self, path: str, headers: dict[str, str]) -> bool:
        wanted = {name.replace("_", "-").lower(): value for name, value in self.headers.items()}
        return self.left > 0 and path == self.path and all(headers.get(n) == v for n, v in wanted.items())

    async def play(self, transport: asyncio.Transport, date: str) -> None:
        """Write the response."""
        fields = {"Date": date, "Content-Length": str(len(self._body)), **self._fields}
        fields = {name: value for name, value in fields.items() if value is not None}
        if self._status == 304:
            del fields["Content-Length"]
        head = status_line(self._status) + "".join(f"{n}: {v}\r\n" for n, v in fields.items()).encode() + b"\r\n"
        body, cut = self._body, self._breaks
        if self._gate is not None and self._gate_after < 0:
            await self._gate.passed()
        elif self._gate is not None:
            transport.write(head + body[: self._gate_after])
            head, body = b"", body[self._gate_after :]
            await self._gate.passed()
        transport.write(head + (body if cut is None else body[:cut]))
        if cut is not None:
            transport.close()


class _Connection(asyncio.Protocol):
    def __init__(self, origin: Origin) -> None:
        self._origin = origin
        self._parser: Any = httptools.HttpRequestParser(self)
        self._queue: asyncio.Queue[tuple[str, str, dict[str, str]]] = asyncio.Queue()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)
        self._origin.connections.add(self)
        self._task = asyncio.ensure_future(self._work())

    def connection_lost(self, exc: Exception | None) -> None:
        self._origin.connections.discard(self)
        self._task.cancel()

    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def on_message_begin(self) -> None:
        self._path, self._headers = "", {}

    def on_url(self, url: bytes) -> None:
        self._path += url.decode()

    def on_header(self, name: bytes, value: bytes) -> None:
        self._headers[name.decode().lower()] = value.decode()

    def on_message_complete(self) -> None:
        self._queue.put_nowait((self._parser.get_method().decode(), self._path, self._headers))

    async def _work(self) -> None:
        while True:
            method, path, headers = await self._queue.get()
            await self._origin.answer(self.transport, method, path, headers)


class Origin:
    """See the module."""

    def __init__(self, name: str, network: Network, clock: Any) -> None:
        self.name = name
        self.network = network
        self.clock = clock
        self.asked: list[str] = []
        self.unexpected: list[str] = []
        self.expectations: list[Expectation] = []
        self.connections: set[_Connection] = set()
        self.down = False
        self._listener: Listener | None = None
        self._address: Address | None = None

    async def started(self) -> Address:
        if self._address is None:
            self._listener = await self.network.listen(Address("127.0.0.1", 0), lambda: _Connection(self))
            self._address = self._listener.address
            if self.down:
                self._listener.close()
        return self._address

    def expects(self, path: str, times: int = 1, **headers: str) -> Expectation:
        """A request that must come, `times` times."""
        made = Expectation(path, headers, times)
        self.expectations.append(made)
        return made

    def goes_down(self) -> None:
        """Close the door and every connection."""
        self.down = True
        if self._listener is not None:
            self._listener.close()
        for connection in tuple(self.connections):
            connection.transport.abort()

    def count(self, path: str) -> int:
        """How often a path was asked for."""
        return sum(1 for asked in self.asked if asked.endswith(" " + path))

    async def until(self, path: str | None = None, times: int = 1) -> None:
        """Let everything run until it was asked for a path, or (None) for anything, so many times in all."""

        def come() -> bool:
            return (len(self.asked) if path is None else self.count(path)) >= times

        try:
            await until(come)
        except AssertionError:
            raise AssertionError(f"{self.name} was not asked for {path or 'enough'} {times}×; {self.asked}") from None

    async def answer(self, transport: asyncio.Transport, method: str, path: str, headers: dict[str, str]) -> None:
        from kernel.http.dates import format_date

        self.asked.append(f"{method} {path}")
        for expectation in self.expectations:
            if expectation.matches(path, headers):
                expectation.left -= 1
                await expectation.play(transport, format_date(self.clock.wall()).decode())
                return
        self.unexpected.append(f"{self.name} was asked {method} {path} {headers}")
        transport.write(b"HTTP/1.1 599 Unexpected\r\nContent-Length: 0\r\n\r\n")

    def left(self) -> list[str]:
        """What was expected and never asked."""
        return [f"{self.name} still expects {e.path} ({e.left}×)" for e in self.expectations if e.left]
