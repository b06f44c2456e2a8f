"""Connection limits: in total and for each address; an idle connection makes room for a new one. Pure.

When the limit is reached, the connection that has been idle longest is closed to admit a new one. So idle or half-open
connections, however many, keep no client out.
"""

from __future__ import annotations

import ipaddress
from collections import OrderedDict
from collections.abc import Hashable, Sequence
from typing import Generic, TypeVar

from kernel.settings.door_settings import Network

T = TypeVar("T", bound=Hashable)
IPV6_PREFIX = 64
"""IPv6 clients are counted by this prefix: one customer has a whole /64 or more (RFC 6177)."""


def limit_key(address: str, exempt: Sequence[Network]) -> str | None:
    """The key under which a client is counted: its address, or its /64 in IPv6; None for `exempt` ones."""
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address or None
    found = getattr(found, "ipv4_mapped", None) or found
    if any(found in network for network in exempt if network.version == found.version):
        return None
    if found.version == 4:
        return str(found)
    return str(ipaddress.ip_network((int(found) >> IPV6_PREFIX << IPV6_PREFIX, IPV6_PREFIX)))


class ConnectionTable(Generic[T]):
    """The open connections: at most `max_connections`, and `per_address` from one address (0: no limit)."""

    def __init__(self, max_connections: int, per_address: int, exempt: Sequence[Network] = ()) -> None:
        self.max_connections = max_connections
        self._per_address = per_address
        self._exempt = exempt
        self._open: dict[T, str | None] = {}
        self._per_key: dict[str, int] = {}
        self._idle: OrderedDict[T, None] = OrderedDict()

    def __len__(self) -> int:
        return len(self._open)

    def all(self) -> tuple[T, ...]:
        """All open connections."""
        return tuple(self._open)

    def admit(self, one: T, address: str) -> tuple[bool, T | None]:
        """(whether it is admitted, the idle connection to close for it); a new connection counts as idle."""
        key = limit_key(address, self._exempt)
        if key is not None and 0 < self._per_address <= self._per_key.get(key, 0):
            return False, None
        closed = None
        if len(self._open) >= self.max_connections:
            if not self._idle:
                return False, None
            closed = next(iter(self._idle))
            self.remove(closed)
        self._open[one] = key
        if key is not None:
            self._per_key[key] = self._per_key.get(key, 0) + 1
        self._idle[one] = None
        return True, closed

    def mark_idle(self, one: T) -> None:
        """Its request ended: it may be closed to make room, after those idle for longer."""
        if one in self._open:
            self._idle[one] = None
            self._idle.move_to_end(one)

    def mark_active(self, one: T) -> None:
        """It has a running request: it is not closed to make room."""
        self._idle.pop(one, None)

    def remove(self, one: T) -> None:
        """It was closed; no effect if it is not open."""
        key = self._open.pop(one, None)
        self._idle.pop(one, None)
        if key is not None:
            number = self._per_key.pop(key) - 1
            if number:
                self._per_key[key] = number
