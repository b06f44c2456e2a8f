"""The two grounds a scenario runs on: memory, and TCP on loopback. Both bind a viewer's own source address."""

from __future__ import annotations

import asyncio
import itertools
import ssl
from collections import deque
from typing import Any

from edge.upstreams.network import Factory, Listener
from edge.wire.accept import Door
from kernel.settings.table import Address


class MemoryTransport(asyncio.Transport):
    """One end of a pair; bytes arrive at the other end in the loop's next turn, in order."""

    def __init__(self, protocol: asyncio.Protocol, own: Address, peer: Address) -> None:
        super().__init__({"peername": tuple(peer), "sockname": tuple(own)})
        self.protocol = protocol
        self.other: MemoryTransport | None = None
        self._incoming: deque[bytes] = deque()
        self._reading = True
        self._closing = False
        self._lost = False
        self._eof = False
        self._high = 64 * 1024
        self._writer_paused = False
        self._scheduled = False

    # -- writing: bytes lie in the other end's queue until it reads them
    def write(self, data: Any) -> None:
        other = self.other
        if self._closing or other is None or other._lost or not len(data):
            return
        other._incoming.append(bytes(data))
        other._wake()
        if self.get_write_buffer_size() > self._high and not self._writer_paused:
            self._writer_paused = True
            self.protocol.pause_writing()

    def writelines(self, list_of_data: Any) -> None:
        self.write(b"".join(list_of_data))

    def write_eof(self) -> None:
        if self.other is not None:
            self.other._eof = True
            self.other._wake()

    def can_write_eof(self) -> bool:
        return True

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        self._high = high or self._high

    def get_write_buffer_size(self) -> int:
        return sum(map(len, self.other._incoming)) if self.other is not None else 0

    def set_protocol(self, protocol: Any) -> None:
        self.protocol = protocol

    # -- reading
    def pause_reading(self) -> None:
        self._reading = False

    def resume_reading(self) -> None:
        self._reading = True
        self._wake()

    def is_reading(self) -> bool:
        return self._reading

    def _wake(self) -> None:
        if not self._scheduled:
            self._scheduled = True
            asyncio.get_running_loop().call_soon(self._run)

    def _run(self) -> None:
        self._scheduled = False
        other = self.other
        while self._incoming and self._reading and not self._lost:
            data = self._incoming.popleft()
            self.protocol.data_received(data)
        if other is not None and other._writer_paused and other.get_write_buffer_size() <= other._high // 4:
            other._writer_paused = False
            if not other._lost:
                other.protocol.resume_writing()
        if not self._incoming and not self._lost:
            if other is None or (other._closing and not other._lost):
                self._drop(None)
            elif self._eof:
                self._eof = False
                if not self.protocol.eof_received():
                    self.close()

    # -- closing
    def is_closing(self) -> bool:
        return self._closing

    def close(self) -> None:
        if not self._closing:
            self._closing = True
            if self.other is not None:
                self.other._wake()
            asyncio.get_running_loop().call_soon(self._drop, None)

    def abort(self) -> None:
        self._closing = True
        if self.other is not None and not self.other._lost:
            self.other._incoming.clear()
            asyncio.get_running_loop().call_soon(self.other._drop, ConnectionResetError("reset"))
        asyncio.get_running_loop().call_soon(self._drop, None)

    def _drop(self, error: Exception | None) -> None:
        if self._lost:
            return
        self._lost = self._closing = True
        self.protocol.connection_lost(error)
        other = self.other
        if other is not None and not other._lost:
            other._closing_by_peer()

    def _closing_by_peer(self) -> None:
        if self._incoming and self._reading:
            self._wake()
            asyncio.get_running_loop().call_soon(self._closing_by_peer)
        elif not self._incoming:
            self._drop(None)


class _MemoryListener:
    def __init__(self, network: MemoryNetwork, address: Address) -> None:
        self._network = network
        self.address = address

    def close(self) -> None:
        self._network.listening.pop(self.address, None)


class MemoryNetwork:
    """Everything in one process, nothing on a socket."""

    def __init__(self) -> None:
        self.listening: dict[Address, Factory] = {}
        self._ports = itertools.count(20_000)

    async def listen(
        self, address: Address, factory: Factory, tls: ssl.SSLContext | None = None, door: Door | None = None
    ) -> Listener:
        assert tls is None
        bound = Address(address.host, address.port or next(self._ports))
        if bound in self.listening:
            raise OSError(98, "Address already in use")
        self.listening[bound] = factory
        return _MemoryListener(self, bound)

    async def dial(
        self,
        address: Address,
        factory: Factory,
        tls: ssl.SSLContext | None = None,
        name: str | None = None,
        local: str = "127.0.0.1",
    ) -> tuple[asyncio.BaseTransport, asyncio.BaseProtocol]:
        await asyncio.sleep(0)
        accept = self.listening.get(address)
        if accept is None:
            raise ConnectionRefusedError(111, "Connection refused")
        here = Address(local, next(self._ports))
        ours, theirs = factory(), accept()
        near, far = MemoryTransport(ours, here, address), MemoryTransport(theirs, address, here)
        near.other, far.other = far, near
        theirs.connection_made(far)
        ours.connection_made(near)
        return near, ours


class TcpNetwork:
    """Real sockets on loopback."""

    async def listen(
        self, address: Address, factory: Factory, tls: ssl.SSLContext | None = None, door: Door | None = None
    ) -> Listener:
        from edge.upstreams.network import LoopNetwork

        return await LoopNetwork().listen(address, factory, tls, door)

    async def dial(
        self,
        address: Address,
        factory: Factory,
        tls: ssl.SSLContext | None = None,
        name: str | None = None,
        local: str = "127.0.0.1",
    ) -> tuple[asyncio.BaseTransport, asyncio.BaseProtocol]:
        loop = asyncio.get_running_loop()
        return await loop.create_connection(
            factory, address.host, address.port, ssl=tls, server_hostname=name, local_addr=(local, 0)
        )
