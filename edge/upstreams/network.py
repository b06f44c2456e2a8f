"""Sockets behind one small interface: listening, DNS, and connecting with Happy Eyeballs. Scenario tests use memory.

Names are resolved off the loop and remembered for a while. One lookup per name runs at a time, however many wait for it
and however long it hangs; the previous answer stays valid meanwhile, and when the lookup fails.
"""

from __future__ import annotations

import asyncio
import errno
import ipaddress
import os
import resource
import socket
import ssl
from asyncio.staggered import staggered_race
from collections.abc import Callable, Sequence
from functools import partial
from typing import NamedTuple, Protocol, cast

from edge.wire.accept import Acceptor, Door, Factory, OpenDoor, bind
from kernel.settings.table import Address

REMEMBERED_SECONDS = 30.0


class SocketAddress(NamedTuple):
    """One address of a host: the family of sockets that reach it, and what they connect to."""

    family: int
    address: tuple[str, int] | tuple[str, int, int, int]


def look_up(host: str, port: int) -> list[SocketAddress]:
    """Ask the system; blocks. OSError when there is no such name."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [SocketAddress(family, address) for family, _, _, _, address in found]  # type: ignore[arg-type]  # of TCP only


def interleaved(places: Sequence[SocketAddress]) -> list[SocketAddress]:
    """One family after the other in turn, the first one's first (RFC 8305 §4), each address once."""
    by_family: dict[int, list[SocketAddress]] = {}
    for place in dict.fromkeys(places):
        by_family.setdefault(place.family, []).append(place)
    longest = max((len(group) for group in by_family.values()), default=0)
    return [group[at] for at in range(longest) for group in by_family.values() if at < len(group)]


class Resolver:
    """Remembers what names mean. `ask` blocks and is run in a thread of the loop's."""

    def __init__(self, now: Callable[[], float], ask: Callable[[str, int], list[SocketAddress]] = look_up) -> None:
        self._now = now
        self._ask = ask
        self._known: dict[tuple[str, int], tuple[float, list[SocketAddress]]] = {}
        self._running: dict[tuple[str, int], asyncio.Future[list[SocketAddress]]] = {}

    async def places(self, host: str, port: int) -> list[SocketAddress]:
        """Where a name leads, in the order to try; OSError when it leads nowhere."""
        known = self._known.get((host, port))
        if known is not None and self._now() < known[0] + REMEMBERED_SECONDS:
            return known[1]
        running = self._running.get((host, port)) or self._begin(host, port)
        if known is not None:
            return known[1]
        return await asyncio.shield(running)

    def _begin(self, host: str, port: int) -> asyncio.Future[list[SocketAddress]]:
        running = asyncio.get_running_loop().run_in_executor(None, self._ask, host, port)
        self._running[host, port] = running
        running.add_done_callback(lambda done: self._answered((host, port), done))
        return running

    def _answered(self, name: tuple[str, int], done: asyncio.Future[list[SocketAddress]]) -> None:
        self._running.pop(name, None)
        if not done.cancelled() and done.exception() is None and done.result():
            self._known[name] = (self._now(), interleaved(done.result()))
        elif name in self._known:
            self._known[name] = (self._now(), self._known[name][1])


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
