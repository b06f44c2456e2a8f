"""Parses a line of CMCD v2 event mode (CTA-5004-B): a dictionary of Structured Fields (RFC 9651). Pure.

The door has checked size, printable ASCII, and the keys that each event must have. Here a line is parsed for what views
need. Values of a wrong type are left out and named in `faults`, because one wrong key must not cost the event.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NamedTuple

from services.analytics.views.view_event import Signal, Source, ViewEvent

MAX_FAULTS = 8

_STRING = r'"(?:[^"\\]|\\["\\])*+"'
_MEMBER = re.compile(
    rf"(?P<key>[a-z*][a-z0-9_.*-]*+)(?:=(?P<value>{_STRING}|\((?:[^()\"]|{_STRING})*+\)|[^,\"();\s]++))?+"
    r"(?:;[^,\"]*+)?(?:,[ \t]*+|\Z)"
)
_PAIR = re.compile(rf"(?:^|,)[ \t]*+([a-z][a-z0-9-]*+)=({_STRING}|\((?:[^()\"]|{_STRING})*+\)|[^,\"();\s]++)")
_PLACE = re.compile(r"(?:https?://([^/?#\s]{1,200}+))?(?:/t/[^/]*+)?(?:/cdn/([^/?#]{1,64}+)/)?")
_NUMBER = re.compile(r"-?\d{1,15}(?:\.\d{1,3})?", re.ASCII)
_ITEM = re.compile(rf"{_STRING}|[^\s()\";]++")
_TOKEN = re.compile(r"[A-Za-z*][A-Za-z0-9:/!#$%&'*+.^_`|~-]*+", re.ASCII)
_ESCAPED = re.compile(r"\\(.)")

NUMBER, TEXT, TOKEN, SWITCH, NUMBERS, TEXTS = (
    "number",
    "string",
    "token",
    "boolean",
    "list of numbers",
    "list of texts",
)

KEYS: Mapping[str, str] = {
    "ab": NUMBERS, "b": SWITCH, "bg": SWITCH, "bl": NUMBERS, "br": NUMBERS, "bs": SWITCH, "bsa": NUMBERS,
    "bsd": NUMBERS, "bsda": NUMBERS, "cdn": TEXT, "cen": TEXT, "cid": TEXT, "cmsdd": TEXT, "cmsds": TEXT, "cs": TEXT,
    "d": NUMBER, "df": NUMBER, "dfa": NUMBER, "dl": NUMBER, "e": TOKEN, "ec": TEXTS, "lab": NUMBERS, "lb": NUMBERS,
    "ltc": NUMBER, "msd": NUMBER, "mtp": NUMBERS, "nor": TEXTS, "nr": SWITCH, "ot": TOKEN, "pb": NUMBERS, "pr": NUMBER,
    "pt": NUMBER, "rc": NUMBER, "rtp": NUMBER, "sf": TOKEN, "sid": TEXT, "sn": NUMBER, "st": TOKEN, "sta": TOKEN,
    "su": SWITCH, "tab": NUMBERS, "tb": NUMBERS, "tbl": NUMBERS, "tpb": NUMBERS, "ts": NUMBER, "ttfb": NUMBER,
    "ttfbb": NUMBER, "ttlb": NUMBER, "url": TEXT, "v": NUMBER, "smrt": TEXT,
}  # fmt: skip
"""The keys of version 2 and their types. Custom keys have a hyphen and any type."""

STATES: Mapping[str, Signal] = {
    "s": Signal.INTENT, "p": Signal.PLAYING, "k": Signal.SEEKING, "r": Signal.WAITING, "a": Signal.PAUSED,
    "w": Signal.WAITING, "e": Signal.ENDED, "f": Signal.FATAL, "q": Signal.QUIT, "d": Signal.PRELOAD,
}  # fmt: skip
"""The player's state `sta`."""
EVENTS: Mapping[str, Signal] = {
    "t": Signal.HEARTBEAT, "rr": Signal.RESPONSE, "e": Signal.ERROR, "bc": Signal.BITRATE, "ps": Signal.OTHER,
}  # fmt: skip

Value = float | str | bool


class CmcdLine(NamedTuple):
    """The values of a line by key, of lists the first member; and what is wrong with it, as `key: why`."""

    values: Mapping[str, Value]
    faults: tuple[str, ...]


