"""Common Media Client Data as a player sends it: CTA-5004 (version 1) and CTA-5004-B (version 2). Pure.

Version 2 differs in form (rates and buffer lengths are inner lists, `nor` is one too, with ranges as its parameters)
and adds the player state and reports of events. Tokens never leave in it: addresses lose their query and `/t/<token>`.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from urllib.parse import quote, urlsplit

Value = str | int | bool
"""A bool is a key without a value when true, and left out when false."""


class CmcdMode(StrEnum):
    """How a player sends it."""

    OFF = "off"
    V1_QUERY = "v1-query"
    V1_HEADERS = "v1-headers"
    V2_QUERY = "v2-query"
    V2_HEADERS = "v2-headers"

    @property
    def version(self) -> int:
        """1 or 2."""
        return 2 if self in (CmcdMode.V2_QUERY, CmcdMode.V2_HEADERS) else 1

    @property
    def in_headers(self) -> bool:
        """Whether it goes into four header fields; else into the query."""
        return self in (CmcdMode.V1_HEADERS, CmcdMode.V2_HEADERS)


class ObjectType(StrEnum):
    """CMCD `ot`."""

    MANIFEST = "m"
    INIT = "i"
    AUDIO = "a"
    VIDEO = "v"
    MUXED = "av"
    CAPTION = "c"
    OTHER = "o"


class Event(StrEnum):
    """CMCD `e` (CTA-5004-B §2): what an event reports."""

    PLAY_STATE = "ps"
    BITRATE_CHANGE = "bc"
    ERROR = "e"
    INTERVAL = "t"
    RESPONSE_RECEIVED = "rr"


_V1_KEYS = frozenset(
    ["bl", "br", "bs", "cid", "d", "dl", "mtp", "nor", "nrr", "ot", "pr", "rtp", "sf", "sid", "st", "su", "tb", "v"]
)
_TOKENS = frozenset(("ot", "sf", "st", "sta", "e"))
_LISTS = frozenset(("bl", "br", "mtp", "tb", "lb", "pb", "tpb"))
_HUNDREDS = frozenset(("bl", "dl", "mtp", "rtp"))
_HEADERS = {
    "CMCD-Object": frozenset(["br", "d", "lb", "ot", "tb", "tpb"]),
    "CMCD-Request": frozenset(["bl", "dl", "ltc", "mtp", "nor", "nrr", "pb", "sn", "sta", "su"]),
    "CMCD-Status": frozenset(["bs", "ec", "pr", "pt", "rtp"]),
    "CMCD-Session": frozenset(["cid", "msd", "sf", "sid", "st", "v"]),
}
_PATH_TOKEN = re.compile(r"/t/[^/]++(?=/)")
"""At the beginning of a path, as the platform issues it."""
_TOKEN_INSIDE = re.compile(r"(?:^|/)t/[^/.]++\.[^/.]++\.[^/]++/")
"""In a relative reference, where its place says nothing: by the three parts of a JWT."""
MAX_EVENTS = 200
"""Events that wait for a report; older ones are dropped when a collector does not answer."""


def without_token(url: str) -> str:
    """The address without query, fragment and `/t/<token>`."""
    parts = urlsplit(url)
    token = _PATH_TOKEN.match(parts.path)
    path = parts.path[token.end() :] if token is not None else parts.path
    return f"{parts.scheme}://{parts.netloc}{path}"


def without_cmcd(url: str) -> str:
    """The address without the CMCD that `applied` has put at its end."""
    at = url.find("CMCD=")
    return url[: at - 1] if at > 0 and url[at - 1] in "?&" else url


def relative_reference(url: str, base: str) -> str | None:
    """`url` as seen from `base`, for `nor`; None when that would need a host, a token or a query."""
    one, other = urlsplit(url), urlsplit(base)
    if (one.scheme, one.netloc) != (other.scheme, other.netloc) or one.query:
        return None
    here, there = other.path.split("/")[:-1], one.path.split("/")
    shared = 0
    while shared < min(len(here), len(there) - 1) and here[shared] == there[shared]:
        shared += 1
    reference = "/".join([".."] * (len(here) - shared) + there[shared:])
    return None if _TOKEN_INSIDE.search(reference) else reference


def encoded(keys: Mapping[str, Value], version: int) -> str:
    """The dictionary by ascending key; rates are rounded, `bl dl mtp rtp` to hundreds (CTA-5004 §3.2)."""
    return ",".join(
        _member(key, keys[key], version)
        for key in sorted(keys)
        if keys[key] is not False and (version > 1 or key in _V1_KEYS)
    )


def _member(key: str, value: Value, version: int) -> str:
    if value is True:
        return key
    if isinstance(value, int):
        number = round(value / 100) * 100 if key in _HUNDREDS else value
        return f"{key}=({number})" if version > 1 and key in _LISTS else f"{key}={number}"
    if key in _TOKENS:
        return f"{key}={value}"
    if key == "nor":
        return _next_object(value, version)
    return f"{key}=({_string(value)})" if key == "ec" else f"{key}={_string(value)}"


def _next_object(value: str, version: int) -> str:
    """`value` is a reference, with ` FIRST-LAST` after it for a range."""
    reference, _, byte_range = value.partition(" ")
    if version == 1:
        written = f"nor={_string(quote(reference, safe=''))}"
        return f'{written},nrr="{byte_range}"' if byte_range else written
    parameter = f';r="{byte_range}"' if byte_range else ""
    return f"nor=({_string(reference)}{parameter})"


def _string(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def applied(url: str, keys: Mapping[str, Value], mode: CmcdMode) -> tuple[str, tuple[tuple[str, str], ...]]:
    """The address and header fields of a request that carries `keys`."""
    if mode is CmcdMode.OFF or not keys:
        return url, ()
    version = mode.version
    if mode.in_headers:
        groups = (
            (name, encoded({key: keys[key] for key in keys if key in allowed}, version))
            for name, allowed in _HEADERS.items()
        )
        return url, tuple((name, text) for name, text in groups if text)
    joint = "&" if "?" in url else "?"
    return f"{url}{joint}CMCD={quote(encoded(keys, version), safe='')}", ()


@dataclass(slots=True)
class EventReports:
    """The version 2 events of one session that wait to be sent (`application/cmcd`, a line an event)."""

    lines: list[str] = field(default_factory=list)
    sent: int = 0
    """Count of events, reported as `sn`."""
    is_silenced: bool = False
    """The collector answered 410 or has no such endpoint: nothing is sent in this session."""

    def report(self, event: Event, wall_s: float, keys: Mapping[str, Value]) -> None:
        """Queue one event that happened at `wall_s` (Unix seconds); `keys` hold `sid` and whatever else is known."""
        if self.is_silenced:
            return
        self.sent += 1
        stamp = {"e": event.value, "ts": round(wall_s * 1000), "sn": self.sent, "v": 2}
        self.lines.append(encoded({**keys, **stamp}, 2))
        del self.lines[:-MAX_EVENTS]

    def batch(self) -> bytes:
        """Everything queued, as one body; the queue is empty afterwards."""
        body = "".join(f"{line}\n" for line in self.lines).encode()
        self.lines.clear()
        return body

    def give_back(self, body: bytes) -> None:
        """Queue a batch again that the collector could not accept (429, 5xx)."""
        self.lines[:0] = body.decode().splitlines()
        del self.lines[:-MAX_EVENTS]


def response_received(url: str, status: int, ttfb_s: float | None, total_s: float) -> dict[str, Value]:
    """The keys of `rr`: a response with its times in milliseconds."""
    keys: dict[str, Value] = {"url": without_token(url), "rc": status, "ttlb": round(total_s * 1000)}
    if ttfb_s is not None:
        keys["ttfb"] = round(ttfb_s * 1000)
    return keys


def top_and_lowest(bandwidths: Iterable[int]) -> dict[str, Value]:
    """`tb` and `lb` of a ladder in kbit/s."""
    listed = sorted(bandwidths)
    return {"tb": round(listed[-1] / 1000), "lb": round(listed[0] / 1000)} if listed else {}
