"""A viewer's connection of HTTP/2, with hyper-h2 on their side: one request, by prior knowledge."""

from __future__ import annotations

import asyncio
from typing import cast

from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import (
    ConnectionTerminated,
    DataReceived,
    InformationalResponseReceived,
    ResponseReceived,
    StreamEnded,
    StreamReset,
)

from tests.doubles.response import Response


class H2Client(asyncio.Protocol):
    """See the module. `ended` has the response when it is whole, or was cut."""

    def __init__(self) -> None:
        self.ended: asyncio.Future[Response] = asyncio.get_running_loop().create_future()
        self.headed = asyncio.Event()
        self._h2 = H2Connection(H2Configuration(client_side=True, header_encoding="latin-1"))
        self._response = Response()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)

    def asks(self, method: str, target: str, host: str, headers: dict[str, str]) -> None:
        """Send the request."""
        fields = [(":method", method), (":scheme", "http"), (":path", target), (":authority", host)]
        self._h2.initiate_connection()
        self._h2.send_headers(1, fields + [(k.lower(), v) for k, v in headers.items()], end_stream=True)
        self.transport.write(self._h2.data_to_send())

    def data_received(self, data: bytes) -> None:
        for event in self._h2.receive_data(data):
            if isinstance(event, InformationalResponseReceived):
                self._response.interim.append(int(dict(event.headers)[":status"]))
            elif isinstance(event, ResponseReceived):
                self._read_head([(str(name), str(value)) for name, value in event.headers])
            elif isinstance(event, DataReceived):
                self._response.body += event.data
                self._h2.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
            elif isinstance(event, StreamEnded):
                self._response.whole = True
                self._end()
            elif isinstance(event, (StreamReset, ConnectionTerminated)):
                self._end()
        out = self._h2.data_to_send()
        if out and not self.transport.is_closing():
            self.transport.write(out)

    def _read_head(self, fields: list[tuple[str, str]]) -> None:
        response = self._response
        for name, value in fields:
            if name == ":status":
                response.status = int(value)
                continue
            response.lines.append(f"{name}: {value}")
            response.headers[name] = f"{response.headers[name]}, {value}" if name in response.headers else value
        self.headed.set()

    def connection_lost(self, exc: Exception | None) -> None:
        self._end()

    def _end(self) -> None:
        if not self.ended.done():
            self.ended.set_result(self._response)
            self.transport.close()
