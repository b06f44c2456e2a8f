"""The fields by which an intermediary describes itself and its client (RFC 9110 §7.6; RFC 7239). Pure."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from typing import NamedTuple

from kernel.http.message import Fields

REGISTERED_SAFE = frozenset((b"GET", b"HEAD", b"OPTIONS", b"TRACE", b"PROPFIND", b"REPORT", b"SEARCH", b"QUERY"))
"""Methods that are registered as safe (RFC 9110 §9.2.1, §16.1.1); a method of unknown safety is taken for unsafe."""

_NOT_REFLECTED = frozenset((b"authorization", b"proxy-authorization", b"cookie"))
"""Fields that TRACE does not give back (RFC 9110 §9.3.8)."""


class ReceivedFrom(NamedTuple):
    """How a request reached us: the protocol version, `1.1` or `1.0`, and the address of the client.

    `loop`: the CDN-Loop of a trusted peer. That of another client only shows whether it was here before: passed on for
    all waiting requests, it would make a later node report a loop to all of them (RFC 8586 §3).
    """

    version: bytes = b"1.1"
    address: bytes = b""
    loop: bytes = b""


def appended(before: bytes | None, member: bytes) -> bytes:
    """A list with one member more."""
    return before + b", " + member if before else member


def via(before: bytes | None, version: bytes, name: bytes) -> bytes:
    """Via with us behind those before us; `version` is that of the message as we received it (RFC 9110 §7.6.3)."""
    return appended(before, version + b" " + name)


def x_forwarded_for(request: Mapping[bytes, bytes], address: bytes) -> Fields:
    """X-Forwarded-For, and Forwarded where it is in use (RFC 7239 §4, §5.2), with the peer's address as last member."""
    if not address:
        return [(name, request[name]) for name in (b"x-forwarded-for", b"forwarded") if name in request]
    made = [(b"x-forwarded-for", appended(request.get(b"x-forwarded-for"), address))]
    if b"forwarded" in request:
        made.append((b"forwarded", appended(request[b"forwarded"], b"for=" + _node(address))))
    return made


def _node(address: bytes) -> bytes:
    """An address as a node of Forwarded: IPv6 in brackets and quotes (RFC 7239 §6)."""
    try:
        six = ipaddress.ip_address(address.decode("latin-1")).version == 6
    except ValueError:
        return b"unknown"
    return b'"[%s]"' % address if six else address


def hops_left(method: bytes, request: Mapping[bytes, bytes]) -> int | None:
    """Max-Forwards of an OPTIONS or TRACE; 0: we are the last recipient (RFC 9110 §7.6.2).

    None if it is missing or malformed, or for another method.
    """
    told = request.get(b"max-forwards")
    if told is None or method not in (b"OPTIONS", b"TRACE") or not told.isdigit():
        return None
    return int(told[-18:]) if len(told) <= 18 else 10**18


def reflection(method: bytes, target: bytes, version: bytes, request: Mapping[bytes, bytes]) -> bytes:
    """The response body of a TRACE that ends here: the request as received, without secrets (§9.3.8)."""
    lines = [b"%s: %s\r\n" % pair for pair in request.items() if pair[0] not in _NOT_REFLECTED]
    return b"%s %s HTTP/%s\r\n%s\r\n" % (method, target, version, b"".join(lines))
