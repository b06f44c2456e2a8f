"""A title's licence and a session's revocation: their one JSON form, shared by files, control and edges.

A licence is `{"allow": ["DE", "FR"] | null, "deny": ["AT"], "from": iso8601 | null, "until": iso8601 | null}`: `allow`
null or missing is everywhere, an empty list nowhere; `deny` wins over `allow`; every member may be left out.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from math import inf

from kernel.documents import BadDocument, join, kind_of, moment_text, parse_moment, parse_object, shown
from kernel.vocabulary import Refusal, is_content_id

MAX_COUNTRIES = 400
"""More than ISO 3166 ever had: a longer list is a mistake."""

MAX_SESSION_CHARS = 256

_COUNTRY = re.compile(r"[A-Za-z]{2}", re.ASCII)
_MEMBERS = ("allow", "deny", "from", "until")


@dataclass(frozen=True, slots=True)
class Licence:
    """Where (ISO 3166 alpha-2, upper case) and when (Unix seconds, `opens <= now < closes`) a title may be watched."""

    allow: frozenset[str] | None = None
    deny: frozenset[str] = frozenset()
    opens: float = -inf
    closes: float = inf

    def refusal(self, country: str | None, wall: float) -> Refusal | None:
        """Why a viewer in `country` (None: unknown) must not watch at `wall`, or None if they may."""
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
    """Parse a licence from its JSON form. Raises BadDocument with the place below `path`."""
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


def parse_default(value: object, path: str) -> Refusal | None:
    """The meaning of `default` for a title without a licence: licensed nowhere (like `"allow": []`), or everywhere."""
    if value == "allow":
        return None
    if value == "deny":
        return Refusal.COUNTRY
    told = shown(value) if isinstance(value, str) else kind_of(value)
    raise BadDocument(path, f'must be "allow" or "deny", not {told}')


def parse_content_id(name: object) -> str:
    """A contentId; BadDocument when it cannot be one."""
    if not isinstance(name, str) or not is_content_id(name):
        raise BadDocument("titles", f"{shown(str(name))} cannot be a contentId")
    return name


def parse_session(value: object, path: str) -> str:
    """A session's id; BadDocument when it is empty, too long, not printable or no text."""
    if not isinstance(value, str) or not 0 < len(value) <= MAX_SESSION_CHARS or not value.isprintable():
        raise BadDocument(path, f"must be a session's id: 1 to {MAX_SESSION_CHARS} printable characters")
    return value


def parse_until(value: object, path: str) -> float:
    """The Unix second a revocation ends: null is never; ISO 8601, or Unix seconds as a token's `exp` has them."""
    if value is None:
        return inf
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        if not -1e11 < value < 1e11:
            raise BadDocument(path, "is out of range for Unix seconds")
        return float(value)
    return parse_moment(value, path)


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
