"""Who may connect: how many viewers at a time, how many from one address, and to a shield only who is known to it.

A connection counts from its first moment: one whose TLS handshake is under way as one that is established. Of one
address (IPv6: of one /64, which is what one customer gets) at most a quarter of the node may be taken, unless the
settings say otherwise. Trusted proxies are exempt, and where no number is set loopback and a shield's edges; of what
comes through a proxy each running request counts for the address that it is forwarded for, so that one viewer cannot
take all of the proxy's connections.
"""

from __future__ import annotations

import resource
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field

import structlog

from edge.policy.locate import parse_ip
from edge.settings import EdgeSettings
from edge.wire.http1_server import Connection
from edge.wire.viewer import Ip, Viewer
from kernel.vocabulary import Abort

KEPT_DESCRIPTORS = 256
"""Of the process's file descriptors, kept from viewers: for disk, upstreams and the admin port."""
TURNED_AWAY_LEAST, TURNED_AWAY_SHARE = 16, 8
"""Beyond the most viewers so many, or one for so many of them, are turned away in words at a time; the rest are cut."""
SHARE_OF_ONE = 4
"""One part in so many of the node's connections, or of its handshakes, is the most that one address may have."""

logger = structlog.get_logger("edge")


@dataclass(slots=True)
class ConnectionCounts:
    """What became of those who knocked."""

    cut: int = 0
    """Connections reset without a word."""
    accept_errors: int = 0
    handshakes: dict[str, int] = field(default_factory=dict)
    """TLS handshakes by how they ended."""


@dataclass(slots=True)
class _Handshake:
    group: Hashable
    cut: Callable[[], object]


