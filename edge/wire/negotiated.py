"""Which wire a new connection speaks: what TLS negotiated (ALPN), or what the first bytes say (prior knowledge)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import cast

from edge.wire.accept import Door
from edge.wire.h2.frames import PREFACE
from edge.wire.h2.h2_server import Http2Connection
from edge.wire.http1_server import Connection

H2 = "h2"
"""HTTP/2 over TLS, as ALPN names it (RFC 9113 §3.1)."""


class NegotiatedProtocol(asyncio.Protocol):
    """Stands for a connection during its TLS handshake, then hands the transport to the protocol that was chosen."""

    def __init__(self, http1: Callable[[], Connection], http2: Callable[[], Http2Connection], door: Door) -> None:
        self._http1 = http1
        self._http2 = http2
        self._door = door

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The handshake is done."""
        self._door.end_handshake(self, "done")
        tls = transport.get_extra_info("ssl_object")
        chosen = self._http2() if tls is not None and tls.selected_alpn_protocol() == H2 else self._http1()
        _hand_over(transport, chosen)


class PrefaceProtocol(asyncio.Protocol):
    """A connection without TLS that begins with HTTP/1.1 and becomes HTTP/2 if its first bytes are that preface (RFC
    9113 §3.3).

    Until then it is an HTTP/1.1 connection for limits and time-outs: it waits for the rest of a head.
    """

    def __init__(self, http1: Callable[[], Connection], http2: Callable[[], Http2Connection]) -> None:
        self._connection = http1()
        self._http2 = http2
        self._begun = b""
        self._transport = cast("asyncio.Transport", None)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A viewer connected."""
        self._transport = cast("asyncio.Transport", transport)
        self._connection.connection_made(transport)

    def connection_lost(self, exc: Exception | None) -> None:
        """The viewer left before it was known which wire they speak."""
        self._connection.connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """The first bytes."""
        begun = self._begun = self._begun + data
        if self._connection.lingering or not PREFACE.startswith(begun[: len(PREFACE)]):
            self._transport.set_protocol(self._connection)
            self._connection.data_received(begun)
        elif len(begun) >= len(PREFACE):
            self._connection.connection_lost(None)
            chosen = self._http2()
            _hand_over(self._transport, chosen)
            chosen.data_received(begun)

    def eof_received(self) -> bool | None:
        """The viewer sends no more."""
        return self._connection.eof_received()

    def pause_writing(self) -> None:
        """The viewer's socket is full."""
        self._connection.pause_writing()

    def resume_writing(self) -> None:
        """The viewer's socket has room again."""
        self._connection.resume_writing()


def _hand_over(transport: asyncio.BaseTransport, chosen: Connection | Http2Connection) -> None:
    cast("asyncio.Transport", transport).set_protocol(chosen)
    chosen.connection_made(transport)
