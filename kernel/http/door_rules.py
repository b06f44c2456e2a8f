"""Checks of every HTTP API for operators and services: foreign Host, cross-site page, not JSON. Pure.

A web page can make the browser of someone on this machine or inside the network send requests to an API there. Three
checks prevent that, and each is needed. Host must name the API; otherwise a page could point its own name at our
address and be same-origin (DNS rebinding). Origin and Sec-Fetch-Site must not name another site. A request that changes
something must have a JSON Content-Type, which a page cannot send to another site without a preflight (Fetch §4.8); no
API answers those.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from urllib.parse import urlsplit

from kernel.settings.setting_types import Address
from kernel.vocabulary import DoorRefusal

SAFE_METHODS = frozenset(("GET", "HEAD", "OPTIONS"))
JSON = frozenset(("application/json",))
MAX_CACHED_HOSTS = 256
"""Hosts whose reading is kept: nearly every request repeats one of a few."""

_AUTHORITY = re.compile(
    r"(?:\[(?P<six>[0-9A-Fa-f:.]{2,45})\]|(?P<name>[A-Za-z0-9._-]{1,255}))(?::(?P<port>[0-9]{0,5}))?", re.ASCII
)
_OURS = frozenset(("same-origin", "none"))


@dataclass(frozen=True, slots=True)
class DoorRules:
    """The hosts that an API accepts, besides the loopback names.

    `names`: in lower case, without port. `any_address`: any IP address, since only names can be pointed elsewhere.
    `any_name`: every host, for public APIs behind proxies whose names are unknown.
    """

    names: frozenset[str] = frozenset()
    any_address: bool = False
    any_name: bool = False


LOOPBACK_DOOR = DoorRules()
"""A door that only loopback names reach."""


def rules_for(listen: Address, allowed: Iterable[str] = (), *, any_name: bool = False) -> DoorRules:
    """The rules of a door that listens there; `allowed` are the names of the setting."""
    names = frozenset(name for text in (listen.host, *allowed) if (name := host_name(text)) is not None)
    return DoorRules(names, any_address=not is_loopback(listen.host), any_name=any_name)


@dataclass(frozen=True, slots=True)
class Call:
    """The parts of a request that the rules check. `hosts`: the Host lines; `content_type` without parameters."""

    method: str
    hosts: Sequence[str]
    http_1_0: bool = False
    origin: str | None = None
    fetch_site: str | None = None
    fetch_mode: str | None = None
    content_type: str = ""
    has_body: bool = True


def refusal(rules: DoorRules, call: Call, takes: frozenset[str] | None = JSON) -> DoorRefusal | None:
    """Why a request is refused, or None.

    `takes`: the content types that a changing request may have; None if the route checks that itself. Browsers
    preflight methods that no form can send (PUT, DELETE, PATCH), so without a body they need no content type.
    """
    if (refused := host_refusal(rules, call)) is not None:
        return refused
    if is_cross_site(call):
        return DoorRefusal.CROSS_SITE
    changes = call.method == "POST" or (call.has_body and call.method not in SAFE_METHODS)
    if changes and takes is not None and call.content_type.lower() not in takes:
        return DoorRefusal.CONTENT_TYPE
    return None


def host_refusal(rules: DoorRules, call: Call) -> DoorRefusal | None:
    """The fault of Host, or None: it must occur once in HTTP/1.1 (RFC 9112 §3.2) and name us."""
    if not call.hosts and call.http_1_0:
        return None  # no browser sends that
    host = host_name(call.hosts[0]) if len(call.hosts) == 1 else None
    if host is None:
        return DoorRefusal.HOST_MALFORMED
    return None if _answers_to(rules, host) else DoorRefusal.HOST


def _answers_to(rules: DoorRules, host: str) -> bool:
    if rules.any_name or host in rules.names or is_loopback(host):
        return True
    return rules.any_address and _address(host) is not None


def is_cross_site(call: Call) -> bool:
    """Whether a page of another site caused the request. A followed link (a navigation) does not count."""
    if call.fetch_site is not None:  # the browser's own word, whatever a proxy has made of Host
        navigates = call.method in SAFE_METHODS and call.fetch_mode == "navigate"
        return call.fetch_site not in _OURS and not navigates
    host = call.hosts[0] if call.hosts else ""
    return call.origin is not None and _netloc(call.origin) != host.lower()


@lru_cache(MAX_CACHED_HOSTS)
def host_name(field: str) -> str | None:
    """The host of a Host field (or a bare address) in lower case, without port and brackets; None when it is none."""
    if _address(field) is not None:
        return field.lower()
    match = _AUTHORITY.fullmatch(field)
    if match is None or (match["six"] is not None and _address(match["six"]) is None):
        return None
    return (match["six"] or match["name"]).lower().rstrip(".") or None


@lru_cache(MAX_CACHED_HOSTS)
def is_loopback(host: str) -> bool:
    """Whether a host (a name or an address without brackets) is this machine itself."""
    if host.lower().rstrip(".") == "localhost":
        return True
    address = _address(host)
    return address is not None and address.is_loopback


def _address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        address = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address


def _netloc(origin: str) -> str:
    try:
        return urlsplit(origin).netloc.lower()
    except ValueError:
        return ""
