"""A second reading of requests, from RFC 9112 line by line and for nothing but clearness: the fuzzer's judge."""

from __future__ import annotations

import string

TOKEN = set((string.ascii_letters + string.digits + "!#$%&'*+-.^_`|~").encode())
TARGET = set(range(0x21, 0x7F)) - set(b'"#<>\\')
VALUE = {9, *range(0x20, 0x7F), *range(0x80, 0x100)}
HEX = set(string.hexdigits.encode())


class Refused(Exception):
    """This is no acceptable request."""


class Incomplete(Exception):
    """More would have to come."""


def read(data: bytes) -> tuple[list[tuple[bytes, bytes, bytes]], bool]:
    """((method, target, body) of every request, whether a refusal follows); reading ends where the connection does."""
    found: list[tuple[bytes, bytes, bytes]] = []
    at = 0
    try:
        while True:
            method, target, body, at, last = _request(data, at)
            found.append((method, target, body))
            if last:
                return found, False
    except Incomplete:
        return found, False
    except Refused:
        return found, True


def _line(data: bytes, at: int) -> tuple[bytes, int]:
    stop = data.find(b"\n", at)
    if stop < 0:
        raise Incomplete
    if stop == at or data[stop - 1] != 13:
        raise Refused
    return data[at : stop - 1], stop + 1


def _request(data: bytes, at: int) -> tuple[bytes, bytes, bytes, int, bool]:
    line = b""
    empty = -1
    while not line:
        line, at = _line(data, at)
        empty += 1
        if empty > 8:
            raise Refused
    parts = line.split(b" ")
    if len(parts) != 3 or not all(parts):
        raise Refused
    method, target, version = parts
    if not TOKEN.issuperset(method) or len(method) > 64 or not TARGET.issuperset(target):
        raise Refused
    if len(version) != 8 or version[:7] != b"HTTP/1." or not version[7:].isdigit():
        raise Refused
    fields, at = _fields(data, at)
    if method == b"CONNECT" or not (target.startswith(b"/") or (target == b"*" and method == b"OPTIONS")):
        raise Refused
    hosts = [value for name, value in fields if name == b"host"]
    old = version == b"HTTP/1.0"
    if len(hosts) > 1 or (not hosts and not old):
        raise Refused
    if hosts and (hosts[0] or not old) and not _host(hosts[0]):
        raise Refused
    for once in (b"authorization", b"content-type"):
        if sum(name == once for name, _ in fields) > 1:
            raise Refused
    expected = [value for name, value in fields if name == b"expect"]
    members = [one.strip(b" \t").lower() for one in b",".join(expected).split(b",")]
    if not {b"", b"100-continue"}.issuperset(members) and not old:
        raise Refused
    body, at = _body(data, at, fields, method, old)
    options = b",".join(value for name, value in fields if name == b"connection").lower().split(b",")
    said = {option.strip(b" \t") for option in options}
    return method, target, body, at, b"close" in said or (old and b"keep-alive" not in said)


def _host(text: bytes) -> bool:
    """reg-name [":" port], as far as the fuzzer makes such."""
    name, _, port = text.partition(b":")
    plain = name
    while b"%" in plain:
        at = plain.index(b"%")
        if len(plain) < at + 3 or not HEX.issuperset(plain[at + 1 : at + 3]):
            return False
        plain = plain[:at] + b"x" + plain[at + 3 :]
    allowed = set((string.ascii_letters + string.digits + "-._~!$&'()*+,;=").encode())
    return (
        bool(name)
        and allowed.issuperset(plain)
        and (not port or (port.isdigit() and len(port) < 6 and int(port) < 65536))
    )


def _fields(data: bytes, at: int) -> tuple[list[tuple[bytes, bytes]], int]:
    fields: list[tuple[bytes, bytes]] = []
    while True:
        line, at = _line(data, at)
        if not line:
            return fields, at
        name, colon, value = line.partition(b":")
        if not colon or not name or not TOKEN.issuperset(name) or not VALUE.issuperset(value):
            raise Refused
        fields.append((name.lower(), value.strip(b" \t")))


def _body(data: bytes, at: int, fields: list[tuple[bytes, bytes]], method: bytes, old: bool) -> tuple[bytes, int]:
    lengths = [value for name, value in fields if name == b"content-length"]
    codings = [value for name, value in fields if name == b"transfer-encoding"]
    if not lengths and not codings:
        return b"", at
    if len(lengths) + len(codings) > 1:
        raise Refused
    if lengths:
        if not lengths[0].isdigit() or len(lengths[0]) > 15:
            raise Refused
        length = int(lengths[0])
        if length and (method == b"TRACE" or length > 1 << 20):
            raise Refused
        if at + length > len(data):
            raise Incomplete
        return data[at : at + length], at + length
    if codings[0].lower() != b"chunked" or old or method == b"TRACE":
        raise Refused
    return _chunks(data, at)


def _chunks(data: bytes, at: int) -> tuple[bytes, int]:
    body = b""
    while True:
        line, at = _line(data, at)
        size, _, _ = line.partition(b";")
        bare = size.rstrip(b" \t") if b";" in line else size
        if not bare or not HEX.issuperset(bare) or len(bare) > 16 or not _extensions(line[len(bare) :]):
            raise Refused
        length = int(bare, 16)
        if len(body) + length > 1 << 20:
            raise Refused
        if length == 0:
            break
        if at + length > len(data):
            raise Incomplete
        body += data[at : at + length]
        at += length
        if not b"\r\n".startswith(data[at : at + 2]):
            raise Refused
        if at + 2 > len(data):
            raise Incomplete
        at += 2
    trailers, at = _fields(data, at)
    if {name for name, _ in trailers} & {b"host", b"content-length", b"transfer-encoding", b"expect", b"connection"}:
        raise Refused
    return body, at


def _extensions(text: bytes) -> bool:
    """*( BWS ";" BWS token [ BWS "=" BWS token ] ); quoted strings are not among what the fuzzer makes."""
    if not text:
        return True
    before, *parts = text.split(b";")
    if before.strip(b" \t"):
        return False
    for number, part in enumerate(parts):
        last = number == len(parts) - 1
        if last and part != part.rstrip(b" \t"):
            return False
        name, equals, value = part.strip(b" \t").partition(b"=")
        if equals:
            name, value = name.rstrip(b" \t"), value.lstrip(b" \t")
            if not value or not TOKEN.issuperset(value):
                return False
        if not name or not TOKEN.issuperset(name):
            return False
    return True
