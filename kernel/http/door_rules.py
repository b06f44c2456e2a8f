"""What every HTTP door for operators and services refuses first: a foreign Host, a foreign page, no JSON. Pure.

A page on the web can have the browser of somebody on this machine, or inside the network, send requests to a door
that listens there. Three rules stand against that, and each is needed: Host must name the door (or a name that the
page's owner points at our address makes the page our own: DNS rebinding); Origin and Sec-Fetch-Site must not name
another site; and what changes something must be JSON by its Content-Type, which no page can send to another site
without a preflight (Fetch §4.8), that no door answers.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from kernel.settings.setting_types import Address
from kernel.vocabulary import DoorRefusal

SAFE_METHODS = frozenset(("GET", "HEAD", "OPTIONS"))
JSON = frozenset(("application/json",))

_AUTHORITY = re.compile(
    r"(?:\[(?P<six>[0-9A-Fa-f:.]{2,45})\]|(?P<name>[A-Za-z0-9._-]{1,255}))(?::(?P<port>[0-9]{0,5}))?", re.ASCII
)
_OURS = frozenset(("same-origin", "none"))


@dataclass(frozen=True, slots=True)
class DoorRules:
    """Which hosts a door answers to, beside the loopback names.

    `names`: in lower case, without port. `any_address`: any IP address, since only a name can be pointed elsewhere.
    `any_name`: every host; for what is public and behind proxies, whose names nobody has told.
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
    """Of a request, what the rules look at. `hosts`: the Host lines; `content_type` without parameters."""

    method: str
    hosts: Sequence[str]
    http_1_0: bool = False
    origin: str | None = None
    fetch_site: str | None = None
    fetch_mode: str | None = None
    content_type: str = ""
    has_body: bool = True


def refusal(rules: DoorRules, call: Call, takes: frozenset[str] | None = JSON) -> DoorRefusal | None:
    """Why a request is refused; None when it is not.

    `takes`: the content types that a changing request may have; None where the route judges that itself. A method that
    no form can send (PUT, DELETE, PATCH) is preflighted by every browser, so without a body it needs no content type.
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
    """What is wrong with Host: once in HTTP/1.1 (RFC 9112 §3.2), and ours."""
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
    """Whether a page of another site has the browser ask. A link that somebody follows (a navigation) is none."""
    if call.fetch_site is not None:  # the browser's own word, whatever a proxy has made of Host
        navigates = call.method in SAFE_METHODS and call.fetch_mode == "navigate"
        return call.fetch_site not in _OURS and not navigates
    host = call.hosts[0] if call.hosts else ""
    return call.origin is not None and _netloc(call.origin) != host.lower()


def host_name(field: str) -> str | None:
    """The host of a Host field (or a bare address) in lower case, without port and brackets; None when it is none."""
    if _address(field) is not None:
        return field.lower()
    match = _AUTHORITY.fullmatch(field)
    if match is None or (match["six"] is not None and _address(match["six"]) is None):
        return None
    return (match["six"] or match["name"]).lower().rstrip(".") or None


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
