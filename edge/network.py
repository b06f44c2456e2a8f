"""Listening and dialling behind one small door: the loop's sockets here, memory in scenario tests."""

from __future__ import annotations

import asyncio
import ipaddress
import socket
import ssl
from asyncio.staggered import staggered_race
from collections.abc import Callable
from functools import partial
from typing import Protocol, cast

from edge.resolve import Place, Resolver
from kernel.settings import Address

Factory = Callable[[], asyncio.Protocol]

NEXT_PLACE_SECONDS = 0.25
"""After which the next address of a name is tried beside the one that has not answered (RFC 8305 §8)."""

MOST_PLACES = 8


class Listener(Protocol):
    """A bound address."""

    address: Address
    """Where it really listens (port 0 resolved)."""

    def close(self) -> None:
        """Accept no more."""


class Network(Protocol):
    """Where bytes come from and go to."""

    async def listen(self, address: Address, factory: Factory, tls: ssl.SSLContext | None = None) -> Listener:
        """Accept connections, a protocol each; OSError when the address cannot be had."""

    async def dial(
        self, address: Address, factory: Factory, tls: ssl.SSLContext | None = None, name: str | None = None
    ) -> tuple[asyncio.BaseTransport, asyncio.BaseProtocol]:
        """Connect; OSError when it fails. The caller bounds the wait. `name`: whose certificate it must be, if not
        that of the address's host."""


class _LoopListener:
    def __init__(self, server: asyncio.AbstractServer, address: Address) -> None:
        self._server = server
        self.address = address

    def close(self) -> None:
        self._server.close()


class LoopNetwork:
    """TCP on the running loop. TLS goes over aiofastnet, which spares a good part of its CPU (docs/decisions/0011)."""

    def __init__(self, backlog: int = 4096, resolver: Resolver | None = None) -> None:
        self._backlog = backlog
        self._resolver = resolver

    async def listen(self, address: Address, factory: Factory, tls: ssl.SSLContext | None = None) -> Listener:
        """See Network."""
        loop = asyncio.get_running_loop()
        server: asyncio.AbstractServer
        if tls is None:
            server = await loop.create_server(factory, address.host, address.port, backlog=self._backlog)
        else:
            import aiofastnet

            server = await aiofastnet.create_server(
                loop, factory, address.host, address.port, ssl=tls, backlog=self._backlog, ssl_handshake_timeout=10.0
            )
        bound = server.sockets[0].getsockname()
        return _LoopListener(server, Address(address.host, bound[1]))

    async def dial(
        self, address: Address, factory: Factory, tls: ssl.SSLContext | None = None, name: str | None = None
    ) -> tuple[asyncio.BaseTransport, asyncio.BaseProtocol]:
        """See Network. A name's addresses are tried in turn, each begun when the one before is late (RFC 8305)."""
        loop = asyncio.get_running_loop()
        told = (name or address.host) if tls is not None else None
        if is_literal(address.host):
            return await loop.create_connection(factory, address.host, address.port, ssl=tls, server_hostname=told)
        sock = await self._connected(loop, address)
        return await loop.create_connection(factory, sock=sock, ssl=tls, server_hostname=told)

    async def _connected(self, loop: asyncio.AbstractEventLoop, address: Address) -> socket.socket:
        if self._resolver is None:
            self._resolver = Resolver(loop.time)
        places = await self._resolver.places(*address)
        if len(places) == 1:
            return await _connect(loop, places[0])
        tries = [partial(_connect, loop, place) for place in places[:MOST_PLACES]]
        sock, _, errors = await staggered_race(tries, NEXT_PLACE_SECONDS)
        if sock is None:
            raise next((error for error in errors if isinstance(error, OSError)), OSError("no address answers"))
        return cast("socket.socket", sock)


def is_literal(host: str) -> bool:
    """Whether a host is an address and no name."""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


async def _connect(loop: asyncio.AbstractEventLoop, place: Place) -> socket.socket:
    """A connected socket; it is closed again when that fails or is given up."""
    sock = socket.socket(place.family, socket.SOCK_STREAM)
    try:
        sock.setblocking(False)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        await loop.sock_connect(sock, place.address)
    except BaseException:
        sock.close()
        raise
    return sock
