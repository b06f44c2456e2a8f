"""Listening and dialling behind one small door: the loop's sockets here, memory in scenario tests."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable
from typing import Protocol

from kernel.settings import Address

Factory = Callable[[], asyncio.Protocol]


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
        self, address: Address, factory: Factory, tls: ssl.SSLContext | None = None
    ) -> tuple[asyncio.BaseTransport, asyncio.BaseProtocol]:
        """Connect; OSError when it fails. The caller bounds the wait."""


class _LoopListener:
    def __init__(self, server: asyncio.AbstractServer, address: Address) -> None:
        self._server = server
        self.address = address

    def close(self) -> None:
        self._server.close()


class LoopNetwork:
    """TCP on the running loop. TLS goes over aiofastnet, which spares a third of its CPU (docs/decisions/0004)."""

    def __init__(self, backlog: int = 4096) -> None:
        self._backlog = backlog

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
        self, address: Address, factory: Factory, tls: ssl.SSLContext | None = None
    ) -> tuple[asyncio.BaseTransport, asyncio.BaseProtocol]:
        """See Network."""
        loop = asyncio.get_running_loop()
        name = address.host if tls is not None else None
        return await loop.create_connection(factory, address.host, address.port, ssl=tls, server_hostname=name)
