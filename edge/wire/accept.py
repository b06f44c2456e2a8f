"""ACCEPT: listening sockets and an accept loop of our own, because neither event loop nor TLS library bounds theirs.

uvloop closes a listener after some errors of accept; aiofastnet and asyncio retry at once and log each with a trace.
Here a lack of descriptors or buffers suspends accepting, for longer each time; some of the connections in the kernel's
queue are reset, by means of a descriptor kept in reserve. A connection counts from its first moment: during the TLS
handshake its `Door` may refuse it, or cut the oldest one.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import ssl
import struct
from collections.abc import Callable, Sequence
from typing import Protocol

from edge.process_log import EXHAUSTED
from edge.tasks import TaskOwner
from kernel.settings.table import Address

MAX_ACCEPTS_AT_ONCE = 64
"""Connections accepted before others get their turn."""
GIVE_WAY_SECONDS = 0.002
"""How long a process leaves a waiting connection to another one that has fewer."""
MAX_RESETS = 16
"""Waiting connections that are reset each time accepting is suspended."""
MIN_PAUSE_SECONDS, MAX_PAUSE_SECONDS = 0.1, 1.0
"""How long accepting is suspended for lack of descriptors: the first time, and at most."""
NO_LINGER = struct.pack("ii", 1, 0)
"""SO_LINGER of zero seconds: close by a reset, and keep nothing of the connection here."""

Factory = Callable[[], asyncio.Protocol]


class Door(Protocol):
    """Decides which connections are admitted. Refused ones are reset."""

    @property
    def handshake_timeout(self) -> float:
        """Seconds that a TLS handshake may take."""

    def has_room(self, fd: int) -> bool:
        """Whether a socket with this descriptor may stay."""

    def begin_handshake(self, protocol: asyncio.Protocol, address: str, cut: Callable[[], object]) -> bool:
        """Whether a TLS handshake may begin; `cut` ends it."""

    def end_handshake(self, protocol: asyncio.Protocol, end: str) -> None:
        """The handshake is over; `end` in one word."""

    def on_accept_failed(self, error: OSError) -> None:
        """Accept failed and is suspended."""

    @property
    def failed(self) -> Callable[[BaseException], object]:
        """Called with unexpected errors."""


def bind(infos: Sequence[tuple[int, tuple[object, ...]]], backlog: int) -> list[socket.socket]:
    """Listening sockets at each (family, address), all at the first one's port. OSError if one cannot be bound."""
    made: list[socket.socket] = []
    try:
        for family, address in infos:
            sock = socket.socket(family, socket.SOCK_STREAM)
            made.append(sock)
            sock.setblocking(False)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # accepted sockets inherit it
            if family == socket.AF_INET6:
                sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            port = made[0].getsockname()[1] or address[1]
            sock.bind((address[0], port, *address[2:]))
            sock.listen(backlog)
    except BaseException:
        for sock in made:
            sock.close()
        raise
    return made


def reset(sock: socket.socket) -> None:
    """Close by a reset."""
    with contextlib.suppress(OSError):
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, NO_LINGER)
    sock.close()


