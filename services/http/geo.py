"""Where a viewer is: its address behind trusted proxies, and the country of that address."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

import maxminddb
from cachetools import LRUCache

from kernel.auth.geo import country_code, decide
from kernel.errors import BadSettings

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network
MAX_HOPS = 32


def viewer_address(peer: str, forwarded: Sequence[str], trusted: Sequence[Network]) -> Address | None:
    """The viewer's address: the last in X-Forwarded-For (`forwarded`, field lines) that is no trusted proxy.

    The peer itself counts as the last hop, so nobody but a trusted proxy can name an address. None = not told.
    """
    address = _address(peer)
    hops = [hop.strip() for line in forwarded for hop in line.split(",")][-MAX_HOPS:]
    while address is not None and hops and any(_inside(address, network) for network in trusted):
        address = _address(hops.pop())
    return address


def _address(text: str) -> Address | None:
    try:
        address = ipaddress.ip_address(text.split("%", maxsplit=1)[0].strip("[]"))
    except ValueError:
        return None
    mapped = getattr(address, "ipv4_mapped", None)
    return mapped or address


def _inside(address: Address, network: Network) -> bool:
    return address.version == network.version and address in network


class Lookup(Protocol):
    """What tells an address's country: an .mmdb reader."""

    def get(self, address: Address) -> object:
        """The record of an address."""


def country_in(record: object) -> str | None:
    """The country code in an .mmdb record, in any of the shapes that the known databases use."""
    if not isinstance(record, dict):
        return None
    for name in ("country", "registered_country", "country_code"):
        found = record.get(name)
        code = found.get("iso_code") if isinstance(found, dict) else found
        if country_code(code):
            return country_code(code)
    return None


class Places:
    """The country of addresses: by .mmdb, else the default; remembers the latest."""

    def __init__(self, lookup: Lookup | None, default: str | None) -> None:
        self._lookup = lookup
        self._default = default
        self._known: LRUCache[Address, str | None] = LRUCache(10_000)

    def country(self, address: Address | None) -> str | None:
        """The viewer's country; None when nothing tells it."""
        if address is None or self._lookup is None:
            return self._default
        if address not in self._known:
            try:
                found = country_in(self._lookup.get(address))
            except ValueError:  # an IPv6 address in a database of IPv4 ones
                found = None
            self._known[address] = decide(found, None, self._default)
        return self._known[address]


def open_lookup(path: Path | None) -> Lookup | None:
    """The .mmdb file's reader. Raises BadSettings when it is none."""
    if path is None:
        return None
    try:
        return maxminddb.open_database(path)
    except (OSError, ValueError, maxminddb.InvalidDatabaseError) as error:
        raise BadSettings("geo", f"{path} is not a usable .mmdb file: {error}") from None
