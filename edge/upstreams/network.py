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
    """An address of a host: its socket family, and what such a socket connects to."""

    family: int
    address: tuple[str, int] | tuple[str, int, int, int]


def resolve(host: str, port: int) -> list[SocketAddress]:
    """Ask the system's resolver; blocks. Raises OSError if the name does not exist."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [SocketAddress(family, address) for family, _, _, _, address in found]  # type: ignore[arg-type]  # TCP addresses only


def interleave_families(addresses: Sequence[SocketAddress]) -> list[SocketAddress]:
    """Addresses alternating by family, starting with the first one's (RFC 8305 §4), each once."""
    by_family: dict[int, list[SocketAddress]] = {}
    for address in dict.fromkeys(addresses):
        by_family.setdefault(address.family, []).append(address)
    longest = max((len(group) for group in by_family.values()), default=0)
    return [group[at] for at in range(longest) for group in by_family.values() if at < len(group)]


class Resolver:
    """Remembers the addresses of names. `ask` blocks and runs in one of the loop's threads."""

    def __init__(self, now: Callable[[], float], ask: Callable[[str, int], list[SocketAddress]] = resolve) -> None:
        self._now = now
        self._ask = ask
        self._known: dict[tuple[str, int], tuple[float, list[SocketAddress]]] = {}
        self._running: dict[tuple[str, int], asyncio.Future[list[SocketAddress]]] = {}

    async def addresses(self, host: str, port: int) -> list[SocketAddress]:
        """The addresses of a name, in the order to try. Raises OSError if there are none."""
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
            self._known[name] = (self._now(), interleave_families(done.result()))
        elif name in self._known:
            self._known[name] = (self._now(), self._known[name][1])


NEXT_ADDRESS_SECONDS = 0.25
"""Seconds after which the next address is tried besides the one that has not answered (RFC 8305 §8)."""

MAX_ADDRESSES = 8
MAX_UNSENT = 128 * 1024
"""Bytes of requests that the kernel buffers per connection to an upstream."""
RESERVED_DESCRIPTORS = 64
"""The last file descriptors of the process, reserved for the disk and the admin port."""


DialFactory = Callable[[], asyncio.BaseProtocol]


class Listener(Protocol):
    """A bound address."""

    address: Address
    """The actual address (port 0 resolved)."""

    def close(self) -> None:
        """Stop listening."""


class Network(Protocol):
    """Listens and connects."""

    async def listen(
        self, address: Address, factory: Factory, tls: ssl.SSLContext | None = None, door: Door | None = None
    ) -> Listener:
        """Accept connections that the door admits, with a protocol each. Raises OSError if the address is not
        available.
        """

    async def dial(
        self, address: Address, factory: DialFactory, tls: ssl.SSLContext | None = None, name: str | None = None
    ) -> tuple[asyncio.BaseTransport, asyncio.BaseProtocol]:
        """Connect. Raises OSError on failure; the caller bounds the time.

        `name`: the name in the certificate, if not the address's host.
        """


class LoopNetwork:
    """TCP on the running loop. TLS uses aiofastnet, which saves much CPU (docs/decisions/0011)."""

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
        addresses = list(dict.fromkeys((family, address) for family, _, _, _, address in found))
        return Acceptor(bind(addresses, self._backlog), factory, tls, door or OpenDoor(), address.host)

    async def dial(
        self, address: Address, factory: DialFactory, tls: ssl.SSLContext | None = None, name: str | None = None
    ) -> tuple[asyncio.BaseTransport, asyncio.BaseProtocol]:
        """See Network. A name's addresses are tried in turn, the next one when the previous is slow (RFC 8305)."""
        loop = asyncio.get_running_loop()
        server_name = (name or address.host) if tls is not None else None
        if is_literal(address.host):
            made = await loop.create_connection(
                factory, address.host, address.port, ssl=tls, server_hostname=server_name
            )
            try:
                _prepare(made[0].get_extra_info("socket"))
            except OSError:
                made[0].abort()
                raise
            return made
        sock = await self._connected(loop, address)
        return await loop.create_connection(factory, sock=sock, ssl=tls, server_hostname=server_name)

    async def _connected(self, loop: asyncio.AbstractEventLoop, address: Address) -> socket.socket:
        if self._resolver is None:
            self._resolver = Resolver(loop.time)
        addresses = await self._resolver.addresses(*address)
        if len(addresses) == 1:
            return await _connect(loop, addresses[0])
        tries = [partial(_connect, loop, address) for address in addresses[:MAX_ADDRESSES]]
        sock, _, errors = await staggered_race(tries, NEXT_ADDRESS_SECONDS)
        if sock is None:
            raise next((error for error in errors if isinstance(error, OSError)), OSError("no address answers"))
        return cast("socket.socket", sock)


def is_literal(host: str) -> bool:
    """Whether a host is an IP address rather than a name."""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


async def _connect(loop: asyncio.AbstractEventLoop, address: SocketAddress) -> socket.socket:
    """A connected socket; it is closed if connecting fails or is cancelled."""
    sock = socket.socket(address.family, socket.SOCK_STREAM)
    try:
        sock.setblocking(False)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        _prepare(sock)
        await loop.sock_connect(sock, address.address)
    except BaseException:
        sock.close()
        raise
    return sock


def _prepare(sock: socket.socket) -> None:
    """Limit the kernel's buffer: it would hold megabytes of each request body for a slow upstream.

    Raises OSError if the descriptor is one of the reserved ones.
    """
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    if sock.fileno() >= most - min(RESERVED_DESCRIPTORS, most // 16):
        raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, MAX_UNSENT)
