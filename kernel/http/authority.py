"""The normal form of a host, used in keys, routes, purges and upstream requests (RFC 9110 §4.2.3, RFC 3986 §6.2.2).

Another spelling of a host must not be another object, or it would bypass routes and purges. Pure.
"""

from __future__ import annotations

import ipaddress
import re
from functools import lru_cache

import idna

MAX_LENGTH = 262
"""A name of 255 bytes, as DNS has them at most, a colon and a port."""

_AUTHORITY = re.compile(
    rb"(?:((?:[A-Za-z0-9._~!$&'()*+,;=-]|%[0-9A-Fa-f]{2}|[\x80-\xff])++)|\[([0-9A-Fa-f:.]++)\])(?::([0-9]*+))?"
)
_NAME = re.compile(rb"[a-z0-9_~!$&'()*+,;=-]{1,63}+(?:\.[a-z0-9_~!$&'()*+,;=-]{1,63}+)*+")
_ESCAPE = re.compile(rb"%([0-9A-Fa-f]{2})")


def normal_authority(text: bytes, port: bytes = b"") -> bytes | None:
    """`host[:port]` in its normal form, without the scheme's own `port`; None where it is no authority of http.

    Lower case, no dot at the end, nothing escaped that need not be, names beyond ASCII as IDNA has them (UTS 46), IPv6
    as RFC 5952 writes it, a port without zeros before it. No user information, no empty label, no label of more than
    63 bytes.
    """
    return _normal(text, port) if len(text) <= MAX_LENGTH else None


@lru_cache(maxsize=4096)
def _normal(text: bytes, own: bytes) -> bytes | None:
    match = _AUTHORITY.fullmatch(text)
    if match is None or len(match[3] or b"") > 5:
        return None
    host = _address(match[2]) if match[2] is not None else normal_name(match[1])
    if host is None or not match[3]:
        return host
    port = b"%d" % int(match[3])
    if int(port) > 65535:
        return None
    return host if port == own else host + b":" + port


def _address(text: bytes) -> bytes | None:
    try:
        return b"[%s]" % str(ipaddress.IPv6Address(text.decode("ascii"))).encode()
    except ValueError:
        return None


def normal_name(name: bytes) -> bytes | None:
    """A host's name in its normal form; None where it can be none."""
    name = _ESCAPE.sub(lambda match: bytes((int(match[1], 16),)), name).lower().removesuffix(b".")
    if not name.isascii():
        try:
            name = idna.encode(name.decode("utf-8"), uts46=True)
        except ValueError:  # UnicodeDecodeError and idna's own are both
            return None
    return name if len(name) <= 253 and _NAME.fullmatch(name) else None
