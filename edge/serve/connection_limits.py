"""Which connections are admitted: how many in all, how many from one address, and at a shield only from known edges.

A connection counts from its first moment, also during its TLS handshake. One address (IPv6: one /64, which is what one
customer gets) may have at most a quarter of the node's connections, unless the settings say otherwise. Trusted proxies
are exempt; so are loopback and a shield's edges, if no number is set. Each running request that comes through a proxy
counts for the address that it is forwarded for, so that one viewer cannot take all of the proxy's connections.
"""

from __future__ import annotations

import resource
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field

import structlog

from edge.policy.locate import parse_ip
from edge.serve.shared_counts import SharedCounts
from edge.settings import EdgeSettings
from edge.wire.response_writer import ResponseWriter, ViewerConnection
from edge.wire.viewer import Ip, Viewer
from kernel.vocabulary import Abort

RESERVED_DESCRIPTORS = 256
"""File descriptors of the process that viewers cannot take: for disk, upstreams and the admin port."""
MIN_REFUSED, REFUSED_SHARE = 16, 8
"""Viewers beyond the limit that are refused with a 503 at a time: the larger of `MIN_REFUSED` and one in
`REFUSED_SHARE` of the limit. The rest are reset."""
ADDRESS_SHARE = 4
"""One address may have one in this many of the node's connections, and of its handshakes."""

logger = structlog.get_logger("edge")


@dataclass(slots=True)
class ConnectionCounts:
    """What happened to new connections."""

    cut: int = 0
    """Connections reset without a response."""
    accept_errors: int = 0
    handshakes: dict[str, int] = field(default_factory=dict)
    """TLS handshakes by how they ended."""


@dataclass(slots=True)
class _Handshake:
    group: Hashable
    cut: Callable[[], object]


