"""Listening sockets that a process did not open itself: of its supervisor, its predecessor, or systemd.

All processes of a node accept from the same sockets. With sockets of their own (SO_REUSEPORT) the kernel would spread
connections by a hash, and those that a dying process had not accepted yet would be reset with it; of a shared queue the
others accept them. `sd_listen_fds(3)` is the form in which sockets are passed to another program.
"""

from __future__ import annotations

import os
import socket
import ssl
from collections.abc import Callable, Mapping, MutableMapping, Sequence

from edge.upstreams.network import Listener, LoopNetwork
from edge.wire.accept import Acceptor, Door, Factory, OpenDoor, bind
from kernel.settings.table import Address

FIRST_FD = 3
"""Of sd_listen_fds(3)."""
BACKLOG = 4096


def passed_sockets(environment: Mapping[str, str], pid: int) -> tuple[int, ...]:
    """The descriptors that systemd or a predecessor passed to this process."""
    if environment.get("LISTEN_PID") != str(pid) or not environment.get("LISTEN_FDS", "").isdecimal():
        return ()
    return tuple(range(FIRST_FD, FIRST_FD + int(environment["LISTEN_FDS"])))


def forget_passed_sockets(environment: MutableMapping[str, str]) -> None:
    """Keep children from taking the variables for theirs."""
    for name in ("LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES"):
        environment.pop(name, None)


def open_sockets(address: Address) -> list[socket.socket]:
    """Listening sockets at an address, as the edge opens its own. Raises OSError."""
    if not address.port:
        address = address._replace(port=free_port(address.host))
    found = socket.getaddrinfo(address.host, address.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    return bind(list(dict.fromkeys((family, where) for family, _, _, _, where in found)), BACKLOG)


def adopt(descriptors: Sequence[int]) -> list[socket.socket]:
    """Sockets of these descriptors, each a duplicate that nothing closes but its user."""
    made = []
    for fd in descriptors:
        sock = socket.socket(fileno=os.dup(fd))
        sock.setblocking(False)
        made.append(sock)
    return made


def own(descriptors: Sequence[int]) -> list[socket.socket]:
    """The sockets of these descriptors themselves, not for children."""
    made = []
    for fd in descriptors:
        sock = socket.socket(fileno=fd)
        sock.setblocking(False)
        sock.set_inheritable(False)
        made.append(sock)
    return made


class InheritedSockets(LoopNetwork):
    """The network of a process that got its listening sockets from its predecessor or from systemd, and owns them: a
    drain closes them, and an undrain opens others. Everything else is LoopNetwork's."""

    def __init__(self, descriptors: Sequence[int]) -> None:
        super().__init__()
        self._descriptors = tuple(descriptors)

    async def listen(
        self, address: Address, factory: Factory, tls: ssl.SSLContext | None = None, door: Door | None = None
    ) -> Listener:
        """See Network."""
        descriptors, self._descriptors = self._descriptors, ()
        if not descriptors:
            return await super().listen(address, factory, tls, door)
        return Acceptor(own(descriptors), factory, tls, door or OpenDoor(), address.host)


class SharedSockets(LoopNetwork):
    """The network of a process that others share their listening sockets with. Everything else is LoopNetwork's."""

    def __init__(self, descriptors: Sequence[int]) -> None:
        super().__init__()
        self._descriptors = tuple(descriptors)
        self.gives_way: Callable[[], bool] | None = None
        """Whether another process should have the next connection."""

    async def listen(
        self, address: Address, factory: Factory, tls: ssl.SSLContext | None = None, door: Door | None = None
    ) -> Listener:
        """See Network. The address is the one that the sockets have."""
        sockets = adopt(self._descriptors)
        for sock in sockets:
            sock.listen(BACKLOG)  # a drain may have ended it
        return Acceptor(sockets, factory, tls, door or OpenDoor(), address.host, self.gives_way)

    def stop_listening(self) -> None:
        """Refuse connections at the node's sockets, in all processes, until one of them listens again. The kernel would
        complete them as long as any process has the socket open."""
        for sock in adopt(self._descriptors):
            with sock:
                sock.shutdown(socket.SHUT_RD)


def free_port(host: str) -> int:
    """A port that is free now. The kernel's own choice at a bind is given up by the first `stop_listening`."""
    family, kind, _, _, where = socket.getaddrinfo(host, 0, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
    with socket.socket(family, kind) as sock:
        sock.bind(where)
        return int(sock.getsockname()[1])
