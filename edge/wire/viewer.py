"""The viewer at the other end of a connection."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass

Ip = ipaddress.IPv4Address | ipaddress.IPv6Address


@dataclass(frozen=True, slots=True)
class Viewer:
    """`address` as text; `ip` parsed, None where the peer has none (a Unix socket). `country`: two letters by the
    address, None when unknown; `default_country`: from the edge's settings, for an unknown one.
    """

    address: str
    ip: Ip | None = None
    country: str | None = None
    default_country: str | None = None


NOBODY = Viewer("")
"""The viewer of a connection that is not looked up yet."""
