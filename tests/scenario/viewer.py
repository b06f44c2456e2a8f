"""A viewer: one connection at a time, HTTP/1.1 or HTTP/2, everything that came remembered."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, cast

from tests.doubles.response import Response, ResponseParser
from tests.scenario.h2_client import H2Client

if TYPE_CHECKING:
    from tests.scenario.stage import Node


class Http1Client(asyncio.Protocol):
    def __init__(self) -> None:
        self.ended: asyncio.Future[Response] = asyncio.get_running_loop().create_future()
        self.headed = asyncio.Event()
        self.parser = ResponseParser()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        ended = self.parser.feed(data)
        if self.parser.responses:
            self.headed.set()
        if ended:
            self._end()

    def asks(self, method: str, target: str, host: str, headers: dict[str, str]) -> None:
        """Send the request."""
        lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        self.parser.asked.append(method)
        self.transport.write(f"{method} {target} HTTP/1.1\r\nHost: {host}\r\n{lines}\r\n".encode())

    def connection_lost(self, exc: Exception | None) -> None:
        self.parser.end()
        self._end()

    def _end(self) -> None:
        if not self.ended.done():
            self.ended.set_result(self.parser.responses[0] if self.parser.responses else Response())
            self.transport.close()


class Viewer:
    """See the module. `address` is where he connects from; `prefix` carries his token."""

    def __init__(
        self,
        name: str,
        at: Node,
        address: str,
        prefix: str,
        network: Any,
        client: type[Http1Client | H2Client] = Http1Client,
    ) -> None:
        self.name = name
        self._at = at
        self._address = address
        self._prefix = prefix
        self._network = network
        self._kind = client
        self._client: Http1Client | H2Client | None = None
        self.connected = asyncio.Event()

    def gets(self, path: str, method: str = "GET", **headers: str) -> asyncio.Task[Response]:
        """Ask; the response comes with `await`."""
        return asyncio.ensure_future(self._get(path, method, headers))

    async def _get(self, path: str, method: str, headers: dict[str, str]) -> Response:
        address = await self._at.started()
        _, client = await self._network.dial(address, self._kind, local=self._address)
        self._client = client
        fields = {name.replace("_", "-"): value for name, value in headers.items()}
        client.asks(method, self._prefix + path, str(address), fields)
        self.connected.set()
        return await client.ended

    async def stops_reading(self) -> None:
        """Take no more, from the head on."""
        while self._client is None or not self._client.headed.is_set():
            await asyncio.sleep(0)
        self._client.transport.pause_reading()

    def reads_on(self) -> None:
        """Take the rest."""
        assert self._client is not None
        self._client.transport.resume_reading()

    def leaves(self) -> None:
        """Hang up."""
        assert self._client is not None
        self._client.transport.abort()
