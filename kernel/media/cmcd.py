"""Common Media Client Data that players send with requests (CTA-5004 and its second version, CTA-5004-A). Pure.

It is in the query (`CMCD=`, the default of players), percent-encoded once, or in four fields (CMCD-Request, -Object,
-Status, -Session), which count as one. It is a dictionary of Structured Fields (RFC 9651). Malformed members are
skipped, since they must not make a request fail. Version 1 has the next object in `nor` (percent-encoded) and its range
in `nrr`; in version 2 `nor` is an inner list whose members have their range as `r`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from urllib.parse import unquote

MAX_BYTES = 4_096
"""A longer word of a player counts for nothing."""
MAX_NEXT = 8
"""Next objects of one request that count."""
FIELDS = (b"cmcd-request", b"cmcd-object", b"cmcd-status", b"cmcd-session")

_KEY = re.compile(r"[a-z*][a-z0-9_.*-]*", re.ASCII)
# Possessive: a string is looked at once, whether it ends or not.
_STRING = re.compile(r'"((?:[^"\\]|\\["\\])*+)"')
_STRING_SO_FAR = re.compile(r'"(?:[^"\\]|\\["\\])*+')
_NEITHER = re.compile(r'[^,"]*+')
_BARE = re.compile(r"[^,;()\s\"]++")
_RANGE = re.compile(r"(\d{1,15})-(\d{0,15})", re.ASCII)

Value = str | bool | tuple["Member", ...]


@dataclass(frozen=True, slots=True)
class Member:
    """One member of an inner list, with its parameters."""

    value: str
    parameters: Mapping[str, str | bool]


@dataclass(frozen=True, slots=True)
class Next:
    """An object that the player will request next: the reference as written, and its range (`last` None: open)."""

    uri: str
    range: tuple[int, int | None] | None = None


@dataclass(frozen=True, slots=True)
class Cmcd:
    """The members used here. `buffer`, `deadline` in milliseconds; `starved`: the buffer ran empty; `startup`: playback
    is starting."""

    session: str = ""
    content: str = ""
    object: str = ""
    buffer: int | None = None
    deadline: int | None = None
    starved: bool = False
    startup: bool = False
    next: tuple[Next, ...] = ()


NOTHING = Cmcd()


def of_request(query: bytes, fields: Mapping[bytes, bytes]) -> Cmcd:
    """Parse the query (without `?`) and fields of a request; NOTHING if there is no CMCD."""
    text = next((part[5:] for part in query.split(b"&") if part[:5].upper() == b"CMCD="), b"")
    said = unquote(text.decode("latin-1"), errors="replace") if 0 < len(text) <= MAX_BYTES else ""
    more = b",".join(fields[name] for name in FIELDS if name in fields)
    if 0 < len(more) <= MAX_BYTES:
        said = f"{said},{more.decode('latin-1')}" if said else more.decode("latin-1")
    return of_text(said) if said else NOTHING


def of_text(text: str) -> Cmcd:
    """Of the dictionary itself."""
    told = dict(members(text))
    return Cmcd(
        session=_text(told.get("sid")),
        content=_text(told.get("cid")),
        object=_text(told.get("ot")),
        buffer=_number(told.get("bl")),
        deadline=_number(told.get("dl")),
        starved=told.get("bs") is True,
        startup=told.get("su") is True,
        next=tuple(islice(_next(told.get("nor"), told.get("nrr")), MAX_NEXT)),
    )


def members(text: str) -> Iterator[tuple[str, Value]]:
    """(key, value) of each member that can be read, in order; of equal keys the last counts (RFC 9651 §3.2)."""
    at = open_until = 0
    while at < len(text):
        match = _KEY.match(text, at)
        if match is not None:
            key, at = match[0], match.end()
            value: Value | None = True
            if text[at : at + 1] == "=":
                value, at = _value(text, at + 1)
            if value is not None:
                yield key, value
        at, open_until = _after_comma(text, at, open_until)


def _after_comma(text: str, at: int, open_until: int) -> tuple[int, int]:
    """The start of the next member, after the next comma outside a string; and `open_until` for the next call.

    A quote that starts no complete string is an ordinary character. So is every quote between it and the end of that
    attempt (`open_until`): it was escaped there and would fail at the same place. None is tried again, or `"\\"\\"\\"…`
    would be read to its end once for each quote.
    """
    if not text.startswith(",", at):
        at = _next_mark(text, at)
    while at < len(text) and text[at] != ",":
        if at >= open_until:
            string = _STRING_SO_FAR.match(text, at)
            end = string.end() if string is not None else at + 1
            if text[end : end + 1] == '"':
                at = _next_mark(text, end + 1)
                continue
            open_until = end
        at = _next_mark(text, at + 1)
    at += 1
    while at < len(text) and text[at] in " \t":
        at += 1
    return at, open_until


def _next_mark(text: str, at: int) -> int:
    """Where the next comma or quote is; the end of the text where there is none."""
    match = _NEITHER.match(text, at)
    return len(text) if match is None else match.end()


def _value(text: str, at: int) -> tuple[Value | None, int]:
    """A string, a bare word or an inner list, and where it ends; None when it is none of these."""
    if text[at : at + 1] != "(":
        item, at = _item(text, at)
        return item, at
    found, at = [], at + 1
    while at < len(text) and text[at] != ")":
        if text[at] in " \t":
            at += 1
            continue
        item, at = _item(text, at)
        if not isinstance(item, str):
            return None, at
        parameters: dict[str, str | bool] = {}
        while text[at : at + 1] == ";":
            at += 1
            match = _KEY.match(text, at)
            if match is None:
                return None, at
            at, told = match.end(), True
            if text[at : at + 1] == "=":
                told, at = _item(text, at + 1)  # type: ignore[assignment]  # None is refused below
                if told is None:
                    return None, at
            parameters[match[0]] = told
        found.append(Member(item, parameters))
    return (tuple(found), at + 1) if at < len(text) else (None, at)


def _item(text: str, at: int) -> tuple[str | bool | None, int]:
    string = _STRING.match(text, at)
    if string is not None:
        return re.sub(r"\\(.)", r"\1", string[1]), string.end()
    bare = _BARE.match(text, at)
    if bare is None:
        return None, at
    word = bare[0]
    return (word == "?1" if word in ("?0", "?1") else word), bare.end()


def _next(nor: Value | None, nrr: Value | None) -> Iterator[Next]:
    if isinstance(nor, tuple):
        for member in nor:
            yield Next(unquote(member.value), _range(member.parameters.get("r")))
    elif isinstance(nor, str) and nor:
        yield Next(unquote(nor), _range(nrr))
    elif isinstance(nrr, str):
        return  # a range of the present object: there is nothing else to fetch


def _range(told: Value | None) -> tuple[int, int | None] | None:
    match = _RANGE.fullmatch(told) if isinstance(told, str) else None
    if match is None:
        return None
    first, last = int(match[1]), int(match[2]) if match[2] else None
    return None if last is not None and last < first else (first, last)


def _text(value: Value | None) -> str:
    return value[:64] if isinstance(value, str) and value.isprintable() else ""


def _number(value: Value | None) -> int | None:
    """A number; version 2 makes some of them inner lists, of which the first member counts."""
    if isinstance(value, tuple):
        value = value[0].value if value else None
    return int(value) if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 10 else None
