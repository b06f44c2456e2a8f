"""ACCEPT: listening sockets and an accept loop of our own, since neither event loop nor TLS library bounds theirs.

uvloop closes a listener at some errors of accept, aiofastnet and asyncio come back at once and log each with a trace.
Here a lack of descriptors or buffers lets accept rest, for longer each time; some of those who wait in the kernel's
queue are told by a reset, by means of a descriptor kept in reserve. A connection is counted from its first moment on:
during the TLS handshake by its `Door`, which may refuse it, or end one that has been at it for longest.
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

MAX_AT_ONCE = 64
"""Connections accepted before others get their turn."""
MAX_SHED = 16
"""Connections told by a reset each time that accept rests."""
MIN_REST, MAX_REST = 0.1, 1.0
"""Seconds that accept rests for want of descriptors: the first time, and at most."""
RESET = struct.pack("ii", 1, 0)
"""SO_LINGER for no time: the other side learns at once that nobody is there for it, and nothing of it stays here."""

Factory = Callable[[], asyncio.Protocol]


class Door(Protocol):
    """Who may come in. What is refused is closed by a reset."""

    @property
    def handshake_timeout(self) -> float:
        """Seconds that a TLS handshake may take."""

    def has_room(self, fd: int) -> bool:
        """Whether a socket that got this descriptor may stay."""

    def begin_handshake(self, protocol: asyncio.Protocol, address: str, cut: Callable[[], object]) -> bool:
        """Whether a TLS handshake may begin; `cut` ends it."""

    def end_handshake(self, protocol: asyncio.Protocol, end: str) -> None:
        """It is over; `end` in a word."""

    def on_accept_failed(self, error: OSError) -> None:
        """Accept failed and rests."""

    @property
    def failed(self) -> Callable[[BaseException], object]:
        """Told of an error that nobody expected."""


def bind(infos: Sequence[tuple[int, tuple[object, ...]]], backlog: int) -> list[socket.socket]:
    """Listening sockets at each (family, address), all at the first one's port. OSError when one cannot be had."""
    made: list[socket.socket] = []
    try:
        for family, address in infos:
            sock = socket.socket(family, socket.SOCK_STREAM)
            made.append(sock)
            sock.setblocking(False)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # those accepted have it from here
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
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
    sock.close()


class Acceptor:
    """Accepts until it is closed. `tls`: handshakes come first."""

    def __init__(
        self, sockets: list[socket.socket], factory: Factory, tls: ssl.SSLContext | None, door: Door, host: str
    ) -> None:
        self.address = Address(host, sockets[0].getsockname()[1])
        self._sockets = sockets
        self._factory = factory
        self._tls = tls
        self._door = door
        self._loop = asyncio.get_running_loop()
        self._owner = TaskOwner(door.failed, threads=1)
        self._rest = MIN_REST
        self._resting: asyncio.TimerHandle | None = None
        self._reserve = _open_reserve()
        self._go_on()

    def close(self) -> None:
        """Accept no more; handshakes under way go on."""
        if self._resting is not None:
            self._resting.cancel()
            self._resting = None
        for sock in self._sockets:
            self._loop.remove_reader(sock)
            sock.close()
        self._sockets = []
        if self._reserve >= 0:
            os.close(self._reserve)
            self._reserve = -1

    def _go_on(self) -> None:
        self._resting = None
        for sock in self._sockets:
            self._loop.add_reader(sock, self._accept, sock)

    def _accept(self, listening: socket.socket) -> None:
        """Take what waits."""
        for _ in range(MAX_AT_ONCE):
            try:
                sock, peer = listening.accept()
            except (BlockingIOError, InterruptedError):
                break
            except OSError as error:
                if error.errno in EXHAUSTED or listening.fileno() < 0:
                    self._pause(error)
                    return
                continue  # that one connection was aborted, or a firewall refused it (accept(2))
            self._enter(sock, str(peer[0]) if peer else "")
        self._rest = MIN_REST

    def _pause(self, error: OSError) -> None:
        """Come back when there may be descriptors again: the socket stays readable, the loop would spin."""
        if not self._sockets:
            return
        self._door.on_accept_failed(error)
        for sock in self._sockets:
            self._loop.remove_reader(sock)
            self._shed(sock)
        self._resting = self._loop.call_later(self._rest, self._go_on)
        self._rest = min(2 * self._rest, MAX_REST)

    def _shed(self, listening: socket.socket) -> None:
        """Reset some of those who wait: better than to hold them until they give up."""
        if self._reserve >= 0:
            os.close(self._reserve)
            self._reserve = -1
        with contextlib.suppress(OSError):
            for _ in range(MAX_SHED):
                reset(listening.accept()[0])
        self._reserve = _open_reserve()

    def _enter(self, sock: socket.socket, address: str) -> None:
        if not self._door.has_room(sock.fileno()):
            reset(sock)
            return
        sock.setblocking(False)
        protocol = self._factory()
        if self._tls is None:
            self._owner.spawn(self._adopt(sock, protocol))
        elif self._door.begin_handshake(protocol, address, lambda: _shut(sock)):
            self._owner.spawn(self._shake(sock, protocol, self._tls))
        else:
            reset(sock)

    async def _adopt(self, sock: socket.socket, protocol: asyncio.Protocol) -> None:
        try:
            await self._loop.connect_accepted_socket(lambda: protocol, sock)
        except OSError:
            sock.close()  # gone already

    async def _shake(self, sock: socket.socket, protocol: asyncio.Protocol, tls: ssl.SSLContext) -> None:
        import aiofastnet

        end = "failed"
        try:
            await aiofastnet.connect_accepted_socket(
                self._loop, lambda: protocol, sock, ssl=tls, ssl_handshake_timeout=self._door.handshake_timeout
            )
            end = "done"
        except ConnectionAbortedError:
            end = "late"  # what aiofastnet raises when the time is over
        except OSError:  # of TLS too: who speaks none, or none that we know, or went away
            sock.close()
        finally:
            self._door.end_handshake(protocol, end)


def _shut(sock: socket.socket) -> None:
    """End both sides: whoever reads from it meets the end."""
    with contextlib.suppress(OSError):
        sock.shutdown(socket.SHUT_RDWR)


def _open_reserve() -> int:
    try:
        return os.open("/dev/null", os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return -1


class OpenDoor:
    """Lets everybody in."""

    handshake_timeout = 10.0

    def has_room(self, fd: int) -> bool:  # noqa: ARG002 (of the protocol)
        """Always."""
        return True

    def begin_handshake(self, protocol: asyncio.Protocol, address: str, cut: Callable[[], object]) -> bool:  # noqa: ARG002
        """Always."""
        return True

    def end_handshake(self, protocol: asyncio.Protocol, end: str) -> None:
        """Nothing is counted."""

    def on_accept_failed(self, error: OSError) -> None:
        """Nobody is told."""

    def failed(self, error: BaseException) -> None:
        """Told to the event loop."""
        asyncio.get_running_loop().call_exception_handler({"message": "a handshake failed", "exception": error})