def parse_cmcd(line: str) -> CmcdLine:
    """Parse a line. Never raises: what cannot be parsed is in `faults`, and parsing ends there."""
    values: dict[str, Value] = {}
    faults: list[str] = []
    at = 0
    while at < len(line) and len(faults) < MAX_FAULTS:
        match = _MEMBER.match(line, at)
        if match is None:
            faults.append(f"{line[at : at + 20]}: is no member of a dictionary of Structured Fields")
            break
        at = match.end()
        key, text = match["key"], match["value"]
        kind = KEYS.get(key)
        if kind is None:
            if "-" not in key:
                faults.append(f"{key}: is no key of CMCD version 2, and custom keys have a hyphen")
            continue
        value = _read(kind, text)
        if value is None:
            faults.append(f"{key}: is not a {kind}")
        else:
            values[key] = value
    return CmcdLine(values, tuple(faults))


def _read(kind: str, text: str | None) -> Value | None:
    """A value of this kind; None for any other."""
    if kind is SWITCH:
        return text is None or text == "?1" if text in (None, "?1", "?0") else None
    if text is None:
        return None
    if kind is NUMBERS or kind is TEXTS:
        if text[0] == "(":
            item = _ITEM.search(text, 1)
            if item is None:
                return None
            text = item[0]
        # Version 1 has a plain number or string where version 2 has a list: players mix them.
        kind = NUMBER if kind is NUMBERS else TEXT
    if kind is NUMBER:
        return float(text) if _NUMBER.fullmatch(text) else None
    if kind is TEXT:
        if text[0] != '"':
            return None
        return _ESCAPED.sub(r"\1", text[1:-1]) if "\\" in text else text[1:-1]
    return text if _TOKEN.fullmatch(text) else None


def read_cmcd_event(line: str, received: float, country: str = "") -> ViewEvent | None:
    """The event of a line; None when it lacks `e`, `ts` or `sid`. `received` in Unix seconds."""
    texts: dict[str, str] = dict(_PAIR.findall(line))
    name, moment, session = texts.get("e", ""), _number(texts, "ts", -1), _text(texts, "sid")
    if not name or moment < 0 or not session:
        return None
    edge, region = place_of(_text(texts, "url")) if "url" in texts else ("", "")
    return ViewEvent(
        session=session,
        at=moment / 1000,
        received=received,
        source=Source.CMCD,
        signal=_signal(name, texts),
        name=name,
        sequence=int(_number(texts, "sn", -1)),
        content_id=_text(texts, "cid"),
        position=_number(texts, "pt", -1000) / 1000,
        bitrate=int(_number(texts, "br", 0)) if name == "bc" or (name == "rr" and texts.get("ot") in _VIDEO) else 0,
        startup=_number(texts, "msd", -1000) / 1000,
        code=texts.get("rc", "") if name == "rr" else _text(texts, "ec"),
        edge=edge,
        region=region,
        country=country,
        raw=line,
    )


_VIDEO = ("v", "av")


def _signal(name: str, texts: Mapping[str, str]) -> Signal:
    state = STATES.get(texts.get("sta", ""), Signal.OTHER)
    if name == "ps":
        return state
    if name == "e" and state is Signal.FATAL:
        return Signal.FATAL
    if name == "ce" and _text(texts, "cen") in ("quit", "leave"):
        return Signal.QUIT
    return EVENTS.get(name, Signal.OTHER)


def place_of(url: str) -> tuple[str, str]:
    """(the edge's host, the region) of a media URL or path; "" for what it does not say."""
    match = _PLACE.match(url)
    return (match[1] or "", match[2] or "") if match is not None else ("", "")


def _number(texts: Mapping[str, str], key: str, default: float) -> float:
    """A number, or the first of a list."""
    text = texts.get(key)
    if text is None:
        return default
    if text[:1] == "(":
        item = _ITEM.search(text, 1)
        text = item[0] if item is not None else ""
    return float(text) if _NUMBER.fullmatch(text) else default


def _text(texts: Mapping[str, str], key: str) -> str:
    """A string, or the first of a list."""
    text = texts.get(key, "")
    if text[:1] == "(":
        item = _ITEM.search(text, 1)
        text = item[0] if item is not None else ""
    if text[:1] != '"':
        return ""
    return _ESCAPED.sub(r"\1", text[1:-1]) if "\\" in text else text[1:-1]