class ConnectionLimits:
    """The open connections, compared with the settings. Implements `edge.wire.accept.Door`. `failed` is called with
    unexpected errors."""

    def __init__(self, settings: EdgeSettings, failed: Callable[[BaseException], object]) -> None:
        self.settings = settings
        """Replaced when control pushes others; they apply to new connections."""
        self.counts = ConnectionCounts()
        self.failed = failed
        self._connections = 0
        self._by_group: dict[Hashable, int] = {}
        self._groups: dict[ViewerConnection, Hashable] = {}
        self._handshakes: dict[object, _Handshake] = {}
        """The oldest first."""
        self._handshakes_by_group: dict[Hashable, int] = {}
        self.shared: SharedCounts | None = None
        """The connections of the other processes of the node."""
        self.closed = False
        """Whether the node drains: a connection that was accepted just before may make one request."""

    # -- bounds ------------------------------------------------------------------------------------------------

    @property
    def max_connections(self) -> int:
        """Connections that this node can have."""
        return max(1, min(self.settings.max_connections, _max_descriptors() - _reserved_descriptors()))

    @property
    def max_per_address(self) -> int:
        """Connections that one address may have; 0: no limit."""
        configured = self.settings.max_connections_per_address
        return max(1, self.max_connections // ADDRESS_SHARE) if configured is None else configured

    @property
    def max_handshakes(self) -> int:
        """TLS handshakes that may run at a time: at most half of the descriptors that viewers can take."""
        return max(
            ADDRESS_SHARE, min(self.settings.max_handshakes, (_max_descriptors() - _reserved_descriptors()) // 2)
        )

    def address_group(self, ip: Ip | None) -> Hashable:
        """What an address is counted as; None: it is exempt."""
        settings = self.settings
        if ip is None or any(ip in network for network in settings.trusted_proxies):
            return None
        if settings.max_connections_per_address is None and (ip.is_loopback or self._is_known_edge(ip)):
            return None  # a configured number holds for every address
        return ip.packed if ip.version == 4 else ip.packed[:8]

    def _is_known_edge(self, ip: Ip) -> bool:
        return self.settings.role == "shield" and any(ip in network for network in self.settings.allow)

    # -- the door ----------------------------------------------------------------------------------------------

    @property
    def handshake_timeout(self) -> float:
        """See `edge.wire.accept.Door`."""
        return self.settings.handshake_timeout

    @property
    def handshakes(self) -> int:
        """TLS handshakes that are running."""
        return len(self._handshakes)

    def has_room(self, fd: int) -> bool:
        """Whether enough descriptors are free besides this one for disk, upstreams and the admin port."""
        if _free_descriptors(fd) >= 0.5:
            return True
        self.counts.cut += 1
        return False

    def begin_handshake(self, protocol: object, address: str, cut: Callable[[], object]) -> bool:
        """Whether a TLS handshake may begin. If too many run in all, the oldest is cut: a viewer completes theirs
        within two round trips."""
        group = self.address_group(parse_ip(address))
        number = self._handshakes_by_group.get(group, 0) + 1
        if group is not None and self._exceeds_address_limit(number, self._by_group.get(group, 0) + number):
            self.counts.cut += 1
            return False
        while len(self._handshakes) >= self.max_handshakes:
            oldest = next(iter(self._handshakes))
            cut_oldest = self._handshakes[oldest].cut
            self.end_handshake(oldest, "gave-way")
            cut_oldest()
        self._handshakes[protocol] = _Handshake(group, cut)
        self._handshakes_by_group[group] = self._handshakes_by_group.get(group, 0) + 1
        return True

    def _exceeds_address_limit(self, handshake: int, connections: int) -> bool:
        most = self.max_per_address
        return bool(most) and (handshake > max(1, self.max_handshakes // ADDRESS_SHARE) or connections > most)

    def end_handshake(self, protocol: object, end: str) -> None:
        """Forget a handshake that ended; a connection that came of it is counted by then."""
        handshake = self._handshakes.pop(protocol, None)
        if handshake is not None:
            _decrement(self._handshakes_by_group, handshake.group)
            self.counts.handshakes[end] = self.counts.handshakes.get(end, 0) + 1

    def on_accept_failed(self, error: OSError) -> None:
        """Count and log that accepting is suspended for lack of descriptors or memory."""
        self.counts.accept_errors += 1
        logger.warning("accept-suspended", error=error.strerror, descriptors=_max_descriptors())

    def cut_handshakes(self) -> None:
        """Cut all running handshakes."""
        for handshake in tuple(self._handshakes.values()):
            handshake.cut()

    # -- viewers -----------------------------------------------------------------------------------------------

    def admits(self, connection: ViewerConnection) -> bool:
        """Whether a new connection may stay; far beyond the limits it is reset at once. Pair each call with one
        `release`."""
        self.end_handshake(connection, "done")
        most, left = self.max_connections, _free_beside(connection)
        self._connections += 1
        total = self._connections
        if self.shared is not None:
            self.shared.set_connections(total)
            total += self.shared.connections_of_others()
        ip = connection.viewer.ip
        too_many = self._count_in(connection, self.address_group(ip))
        if total > most + max(MIN_REFUSED, most // REFUSED_SHARE) or left < 0.5:
            self.counts.cut += 1
            connection.abort(Abort.CROWDED)  # a refused viewer would hold a descriptor for some more seconds
        if too_many or total > most or left < 1:
            return False
        return self.settings.role != "shield" or ip is None or ip.is_loopback or self._is_known_edge(ip)

    def _count_in(self, connection: ViewerConnection, group: Hashable) -> bool:
        """Count the connection with its address; whether that address has too many now."""
        if group is None:
            return False
        self._groups[connection] = group
        self._by_group[group] = number = self._by_group.get(group, 0) + 1
        if self.shared is not None:
            self.shared.add(group, 1)
            number += self.shared.of_others(group)
        return 0 < self.max_per_address < number

    def release(self, connection: ViewerConnection) -> None:
        """Forget a closed connection."""
        self._connections -= 1
        group = self._groups.pop(connection, None)
        if group is not None:
            _decrement(self._by_group, group)
        if self.shared is not None:
            self.shared.set_connections(self._connections)
            if group is not None:
                self.shared.add(group, -1)

    # -- through a proxy ---------------------------------------------------------------------------------------

    def admits_forwarded(self, connection: ResponseWriter, viewer: Viewer) -> bool:
        """Whether a request that a trusted proxy forwards for this viewer may be answered. It counts until it is."""
        if viewer.ip == connection.viewer.ip or (group := self.address_group(viewer.ip)) is None:
            return True
        count, most = self._by_group.get(group, 0) + 1, self.max_per_address
        if 0 < most < count:
            return False
        self._by_group[group] = count
        connection.when_done(lambda: _decrement(self._by_group, group))
        return True


def _decrement(counted: dict[Hashable, int], group: Hashable) -> None:
    number = counted.pop(group) - 1
    if number:
        counted[group] = number


def _max_descriptors() -> int:
    return resource.getrlimit(resource.RLIMIT_NOFILE)[0]


def _reserved_descriptors() -> int:
    return min(RESERVED_DESCRIPTORS, _max_descriptors() // 4)


def _free_beside(connection: ViewerConnection) -> float:
    sock = connection.transport.get_extra_info("socket")
    return 1 if sock is None else _free_descriptors(sock.fileno())


def _free_descriptors(fd: int) -> float:
    """Descriptors above this one, as a share of the reserved ones: the kernel hands out the lowest free one."""
    return (_max_descriptors() - fd) / _reserved_descriptors()
