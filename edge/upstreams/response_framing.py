"""How an answer's body ends (RFC 9112 §6.3), strictly, and whether its connection may be used again (§9.3). Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass

from kernel.http.message import Fields, members, values

NO_BODY = frozenset((204, 304))
_LENGTH = re.compile(rb"[0-9]{1,15}")


@dataclass(frozen=True, slots=True)
class Framing:
    """`length` of the body when it is told. `by_close`: it ends with the connection. `reusable`: that goes on then."""

    length: int | None
    by_close: bool
    reusable: bool


def framing(status: int, fields: Fields, minor: int, *, bodyless: bool) -> Framing:
    """What a head says of its body; `bodyless`: it answers HEAD. ValueError("framing") when that is not clear.

    More than one Content-Length, one beside Transfer-Encoding, a coding that is not `chunked` alone, a coding in
    HTTP/1.0 or where none may be: each could be read in two ways, and two readers must never differ.
    """
    lengths = members(values(fields, b"content-length"))
    told = bool(lengths) or any(name == b"content-length" for name, _ in fields)
    codings = values(fields, b"transfer-encoding")
    if codings and (told or minor == 0 or len(codings) > 1 or codings[0].strip(b" \t").lower() != b"chunked"):
        raise ValueError("framing")
    if told and (len(lengths) != 1 or not _LENGTH.fullmatch(lengths[0])):
        raise ValueError("framing")
    if status < 200 and (told or codings):
        raise ValueError("framing")  # RFC 9110 §8.6, RFC 9112 §6.1: neither may stand there
    kept = _kept(fields, minor)
    if status in NO_BODY:
        # A length in a 304 is that of what was not sent; in a 204, and a coding in either, a body may yet follow.
        clear = not codings and (status == 304 or not lengths or int(lengths[0]) == 0)
        return Framing(0, by_close=False, reusable=kept and clear)
    length = int(lengths[0]) if lengths else None
    by_close = length is None and not codings and not bodyless
    # llhttp cannot be told that no body follows the answer to a HEAD, nor can we tell a late one: it is not used again.
    return Framing(length, by_close, reusable=kept and not by_close and not (bodyless and length != 0))


def _kept(fields: Fields, minor: int) -> bool:
    """Whether the connection goes on (RFC 9112 §9.3)."""
    options = {option.lower() for option in members(values(fields, b"connection"))}
    return b"close" not in options and (minor == 1 or b"keep-alive" in options)
