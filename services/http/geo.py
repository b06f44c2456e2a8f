"""Find a viewer's address behind trusted proxies, and its country (GeoIP)."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Protocol

import maxminddb
from cachetools import LRUCache

from kernel.auth.geo import country_code, decide
from kernel.errors import BadSettings

IPAddress = ipaddress.IPv4Address | ipaddress.IPv6Address
IPNetwork = ipaddress.IPv4Network | ipaddress.IPv6Network
MAX_HOPS = 32
MAX_ADDRESS_LENGTH = 80
"""Characters of an IPv6 address with its zone, and more."""
MAX_CACHED_ADDRESSES = 4096


def viewer_address(peer: str, forwarded: Sequence[str], trusted: Sequence[IPNetwork]) -> IPAddress | None:
    """The viewer's address: the last hop that is not a trusted proxy; None if it is not a valid address.

    `forwarded` holds the lines of X-Forwarded-For. The peer is the last hop, so only trusted proxies can add addresses.
    """
    address = _address(peer)
    hops = [hop.strip() for line in forwarded for hop in line.split(",")][-MAX_HOPS:]
    while address is not None and hops and any(_inside(address, network) for network in trusted):
        address = _address(hops.pop())
    return address


def _address(text: str) -> IPAddress | None:
    return _read_address(text) if len(text) <= MAX_ADDRESS_LENGTH else None


@lru_cache(MAX_CACHED_ADDRESSES)
def _read_address(text: str) -> IPAddress | None:
    try:
        address = ipaddress.ip_address(text.split("%", maxsplit=1)[0].strip("[]"))
    except ValueError:
        return None
    mapped = getattr(address, "ipv4_mapped", None)
    return mapped or address


def _inside(address: IPAddress, network: IPNetwork) -> bool:
    return address.version == network.version and address in network


class GeoDatabase(Protocol):
    """A GeoIP database: an .mmdb reader."""

    def get(self, address: IPAddress) -> object:
        """The record of an address, of any shape; None if there is none."""


def country_in_record(record: object) -> str | None:
    """The country code in an .mmdb record, for the record shapes of the common databases."""
    if not isinstance(record, dict):
        return None
    for name in ("country", "registered_country", "country_code"):
        found = record.get(name)
        code = found.get("iso_code") if isinstance(found, dict) else found
        if country_code(code):
            return country_code(code)
    return None


class CountryLookup:
    """Look up the country of addresses, with a cache of the last 10,000."""

    def __init__(self, lookup: GeoDatabase | None, default: str | None) -> None:
        self._lookup = lookup
        self._default = default
        self._known: LRUCache[IPAddress, str | None] = LRUCache(10_000)

    def country(self, address: IPAddress | None) -> str | None:
        """The country of an address, or the default; None if neither is known."""
        if address is None or self._lookup is None:
            return self._default
        if address not in self._known:
            try:
                found = country_in_record(self._lookup.get(address))
            except ValueError:  # an IPv6 address, but the database holds IPv4 only
                found = None
            self._known[address] = decide(found, None, self._default)
        return self._known[address]


def open_geo_database(path: Path | None) -> GeoDatabase | None:
    """Open an .mmdb file. Raises BadSettings if it is not usable."""
    if path is None:
        return None
    try:
        return maxminddb.open_database(path)
    except (OSError, ValueError, maxminddb.InvalidDatabaseError) as error:
        raise BadSettings("geo", f"{path} is not a usable .mmdb file: {error}") from None