class ConnectionLimits:
    """The viewers that are connected, held against the settings. Implements `edge.wire.accept.Door`.

    `failed` is told of errors that nobody expected.
    """

    def __init__(self, settings: EdgeSettings, failed: Callable[[BaseException], object]) -> None:
        self.settings = settings
        """Replaced when control pushes others: they count for whoever connects then."""
        self.counts = ConnectionCounts()
        self.failed = failed
        self._number = 0
        self._from: dict[Hashable, int] = {}
        self._groups: dict[Connection, Hashable] = {}
        self._handshakes: dict[object, _Handshake] = {}
        """The one that began first stands first."""
        self._shaking_from: dict[Hashable, int] = {}
        self.closed = False
        """Whether nobody is let in any more."""

    # -- bounds ------------------------------------------------------------------------------------------------

    @property
    def max_connections(self) -> int:
        """Connections that this node can have."""
        return max(1, min(self.settings.max_connections, _descriptors() - _kept()))

    @property
    def max_per_address(self) -> int:
        """Connections that one address may have; 0: any number."""
        told = self.settings.max_connections_per_address
        return max(1, self.max_connections // SHARE_OF_ONE) if told is None else told

    @property
    def max_handshakes(self) -> int:
        """TLS handshakes under way at a time: no more than half of the descriptors that are for viewers."""
        return max(SHARE_OF_ONE, min(self.settings.max_handshakes, (_descriptors() - _kept()) // 2))

    def address_group(self, ip: Ip | None) -> Hashable:
        """What an address counts as; None: it is exempt."""
        settings = self.settings
        if ip is None or any(ip in network for network in settings.trusted_proxies):
            return None
        if settings.max_connections_per_address is None and (ip.is_loopback or self._known_edge(ip)):
            return None  # whoever sets a number means everybody
        return ip.packed if ip.version == 4 else ip.packed[:8]

    def _known_edge(self, ip: Ip) -> bool:
        return self.settings.role == "shield" and any(ip in network for network in self.settings.allow)

    # -- the door ----------------------------------------------------------------------------------------------

    @property
    def handshake_timeout(self) -> float:
        """See `edge.wire.accept.Door`."""
        return self.settings.handshake_timeout

    @property
    def handshakes(self) -> int:
        """TLS handshakes under way."""
        return len(self._handshakes)

    def has_room(self, fd: int) -> bool:
        """Whether enough descriptors are left beside this one's for disk, upstreams and the admin port."""
        if _descriptors_left(fd) >= 0.5:
            return True
        self.counts.cut += 1
        return False

    def begin_handshake(self, protocol: object, address: str, cut: Callable[[], object]) -> bool:
        """Whether it may begin. Where there are too many in all, the one that has been at it for longest gives way: a
        viewer is done within two round trips, whoever only holds a place is not."""
        group = self.address_group(parse_ip(address))
        number = self._shaking_from.get(group, 0) + 1
        if group is not None and self._of_one_too_many(number, self._from.get(group, 0) + number):
            self.counts.cut += 1
            return False
        while len(self._handshakes) >= self.max_handshakes:
            eldest = next(iter(self._handshakes))
            cut_eldest = self._handshakes[eldest].cut
            self.end_handshake(eldest, "gave-way")
            cut_eldest()
        self._handshakes[protocol] = _Handshake(group, cut)
        self._shaking_from[group] = self._shaking_from.get(group, 0) + 1
        return True

    def _of_one_too_many(self, shaking: int, connections: int) -> bool:
        most = self.max_per_address
        return bool(most) and (shaking > max(1, self.max_handshakes // SHARE_OF_ONE) or connections > most)

    def end_handshake(self, protocol: object, end: str) -> None:
        """It is over; whoever became a viewer by it is counted as one by then."""
        shaking = self._handshakes.pop(protocol, None)
        if shaking is not None:
            _fewer(self._shaking_from, shaking.group)
            self.counts.handshakes[end] = self.counts.handshakes.get(end, 0) + 1

    def on_accept_failed(self, error: OSError) -> None:
        """Accept rests for want of something."""
        self.counts.accept_errors += 1
        logger.warning("accept rests", error=error.strerror, descriptors=_descriptors())

    def cut_handshakes(self) -> None:
        """End all that are under way."""
        for shaking in tuple(self._handshakes.values()):
            shaking.cut()

    # -- viewers -----------------------------------------------------------------------------------------------

    def admits(self, connection: Connection) -> bool:
        """Whether a new connection may stay. Far beyond the limits it is cut at once. Each asked for is `release`
        once."""
        self.end_handshake(connection, "done")
        most, left = self.max_connections, _left_beside(connection)
        self._number += 1
        ip = connection.viewer.ip
        crowds = self._enters(connection, self.address_group(ip))
        if self._number > most + max(TURNED_AWAY_LEAST, most // TURNED_AWAY_SHARE) or left < 0.5:
            self.counts.cut += 1
            connection.abort(Abort.CROWDED)  # who is turned away in words holds his descriptor for some seconds more
        if crowds or self._number > most or self.closed or left < 1:
            return False
        return self.settings.role != "shield" or ip is None or ip.is_loopback or self._known_edge(ip)

    def _enters(self, connection: Connection, group: Hashable) -> bool:
        """Count him with his address; whether that has too many now."""
        if group is None:
            return False
        self._groups[connection] = group
        self._from[group] = number = self._from.get(group, 0) + 1
        return 0 < self.max_per_address < number

    def release(self, connection: Connection) -> None:
        """He is gone."""
        self._number -= 1
        group = self._groups.pop(connection, None)
        if group is not None:
            _fewer(self._from, group)

    # -- through a proxy ---------------------------------------------------------------------------------------

    def admits_forwarded(self, connection: Connection, viewer: Viewer) -> bool:
        """Whether a request that a trusted proxy forwards for this viewer may be answered. It counts until it is."""
        if viewer.ip == connection.viewer.ip or (group := self.address_group(viewer.ip)) is None:
            return True
        number, most = self._from.get(group, 0) + 1, self.max_per_address
        if 0 < most < number:
            return False
        self._from[group] = number
        connection.when_done(lambda: _fewer(self._from, group))
        return True


def _fewer(counted: dict[Hashable, int], group: Hashable) -> None:
    number = counted.pop(group) - 1
    if number:
        counted[group] = number


def _descriptors() -> int:
    return resource.getrlimit(resource.RLIMIT_NOFILE)[0]


def _kept() -> int:
    return min(KEPT_DESCRIPTORS, _descriptors() // 4)


def _left_beside(connection: Connection) -> float:
    sock = connection.transport.get_extra_info("socket")
    return 1 if sock is None else _descriptors_left(sock.fileno())


def _descriptors_left(fd: int) -> float:
    """Descriptors beyond this one, as a share of those that are kept: the kernel gives the lowest that is free."""
    return (_descriptors() - fd) / _kept()
