"""Listening and dialling behind one small door: the loop's sockets here, memory in scenario tests."""

from __future__ import annotations

import asyncio
import errno
import ipaddress
import os
import resource
import socket
import ssl
from asyncio.staggered import staggered_race
from functools import partial
from typing import Protocol, cast

from edge.serve.accept import Acceptor, Door, Factory, OpenDoor, bind
from edge.upstreams.dns import Resolver, SocketAddress
from kernel.settings.table import Address

NEXT_PLACE_SECONDS = 0.25
"""After which the next address of a name is tried beside the one that has not answered (RFC 8305 §8)."""

MAX_ADDRESSES = 8
MAX_UNSENT = 128 * 1024
"""Bytes of requests to one upstream's connection that the kernel holds unsent."""
KEPT_FROM_UPSTREAMS = 64
"""Of the process's file descriptors, the last are for the disk and the admin port, whatever is asked of upstreams."""


class Listener(Protocol):
    """A bound address."""

    address: Address
    """Where it really listens (port 0 resolved)."""

    def close(self) -> None:
        """Accept no more."""


class Network(Protocol):
    """Where bytes come from and go to."""

    async def listen(
        self, address: Address, factory: Factory, tls: ssl.SSLContext | None = None, door: Door | None = None
    ) -> Listener:
        """Accept connections that the door lets in, a protocol each; OSError when the address cannot be had."""

    async def dial(
        self, address: Address, factory: Factory, tls: ssl.SSLContext | None = None, name: str | None = None
    ) -> tuple[asyncio.BaseTransport, asyncio.BaseProtocol]:
        """Connect; OSError when it fails. The caller bounds the wait. `name`: whose certificate it must be, if not
        that of the address's host."""


class LoopNetwork:
    """TCP on the running loop. TLS goes over aiofastnet, which spares a good part of its CPU (docs/decisions/0011)."""

    def __init__(self, backlog: int = 4096, resolver: Resolver | None = None) -> None:
        self._backlog = backlog
        self._resolver = resolver

    async def listen(
        self, address: Address, factory: Factory, tls: ssl.SSLContext | None = None, door: Door | None = None
    ) -> Listener:
        """See Network."""
        found = await asyncio.get_running_loop().getaddrinfo(
            address.host, address.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )
        places = list(dict.fromkeys((family, place) for family, _, _, _, place in found))
        return Acceptor(bind(places, self._backlog), factory, tls, door or OpenDoor(), address.host)

    async def dial(
        self, address: Address, factory: Factory, tls: ssl.SSLContext | None = None, name: str | None = None
    ) -> tuple[asyncio.BaseTransport, asyncio.BaseProtocol]:
        """See Network. A name's addresses are tried in turn, each begun when the one before is late (RFC 8305)."""
        loop = asyncio.get_running_loop()
        told = (name or address.host) if tls is not None else None
        if is_literal(address.host):
            made = await loop.create_connection(factory, address.host, address.port, ssl=tls, server_hostname=told)
            try:
                _prepare(made[0].get_extra_info("socket"))
            except OSError:
                made[0].abort()
                raise
            return made
        sock = await self._connected(loop, address)
        return await loop.create_connection(factory, sock=sock, ssl=tls, server_hostname=told)

    async def _connected(self, loop: asyncio.AbstractEventLoop, address: Address) -> socket.socket:
        if self._resolver is None:
            self._resolver = Resolver(loop.time)
        places = await self._resolver.places(*address)
        if len(places) == 1:
            return await _connect(loop, places[0])
        tries = [partial(_connect, loop, place) for place in places[:MAX_ADDRESSES]]
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


async def _connect(loop: asyncio.AbstractEventLoop, place: SocketAddress) -> socket.socket:
    """A connected socket; it is closed again when that fails or is given up."""
    sock = socket.socket(place.family, socket.SOCK_STREAM)
    try:
        sock.setblocking(False)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        _prepare(sock)
        await loop.sock_connect(sock, place.address)
    except BaseException:
        sock.close()
        raise
    return sock


def _prepare(sock: socket.socket) -> None:
    """OSError when its descriptor is one of those that are kept for others. The kernel would else hold megabytes of
    each request body for an upstream that is slow to take it."""
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    if sock.fileno() >= most - min(KEPT_FROM_UPSTREAMS, most // 16):
        raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, MAX_UNSENT)
