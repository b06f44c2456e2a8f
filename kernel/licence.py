"""A title's licence: where and when it may be watched; the one JSON form that files, control and edges share.

`{"allow": ["DE", "FR"] | null, "deny": ["AT"], "from": iso8601 | null, "until": iso8601 | null}`: `allow` null or missing
is everywhere, an empty list is nowhere; `deny` wins over `allow`; moments carry their offset from UTC; every member may be
left out.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from math import inf

from kernel.vocabulary import Refusal

MAX_COUNTRIES = 400
"""More than ISO 3166 has ever had at once: a longer list is a mistake."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LAST = 253402300799.0  # 9999-12-31T23:59:59Z, what people write for "for ever"
_COUNTRY = re.compile(r"[A-Za-z]{2}", re.ASCII)
_MEMBERS = ("allow", "deny", "from", "until")


class BadDocument(ValueError):
    """A document that is not in the agreed form: `path` names the place (`titles.film1.allow[0]`), `why` the reason."""

    def __init__(self, path: str, why: str) -> None:
        super().__init__(f"{path}: {why}" if path else why)
        self.path = path
        self.why = why


@dataclass(frozen=True, slots=True)
class Licence:
    """Where (ISO 3166 alpha-2, upper case) and when (Unix seconds, `opens <= now < closes`) a title may be watched."""

    allow: frozenset[str] | None = None
    deny: frozenset[str] = frozenset()
    opens: float = -inf
    closes: float = inf

    def refusal(self, country: str | None, wall: float) -> Refusal | None:
        """Why a viewer in `country` (None: nobody knows) may not watch at `wall`; None when it may."""
        allow = self.allow
        if allow is not None or self.deny:
            if country is None:
                return Refusal.COUNTRY if allow is not None and not allow else Refusal.COUNTRY_UNKNOWN
            if (allow is not None and country not in allow) or country in self.deny:
                return Refusal.COUNTRY
        if self.opens <= wall < self.closes:
            return None
        return Refusal.WINDOW


def parse_licence(value: object, path: str = "") -> Licence:
    """The licence of its JSON form; BadDocument with the place below `path` otherwise."""
    members = parse_object(value, path, _MEMBERS)
    allow = members.get("allow")
    deny = members.get("deny")
    opens, closes = members.get("from"), members.get("until")
    licence = Licence(
        allow=None if allow is None else _countries(allow, join(path, "allow")),
        deny=frozenset() if deny is None else _countries(deny, join(path, "deny")),
        opens=-inf if opens is None else parse_moment(opens, join(path, "from")),
        closes=inf if closes is None else parse_moment(closes, join(path, "until")),
    )
    if not licence.opens < licence.closes:
        raise BadDocument(path, f"the window is empty: from {opens} until {closes}")
    return licence


def licence_json(licence: Licence) -> dict[str, object]:
    """The JSON form; `parse_licence` of it gives an equal licence."""
    form: dict[str, object] = {"allow": None if licence.allow is None else sorted(licence.allow)}
    if licence.deny:
        form["deny"] = sorted(licence.deny)
    if licence.opens != -inf:
        form["from"] = moment_text(licence.opens)
    if licence.closes != inf:
        form["until"] = moment_text(licence.closes)
    return form


def parse_moment(value: object, path: str = "") -> float:
    """Unix seconds of an ISO 8601 date and time with its offset; the ends of the calendar are infinitely far."""
    if not isinstance(value, str):
        raise BadDocument(path, f"must be a date and time in ISO 8601, not {kind_of(value)}")
    if len(value) > 40 or "T" not in value.upper().replace(" ", "T", 1):
        raise BadDocument(path, f"{shown(value)} is not a date and time such as 2026-11-22T20:15:00+01:00")
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        raise BadDocument(path, f"{shown(value)} is not a date and time such as 2026-11-22T20:15:00+01:00") from None
    if moment.tzinfo is None:
        raise BadDocument(path, f"{shown(value)} does not say its offset from UTC (Z or +01:00)")
    seconds = (moment - _EPOCH).total_seconds()
    if seconds >= _LAST:
        return inf
    return -inf if moment.year == 1 else seconds


def moment_text(seconds: float) -> str:
    """ISO 8601 in UTC of Unix seconds, to the microsecond; infinities become the ends of the calendar."""
    if seconds == inf:
        return "9999-12-31T23:59:59+00:00"
    if seconds == -inf:
        return "0001-01-01T00:00:00+00:00"
    return (_EPOCH + timedelta(seconds=seconds)).isoformat()


def parse_object(value: object, path: str, members: Collection[str]) -> Mapping[str, object]:
    """`value` when it is a JSON object with no member beside `members`; BadDocument otherwise."""
    if not isinstance(value, Mapping):
        raise BadDocument(path, f"must be an object, not {kind_of(value)}")
    for name in value:
        if name not in members:
            raise BadDocument(join(path, str(name)[:80]), f"there is no such member; there are {', '.join(members)}")
    return value


def join(path: str, name: str) -> str:
    """The path of member `name` below `path`."""
    return f"{path}.{name}" if path else name


def kind_of(value: object) -> str:
    """What a JSON value is, in words for an error."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true or false"
    if isinstance(value, (int, float)):
        return "a number"
    if isinstance(value, str):
        return "a text"
    return "a list" if isinstance(value, (list, tuple)) else "an object"


def shown(text: str) -> str:
    """A text from outside as an error may show it: quoted and not too long."""
    return repr(text if len(text) <= 60 else text[:60] + "…")


def _countries(value: object, path: str) -> frozenset[str]:
    if not isinstance(value, (list, tuple)):
        raise BadDocument(path, f"must be a list of country codes or null, not {kind_of(value)}")
    if len(value) > MAX_COUNTRIES:
        raise BadDocument(path, f"has {len(value)} countries; there cannot be more than {MAX_COUNTRIES}")
    codes = set()
    for number, code in enumerate(value):
        if not isinstance(code, str) or not _COUNTRY.fullmatch(code):
            told = shown(code) if isinstance(code, str) else kind_of(code)
            raise BadDocument(f"{path}[{number}]", f"{told} is not a two-letter country code (ISO 3166)")
        codes.add(code.upper())
    return frozenset(codes)
