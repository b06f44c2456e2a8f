"""Header fields as plain lists, and which of them travel (RFC 9110 §5, §7.6.1)."""

from __future__ import annotations

import re
from collections.abc import Iterable

Fields = list[tuple[bytes, bytes]]
"""(lower-case name, value without surrounding whitespace), in order, as received."""

TOKEN = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
HOP_BY_HOP = frozenset(
    (b"connection", b"keep-alive", b"proxy-connection", b"te", b"transfer-encoding", b"upgrade", b"trailer",
     b"proxy-authenticate", b"proxy-authorization", b"proxy-authentication-info")
)  # fmt: skip
"""Never stored and never sent on (RFC 9110 §7.6.1; RFC 9111 §3.1)."""

REASONS = {
    100: b"Continue", 101: b"Switching Protocols", 102: b"Processing", 103: b"Early Hints",
    200: b"OK", 201: b"Created", 202: b"Accepted", 203: b"Non-Authoritative Information", 204: b"No Content",
    205: b"Reset Content", 206: b"Partial Content", 300: b"Multiple Choices", 301: b"Moved Permanently", 302: b"Found",
    303: b"See Other", 304: b"Not Modified", 307: b"Temporary Redirect", 308: b"Permanent Redirect",
    400: b"Bad Request", 401: b"Unauthorized", 403: b"Forbidden", 404: b"Not Found", 405: b"Method Not Allowed",
    408: b"Request Timeout", 409: b"Conflict", 410: b"Gone", 411: b"Length Required", 412: b"Precondition Failed",
    413: b"Content Too Large", 414: b"URI Too Long", 415: b"Unsupported Media Type", 416: b"Range Not Satisfiable",
    417: b"Expectation Failed", 421: b"Misdirected Request", 422: b"Unprocessable Content", 429: b"Too Many Requests",
    431: b"Request Header Fields Too Large",
    451: b"Unavailable For Legal Reasons", 500: b"Internal Server Error", 501: b"Not Implemented",
    502: b"Bad Gateway", 503: b"Service Unavailable", 504: b"Gateway Timeout", 505: b"HTTP Version Not Supported",
    507: b"Insufficient Storage", 508: b"Loop Detected",
}  # fmt: skip
_SPELT = {b"etag": b"ETag", b"www-authenticate": b"WWW-Authenticate", b"content-md5": b"Content-MD5", b"dnt": b"DNT"}


def values(fields: Fields, name: bytes) -> list[bytes]:
    """Every value of a field, in order."""
    return [value for field, value in fields if field == name]


def first(fields: Fields, name: bytes) -> bytes | None:
    """The first value of a field."""
    for field, value in fields:
        if field == name:
            return value
    return None


def members(field_values: Iterable[bytes]) -> list[bytes]:
    """The members of a comma-separated list over several lines, empty ones left out (RFC 9110 §5.6.1)."""
    return [part for value in field_values for raw in value.split(b",") if (part := raw.strip(b" \t"))]


def end_to_end(fields: Fields, dropping: frozenset[bytes] = frozenset()) -> Fields:
    """The fields that travel on: without hop-by-hop ones, those that Connection names, and `dropping`."""
    named = {name.lower() for name in members(values(fields, b"connection"))}
    return [
        (name, value) for name, value in fields if name not in HOP_BY_HOP and name not in named and name not in dropping
    ]


def spelt(name: bytes) -> bytes:
    """A field's name as people write it: `content-type` → `Content-Type`."""
    return _SPELT.get(name) or name.title()


def serialise(fields: Fields) -> bytes:
    """The lines of a head, each ended by CRLF."""
    return b"".join([b"%s: %s\r\n" % (spelt(name), value) for name, value in fields])


def status_line(status: int) -> bytes:
    """`HTTP/1.1 206 Partial Content` with its CRLF; an unknown status has an empty reason."""
    return b"HTTP/1.1 %d %s\r\n" % (status, REASONS.get(status, b""))
