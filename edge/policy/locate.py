"""LOCATE: who requests this: the viewer's address behind trusted proxies, and its country.

Done once per connection (once per request behind a proxy). Reading the .mmdb is the only I/O.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import maxminddb

from edge.wire.viewer import Ip, Viewer
from kernel.auth.geo import country_code
from kernel.errors import BadSettings

Network = ipaddress.IPv4Network | ipaddress.IPv6Network

MAX_HOPS = 32
"""Entries of X-Forwarded-For that are read, from the right."""


class Locator:
    """Finds viewers and countries. Made at start, closed at the end."""

    def __init__(
        self,
        database: Path | None = None,
        default_country: str | None = None,
        trusted_proxies: Sequence[Network] = (),
    ) -> None:
        """Open the .mmdb file (None: every country is unknown). Raises BadSettings if it cannot be read."""
        self._default = default_country
        self._trusted = tuple(trusted_proxies)
        self._reader = None if database is None else _open(database)

    def locate(self, peer: str, forwarded_for: Iterable[bytes] = ()) -> Viewer:
        """The viewer behind a connection from `peer`, with the values of its X-Forwarded-For lines in order."""
        address = self.viewer_address(peer, forwarded_for)
        return Viewer(address, parse_ip(address), self.country(address), self._default)

    def viewer_address(self, peer: str, forwarded_for: Iterable[bytes] = ()) -> str:
        """The viewer's address: the peer's, or the one that trusted proxies report, read from the right.

        A hop counts only if the hop after it is a trusted proxy. Anything left of the first untrusted or invalid hop
        may be forged and is ignored.
        """
        ip = parse_ip(peer)
        if ip is None:
            return peer
        if self._trusted and self._trusts(ip):
            hops = [hop for line in forwarded_for for hop in line.split(b",")]
            for hop in reversed(hops[-MAX_HOPS:]):
                previous = _hop(hop)
                if previous is None:
                    break
                ip = previous
                if not self._trusts(ip):
                    break
        return str(ip)

    def is_trusted_proxy(self, peer: str) -> bool:
        """Whether a peer is one of the trusted proxies."""
        ip = parse_ip(peer) if self._trusted else None
        return ip is not None and self._trusts(ip)

    def country(self, address: str) -> str | None:
        """The two-letter country of an address; None if the database has none."""
        if self._reader is None:
            return None
        try:
            return country_of(self._reader.get(address))
        except (ValueError, maxminddb.InvalidDatabaseError):
            return None  # not an address, IPv6 in a database of IPv4, or a damaged record

    def close(self) -> None:
        """Close the database."""
        if self._reader is not None:
            self._reader.close()
            self._reader = None

    def _trusts(self, ip: Ip) -> bool:
        return any(ip in network for network in self._trusted)


def _open(database: Path) -> maxminddb.Reader:
    try:
        return maxminddb.open_database(database, maxminddb.MODE_AUTO)
    except (maxminddb.InvalidDatabaseError, ValueError):
        raise BadSettings("geo", "is not an .mmdb database", f"file {database}") from None
    except OSError as error:
        raise BadSettings("geo", f"cannot be read: {error.strerror or error}", f"file {database}") from None


def parse_ip(text: str) -> Ip | None:
    """The address without its zone; IPv4 if it is mapped into IPv6; None for any other text."""
    try:
        ip = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return None
    return (ip.ipv4_mapped or ip) if isinstance(ip, ipaddress.IPv6Address) else ip


def _hop(hop: bytes) -> Ip | None:
    """The address of one entry: `192.0.2.1`, `192.0.2.1:4711`, `2001:db8::1`, `[2001:db8::1]:4711`."""
    text = hop.strip(b" \t").decode("latin-1")
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    return parse_ip(text)


def country_of(record: Any) -> str | None:
    """The country in a record of any common database.

    MaxMind and DB-IP: `{"country": {"iso_code": "DE"}}`; IPinfo and ip-location-db: `{"country_code": "DE"}` or
    `{"country": "DE"}`; the smallest hold the code itself.
    """
    if isinstance(record, dict):
        country = record.get("country")
        if isinstance(country, dict):
            country = country.get("iso_code")
        return country_code(record.get("country_code")) or country_code(country)
    return country_code(record)
