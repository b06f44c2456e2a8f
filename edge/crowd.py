"""Who may connect: how many viewers at a time, how many from one address, and to a shield only who is known to it."""

from __future__ import annotations

import resource

from edge.settings import EdgeSettings
from edge.wire.h1 import Connection

KEPT_DESCRIPTORS = 256
"""Of the process's file descriptors, kept from viewers: for disk, upstreams and the admin port."""
TURNED_AWAY_LEAST, TURNED_AWAY_SHARE = 16, 8
"""Beyond the most viewers so many, or one for so many of them, are turned away in words at a time; the rest are cut."""


class Crowd:
    """The viewers that are connected, held against the settings."""

    def __init__(self, settings: EdgeSettings) -> None:
        self.settings = settings
        """Replaced when control pushes others: they count for whoever connects then."""
        self._number = 0
        self._from: dict[str, int] = {}
        self.closed = False
        """Whether nobody is let in any more."""

    def admits(self, connection: Connection) -> bool:
        """Whether a new connection may stay. Far beyond the limits it is cut at once. Each asked for is `left` once."""
        settings = self.settings
        most, left = settings.max_connections, _descriptors_left(connection)
        self._number += 1
        if self._number > most + max(TURNED_AWAY_LEAST, most // TURNED_AWAY_SHARE) or left < 0.5:
            connection.abort()  # who is turned away in words holds his descriptor for some seconds more
        if self._crowds(connection.address) or self._number > most or self.closed or left < 1:
            return False
        if settings.role != "shield":
            return True
        ip = connection.viewer.ip
        return ip is None or ip.is_loopback or any(ip in network for network in settings.allow)

    def _crowds(self, address: str) -> bool:
        most = self.settings.max_connections_per_address
        self._from[address] = number = self._from.get(address, 0) + 1
        return 0 < most < number

    def left(self, connection: Connection) -> None:
        """He is gone."""
        self._number -= 1
        number = self._from.pop(connection.address) - 1
        if number:
            self._from[connection.address] = number


def _descriptors_left(connection: Connection) -> float:
    """Descriptors left beside this connection's for disk and upstreams, as a share of those that are kept for them."""
    sock = connection.transport.get_extra_info("socket")
    if sock is None:
        return 1
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    return (most - sock.fileno()) / min(KEPT_DESCRIPTORS, most // 4)  # type: ignore[no-any-return]  # a socket's
