"""Who is connected to a door: how many in all and from one address, and who makes room for the next. Pure.

A door that is full of connections on which nothing was asked yet still lets the next one in: the one that has waited
longest for a request is closed for it. So half-open requests, however many, keep nobody out who asks for something.
"""

from __future__ import annotations

import ipaddress
from collections import OrderedDict
from collections.abc import Hashable, Sequence
from typing import Generic, TypeVar

from kernel.settings.door_settings import Network

T = TypeVar("T", bound=Hashable)
IPV6_PREFIX = 64
"""Bits of an IPv6 address that tell one customer from another (RFC 6177): whoever has one such network has it all."""


def counted_as(address: str, exempt: Sequence[Network]) -> str | None:
    """As what a client is counted: its address, its /64 in IPv6; None = not counted (`exempt`)."""
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


class Crowd(Generic[T]):
    """The connections that are in. `most` in all, `per_address` from one address (0: any number)."""

    def __init__(self, most: int, per_address: int, exempt: Sequence[Network] = ()) -> None:
        self.most = most
        self._per_address = per_address
        self._exempt = exempt
        self._in: dict[T, str | None] = {}
        self._from: dict[str, int] = {}
        self._waiting: OrderedDict[T, None] = OrderedDict()

    def __len__(self) -> int:
        return len(self._in)

    def all(self) -> tuple[T, ...]:
        """All that are in."""
        return tuple(self._in)

    def enter(self, one: T, address: str) -> tuple[bool, T | None]:
        """(whether it may stay, who is to be closed for it): it waits for a request from now on."""
        key = counted_as(address, self._exempt)
        if key is not None and 0 < self._per_address <= self._from.get(key, 0):
            return False, None
        leaves = None
        if len(self._in) >= self.most:
            if not self._waiting:
                return False, None
            leaves = next(iter(self._waiting))
            self.left(leaves)
        self._in[one] = key
        if key is not None:
            self._from[key] = self._from.get(key, 0) + 1
        self._waiting[one] = None
        return True, leaves

    def waits(self, one: T) -> None:
        """It is asked of us no more: the last of those who wait for their next request."""
        if one in self._in:
            self._waiting[one] = None
            self._waiting.move_to_end(one)

    def asks(self, one: T) -> None:
        """It has asked for something: it is not closed to make room."""
        self._waiting.pop(one, None)

    def left(self, one: T) -> None:
        """It is gone; told twice, it counts once."""
        key = self._in.pop(one, None)
        self._waiting.pop(one, None)
        if key is not None:
            number = self._from.pop(key) - 1
            if number:
                self._from[key] = number
