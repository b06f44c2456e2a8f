"""Check that a node names only its own addresses: those of the host its connection comes from. Pure.

A node that could name any address could send viewers elsewhere, or make control send requests to its own loopback. Any
other address (a host name, one behind NAT) must be set by an operator: `PUT /v1/edges/NODE {"address": "HOST:PORT"}`.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import NamedTuple
from urllib.parse import unquote

from kernel.fleet.messages import Hello
from kernel.settings.table import Address, parse_address


class CheckedHello(NamedTuple):
    """A hello reduced to the addresses that count, and a sentence on those that do not."""

    hello: Hello
    ignored: str = ""


def host_of(peer: str) -> IPv4Address | IPv6Address | None:
    """The address in gRPC's peer `ipv4:1.2.3.4:5` or `ipv6:%5B::1%5D:5`; None for anything else."""
    kind, _, rest = peer.partition(":")
    host = unquote(rest).rpartition(":")[0].strip("[]").partition("%")[0]
    try:
        found = ip_address(host) if kind in ("ipv4", "ipv6") else None
    except ValueError:
        return None
    return getattr(found, "ipv4_mapped", None) or found


def is_own(address: str, host: IPv4Address | IPv6Address | None) -> bool:
    """Whether HOST:PORT is on the host of a connection; from loopback, every loopback address is."""
    try:
        named = parse_address(address).host
        if named.lower().rstrip(".") == "localhost":
            return host is not None and host.is_loopback
        said = ip_address(named)
    except ValueError:
        return False
    said = getattr(said, "ipv4_mapped", None) or said
    return host is not None and (said == host or (said.is_loopback and host.is_loopback))


def check_addresses(hello: Hello, peer: str, *, certified: bool, taken: Collection[str] = ()) -> CheckedHello:
    """Check the addresses of a hello from `peer`. `taken`: the addresses of other connected nodes.

    Without certificates all nodes are on this machine, and their viewers' address counts as they say.
    """
    host, strange = host_of(peer), list[str]()
    admin, address = replace_unspecified(hello.admin, host), hello.address
    if admin and not is_own(admin, host):
        strange.append(f"admin {admin} is not its own, it comes from {host}")
        admin = ""
    if certified and address and not is_unspecified(address):
        if not is_own(address, host):
            strange.append(f"address {address} is not its own, it comes from {host}: an operator must set it")
            address = ""
        elif address in taken:
            strange.append(f"address {address} is another node's")
            address = ""
    return CheckedHello(replace(hello, admin=admin, address=address), "; ".join(strange))


def is_unspecified(address: str) -> bool:
    """Whether the host is the unspecified address (`0.0.0.0:80`), on which one listens but which reaches no node."""
    try:
        return ip_address(parse_address(address).host).is_unspecified
    except ValueError:
        return False


def replace_unspecified(address: str, host: IPv4Address | IPv6Address | None) -> str:
    """The address, with the peer's host in place of the unspecified one."""
    return str(Address(str(host), parse_address(address).port)) if host and is_unspecified(address) else address