class Acceptor:
    """Accepts until it is closed. `tls`: handshakes come first. `gives_way`: whether another process that accepts from
    the same sockets should have the next connection; the kernel would give a burst of them to one."""

    def __init__(
        self,
        sockets: list[socket.socket],
        factory: Factory,
        tls: ssl.SSLContext | None,
        door: Door,
        host: str,
        gives_way: Callable[[], bool] | None = None,
    ) -> None:
        self._gives_way = gives_way
        self._accepts_at_once = MAX_ACCEPTS_AT_ONCE if gives_way is None else 1
        self._gave_way = False
        self.address = Address(host, sockets[0].getsockname()[1])
        self._sockets = sockets
        self._factory = factory
        self._tls = tls
        self._door = door
        self._loop = asyncio.get_running_loop()
        self._owner = TaskOwner(door.failed, threads=1)
        self._pause_seconds = MIN_PAUSE_SECONDS
        self._pause_timer: asyncio.TimerHandle | None = None
        self._reserve = _open_reserve()
        self._resume()

    @property
    def descriptors(self) -> tuple[int, ...]:
        """The listening sockets, to be handed to a successor."""
        return tuple(sock.fileno() for sock in self._sockets)

    def close(self) -> None:
        """Stop accepting; running handshakes go on."""
        if self._pause_timer is not None:
            self._pause_timer.cancel()
            self._pause_timer = None
        for sock in self._sockets:
            self._loop.remove_reader(sock)
            sock.close()
        self._sockets = []
        if self._reserve >= 0:
            os.close(self._reserve)
            self._reserve = -1

    def _resume(self) -> None:
        self._pause_timer = None
        for sock in self._sockets:
            self._loop.add_reader(sock, self._accept, sock)

    def _accept(self, listening: socket.socket) -> None:
        """Accept the connections that wait."""
        if self._gives_way is not None and not self._gave_way and self._gives_way():
            self._give_way()
            return
        self._gave_way = False
        for _ in range(self._accepts_at_once):
            try:
                sock, peer = listening.accept()
            except (BlockingIOError, InterruptedError):
                break
            except OSError as error:
                if error.errno in EXHAUSTED or listening.fileno() < 0:
                    self._pause(error)
                    return
                continue  # one connection was aborted, or a firewall refused it (accept(2))
            self._admit(sock, str(peer[0]) if peer else "")
        self._pause_seconds = MIN_PAUSE_SECONDS

    def _give_way(self) -> None:
        """Leave the next connection to others for a moment. If none accepts it, this process does."""
        self._gave_way = True
        for sock in self._sockets:
            self._loop.remove_reader(sock)
        self._pause_timer = self._loop.call_later(GIVE_WAY_SECONDS, self._resume)

    def _pause(self, error: OSError) -> None:
        """Suspend accepting until there may be descriptors again. The socket stays readable: the loop would spin."""
        if not self._sockets:
            return
        self._door.on_accept_failed(error)
        for sock in self._sockets:
            self._loop.remove_reader(sock)
            self._reset_some(sock)
        self._pause_timer = self._loop.call_later(self._pause_seconds, self._resume)
        self._pause_seconds = min(2 * self._pause_seconds, MAX_PAUSE_SECONDS)

    def _reset_some(self, listening: socket.socket) -> None:
        """Reset some of the waiting connections, instead of holding them until they give up."""
        if self._reserve >= 0:
            os.close(self._reserve)
            self._reserve = -1
        with contextlib.suppress(OSError):
            for _ in range(MAX_RESETS):
                reset(listening.accept()[0])
        self._reserve = _open_reserve()

    def _admit(self, sock: socket.socket, address: str) -> None:
        if not self._door.has_room(sock.fileno()):
            reset(sock)
            return
        sock.setblocking(False)
        protocol = self._factory()
        if self._tls is None:
            self._owner.spawn(self._adopt(sock, protocol))
        elif self._door.begin_handshake(protocol, address, lambda: _shut(sock)):
            self._owner.spawn(self._handshake(sock, protocol, self._tls))
        else:
            reset(sock)

    async def _adopt(self, sock: socket.socket, protocol: asyncio.Protocol) -> None:
        try:
            await self._loop.connect_accepted_socket(lambda: protocol, sock)
        except OSError:
            sock.close()  # closed already

    async def _handshake(self, sock: socket.socket, protocol: asyncio.Protocol, tls: ssl.SSLContext) -> None:
        import aiofastnet

        end = "failed"
        try:
            await aiofastnet.connect_accepted_socket(
                self._loop, lambda: protocol, sock, ssl=tls, ssl_handshake_timeout=self._door.handshake_timeout
            )
            end = "done"
        except ConnectionAbortedError:
            end = "late"  # aiofastnet raises this after the timeout
        except OSError:  # TLS errors too: not TLS, an unknown version, or the viewer left
            sock.close()
        finally:
            self._door.end_handshake(protocol, end)


def _shut(sock: socket.socket) -> None:
    """End both sides: whoever reads from the socket meets the end."""
    with contextlib.suppress(OSError):
        sock.shutdown(socket.SHUT_RDWR)


def _open_reserve() -> int:
    try:
        return os.open("/dev/null", os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return -1


class OpenDoor:
    """Admits every connection."""

    handshake_timeout = 10.0

    def has_room(self, fd: int) -> bool:  # noqa: ARG002 (of the protocol)
        """Always."""
        return True

    def begin_handshake(self, protocol: asyncio.Protocol, address: str, cut: Callable[[], object]) -> bool:  # noqa: ARG002
        """Always."""
        return True

    def end_handshake(self, protocol: asyncio.Protocol, end: str) -> None:
        """Counts nothing."""

    def on_accept_failed(self, error: OSError) -> None:
        """Counts nothing."""

    def failed(self, error: BaseException) -> None:
        """Reports to the event loop."""
        asyncio.get_running_loop().call_exception_handler({"message": "a handshake failed", "exception": error})
