"""A viewer: one connection at a time, plain HTTP/1.1, everything that came remembered."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, cast

import httptools

if TYPE_CHECKING:
    from tests.scenario.stage import Node


@dataclass
class Response:
    """What a viewer got. `whole`: the body came to its end."""

    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    whole: bool = False

    @property
    def cache_status(self) -> str:
        return self.headers.get("cache-status", "")

    @property
    def age(self) -> int | None:
        return int(self.headers["age"]) if "age" in self.headers else None

    @property
    def reason(self) -> str:
        """The reason word of a problem document."""
        import json

        return str(json.loads(self.body).get("reason"))


class _Client(asyncio.Protocol):
    def __init__(self) -> None:
        self.response = Response()
        self.ended: asyncio.Future[Response] = asyncio.get_running_loop().create_future()
        self.headed = asyncio.Event()
        self._parser: Any = httptools.HttpResponseParser(self)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def on_header(self, name: bytes, value: bytes) -> None:
        self.response.headers[name.decode().lower()] = value.decode()

    def on_headers_complete(self) -> None:
        self.response.status = self._parser.get_status_code()
        self.headed.set()

    def on_body(self, data: bytes) -> None:
        self.response.body += data

    def on_message_complete(self) -> None:
        self.response.whole = True
        self._end()

    def connection_lost(self, exc: Exception | None) -> None:
        self._end()

    def _end(self) -> None:
        if not self.ended.done():
            self.ended.set_result(self.response)
            self.transport.close()


class Viewer:
    """See the module. `address` is where he connects from; `prefix` carries his token."""

    def __init__(self, name: str, at: Node, address: str, prefix: str, network: Any) -> None:
        self.name = name
        self._at = at
        self._address = address
        self._prefix = prefix
        self._network = network
        self._client: _Client | None = None
        self.connected = asyncio.Event()

    def gets(self, path: str, method: str = "GET", **headers: str) -> asyncio.Task[Response]:
        """Ask; the response comes with `await`."""
        return asyncio.ensure_future(self._get(path, method, headers))

    async def _get(self, path: str, method: str, headers: dict[str, str]) -> Response:
        address = await self._at.started()
        _, client = await self._network.dial(address, _Client, local=self._address)
        self._client = client
        lines = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in headers.items())
        client.transport.write(f"{method} {self._prefix}{path} HTTP/1.1\r\nHost: {address}\r\n{lines}\r\n".encode())
        self.connected.set()
        if method == "HEAD":
            await client.headed.wait()
            client.response.whole = True
            client.transport.close()
            return client.response
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
