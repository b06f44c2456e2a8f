"""Which wire a connection speaks: by ALPN, and by its first bytes."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from edge.counters import Counts
from edge.wire.accept import OpenDoor
from edge.wire.h2.frames import PREFACE
from edge.wire.h2.h2_server import Http2Connection
from edge.wire.http1_server import Connection
from edge.wire.negotiated import NegotiatedProtocol, PrefaceProtocol
from tests.edge.wire.fakes import GENERAL, FakeTransport
from tests.edge.wire.h2.ground import SETTINGS, Answering, headers

GET = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"


class Transport(FakeTransport):
    """Passes on to its protocol, which may be replaced."""

    def __init__(self, alpn: str | None = None) -> None:
        super().__init__()
        self.protocol: Any = None
        self._alpn = alpn

    def set_protocol(self, protocol: Any) -> None:
        self.protocol = protocol

    def selected_alpn_protocol(self) -> str | None:
        return self._alpn

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return self if name == "ssl_object" and self._alpn else super().get_extra_info(name, default)


def connected(kind: Any, handler: Answering, alpn: str | None = None) -> Transport:
    transport = Transport(alpn)
    make = (
        lambda: Connection(handler, GENERAL),  # type: ignore[arg-type]
        lambda: Http2Connection(handler, GENERAL, Counts()),
    )
    transport.protocol = kind(*make, OpenDoor()) if kind is NegotiatedProtocol else kind(*make)
    transport.protocol.connection_made(transport)
    return transport


@pytest.mark.parametrize(
    ("alpn", "data", "kind"),
    [("h2", PREFACE + SETTINGS + headers(1), Http2Connection), ("http/1.1", GET, Connection), (None, GET, Connection)],
)
async def test_tls_says_which_wire(alpn: str | None, data: bytes, kind: type) -> None:
    handler = Answering()
    transport = connected(NegotiatedProtocol, handler, alpn)
    assert type(transport.protocol) is kind
    transport.protocol.data_received(data)
    assert (len(handler.requests), handler.opened) == (1, 1)


@pytest.mark.parametrize("size", [1, 5, 24, 100])
@pytest.mark.parametrize(("data", "kind"), [(PREFACE + SETTINGS + headers(1), Http2Connection), (GET, Connection)])
async def test_the_first_bytes_say_which_wire_however_they_are_cut(data: bytes, kind: type, size: int) -> None:
    handler = Answering()
    transport = connected(PrefaceProtocol, handler)
    for at in range(0, len(data), size):
        transport.protocol.data_received(data[at : at + size])
    await asyncio.sleep(0)
    assert (type(transport.protocol), len(handler.requests)) == (kind, 1)
    assert handler.opened - handler.closed == 1


async def test_who_leaves_before_it_is_known_is_forgotten() -> None:
    handler = Answering()
    transport = connected(PrefaceProtocol, handler)
    transport.protocol.data_received(PREFACE[:5])
    transport.protocol.connection_lost(None)
    assert (handler.opened, handler.closed) == (1, 1)
