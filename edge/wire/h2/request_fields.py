"""The fields of a request: from a decoded header block to a Request, or what is wrong with it (RFC 9113 §8). Pure.

The result is what the same request has over HTTP/1.1: `:authority` is its Host, `:path` its target.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import NamedTuple

from edge.wire.head import MAX_METHOD_BYTES, NOT_REPEATABLE, Limits, is_authority, is_target
from edge.wire.request import Malformed, Request
from kernel.http.authority import normal_authority

HTTP2 = b"2"
"""`Request.version` of these requests."""
_NAME = re.compile(rb"[!#$%&'*+.^_`|~0-9a-z-]++")
_VALUE = re.compile(rb"(?:[\x21-\x7e\x80-\xff](?:[\t\x20-\x7e\x80-\xff]*[\x21-\x7e\x80-\xff])?)?")
_METHOD = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]++")
_CONNECTION_SPECIFIC = frozenset((b"connection", b"keep-alive", b"proxy-connection", b"transfer-encoding", b"upgrade"))
_PSEUDO = frozenset((b":method", b":scheme", b":authority", b":path"))
_SCHEMES = (b"https", b"http")


class BrokenFields(NamedTuple):
    """A malformed request (§8.1.1): the stream is reset, PROTOCOL_ERROR."""

    why: str


def read_fields(pairs: Iterable[tuple[bytes, bytes]], limits: Limits) -> Request | Malformed | BrokenFields:
    """The request with these fields. Malformed: it is answered with that status."""
    pseudo: dict[bytes, bytes] = {}
    fields: dict[bytes, bytes] = {}
    number = 0
    for name, value in pairs:
        number += 1
        if name.startswith(b":"):
            if fields or name not in _PSEUDO or name in pseudo:
                return BrokenFields("a pseudo-field that is unknown, repeated or out of place")
            pseudo[name] = value
            continue
        wrong = _field_error(name, value)
        if wrong is not None:
            return BrokenFields(wrong)
        if name not in fields:
            fields[name] = value
        elif name in NOT_REPEATABLE:
            return BrokenFields(f"{name.decode()} twice")
        else:
            fields[name] += (b"; " if name == b"cookie" else b", ") + value
    if number > limits.fields + len(_PSEUDO):
        return Malformed(431, "too-many-fields", f"more than {limits.fields}")
    return _request_of(pseudo, fields, limits)


def check_trailers(pairs: Iterable[tuple[bytes, bytes]]) -> str | None:
    """What is wrong with a trailer section, which is not used otherwise."""
    for name, value in pairs:
        if name.startswith(b":"):
            return "a pseudo-field in trailers"
        wrong = _field_error(name, value)
        if wrong is not None:
            return wrong
    return None


def _field_error(name: bytes, value: bytes) -> str | None:
    if not _NAME.fullmatch(name):
        return "a field name that is no lower-case token"
    if not _VALUE.fullmatch(value):
        return f"{name.decode()}: a control character, or whitespace at an end"
    if name in _CONNECTION_SPECIFIC or (name == b"te" and value.lower() != b"trailers"):
        return f"{name.decode()}, which is for HTTP/1.1"
    return None


def _request_of(
    pseudo: dict[bytes, bytes], fields: dict[bytes, bytes], limits: Limits
) -> Request | Malformed | BrokenFields:
    method, scheme, path = pseudo.get(b":method"), pseudo.get(b":scheme"), pseudo.get(b":path")
    if method is None or not _METHOD.fullmatch(method):
        return BrokenFields("no :method")
    if method == b"CONNECT":
        if scheme is not None or path is not None or b":authority" not in pseudo:
            return BrokenFields("a CONNECT with other pseudo-fields than :authority")
        return Malformed(405, "method")
    if scheme is None or not path:
        return BrokenFields("no :scheme or no :path")
    if scheme not in _SCHEMES:
        return Malformed(400, "scheme")
    if len(method) > MAX_METHOD_BYTES:
        return Malformed(501, "method", "too long for one of ours")
    if len(path) > limits.target:
        return Malformed(414, "target-too-long")
    if not is_target(path) or not (path.startswith(b"/") or (path == b"*" and method == b"OPTIONS")):
        return BrokenFields("a :path that is no path")
    wrong = _settle_host(pseudo.get(b":authority"), fields, b"443" if scheme == b"https" else b"80")
    if wrong is not None:
        return wrong
    request = Request(method, path, fields, 1, keep_alive=True)
    request.version, request.protocol = HTTP2, "h2"
    return request


def _settle_host(authority: bytes | None, fields: dict[bytes, bytes], port: bytes) -> Malformed | BrokenFields | None:
    """Put `:authority` into Host; the two must agree (§8.3.1)."""
    host = fields.get(b"host")
    if authority is None:
        if host is None:
            return Malformed(400, "host-missing")
        authority = host
    if not is_authority(authority):
        return Malformed(400, "host")
    if host is not None and normal_authority(host, port) != normal_authority(authority, port):
        return BrokenFields(":authority and Host differ")
    fields[b"host"] = authority
    return None
