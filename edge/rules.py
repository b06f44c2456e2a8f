"""The rules in force: immutable, of one version; asked for every request, changed by making a new one.

Their one form is RULES.json (docs, `--rules`, what control pushes, what is kept on disk)::

    {"default": "allow" | "deny",
     "titles": {"<contentId>": licence, ...},
     "revoked_sessions": ["id" | {"id": "id", "until": iso8601 | unixSeconds | null}, ...]}

A licence is described in `kernel.licence`. A title that is not listed follows `default`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from math import inf
from types import MappingProxyType
from typing import Self

from kernel.licence import (
    BadDocument,
    Licence,
    join,
    kind_of,
    licence_json,
    moment_text,
    parse_licence,
    parse_moment,
    parse_object,
    shown,
)
from kernel.vocabulary import Refusal, is_content_id

MAX_BYTES = 256 << 20
MAX_TITLES = 1_000_000
MAX_REVOKED = 1_000_000
MAX_SESSION_CHARS = 256

_NONE: Mapping[str, float] = MappingProxyType({})
_NO_TITLES: Mapping[str, Licence] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Rules:
    """What may be watched where, and which sessions were revoked.

    `unlisted` is why a title without a licence is refused (None: it is not). `titles` maps contentId to licence,
    `sessions` a revoked session to the Unix second its revocation ends (inf: never). Nobody changes the mappings.
    """

    version: int = 0
    unlisted: Refusal | None = None
    titles: Mapping[str, Licence] = field(default_factory=lambda: _NO_TITLES)
    sessions: Mapping[str, float] = field(default_factory=lambda: _NONE)

    def licence(self, content_id: str) -> Licence | None:
        """The licence of a title; None when the title is not listed."""
        return self.titles.get(content_id)

    def revoked(self, session: str, wall: float) -> bool:
        """Whether the session's tokens are refused at `wall` (Unix seconds)."""
        return wall < self.sessions.get(session, -inf)

    @classmethod
    def parse(cls, document: object, *, default: str = "allow", version: int = 0) -> Self:
        """The rules of a RULES.json already read; `default` where it says none. Raises BadDocument naming the place."""
        members = parse_object(document, "", ("default", "titles", "revoked_sessions"))
        titles = members.get("titles", {})
        if not isinstance(titles, Mapping):
            raise BadDocument("titles", f"must be an object, not {kind_of(titles)}")
        if len(titles) > MAX_TITLES:
            raise BadDocument("titles", f"lists {len(titles)} titles, more than {MAX_TITLES}")
        return cls(
            version=version,
            unlisted=parse_default(members.get("default", default), "default"),
            titles={parse_content_id(name): parse_licence(value, f"titles.{name}") for name, value in titles.items()},
            sessions=_sessions(members.get("revoked_sessions", [])),
        )

    @classmethod
    def from_bytes(cls, data: bytes, *, default: str = "allow", version: int = 0) -> Self:
        """The rules of a RULES.json file's bytes. Raises BadDocument naming the place."""
        return cls.parse(load_json(data), default=default, version=version)

    def to_json(self) -> dict[str, object]:
        """The RULES.json form; `parse` of it gives equal rules."""
        return {
            "default": "allow" if self.unlisted is None else "deny",
            "titles": {name: licence_json(licence) for name, licence in self.titles.items()},
            "revoked_sessions": [
                name if until == inf else {"id": name, "until": moment_text(until)}
                for name, until in self.sessions.items()
            ],
        }


def refuses(rules: Rules, content_id: str, country: str | None, wall: float) -> Refusal | None:
    """Why the title may not be watched in `country` (None: unknown) at `wall` (Unix seconds); None when it may.

    The hot path's one question. An unknown country is refused only where the title has a list.
    """
    licence = rules.titles.get(content_id)
    if licence is None:
        return rules.unlisted
    return licence.refusal(country, wall)


def parse_default(value: object, path: str) -> Refusal | None:
    """What `default` means for a title that is not listed: nowhere licensed (as `"allow": []`), or no refusal."""
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
    """A session's id; BadDocument when it is empty, too long or no text."""
    if not isinstance(value, str) or not 0 < len(value) <= MAX_SESSION_CHARS:
        raise BadDocument(path, f"must be a session's id: a text of 1 to {MAX_SESSION_CHARS} characters")
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


def load_json(data: bytes) -> object:
    """The JSON value of `data`, where a repeated member, NaN or too much of it is an error (BadDocument)."""
    if len(data) > MAX_BYTES:
        raise BadDocument("", f"is larger than {MAX_BYTES >> 20} MiB")
    try:
        return json.loads(data, object_pairs_hook=_members, parse_constant=_constant)
    except BadDocument:
        raise
    except RecursionError:
        raise BadDocument("", "is nested too deeply") from None
    except ValueError as error:
        raise BadDocument("", f"is not valid JSON: {error}") from None


def _members(pairs: list[tuple[str, object]]) -> dict[str, object]:
    made = dict(pairs)
    if len(made) != len(pairs):
        seen: set[str] = set()
        twice = next(name for name, _ in pairs if name in seen or seen.add(name))  # type: ignore[func-returns-value]
        raise BadDocument("", f"the member {shown(twice)} stands twice")
    return made


def _constant(name: str) -> object:
    raise BadDocument("", f"{name} is no JSON")


def _sessions(value: object) -> dict[str, float]:
    if not isinstance(value, list):
        raise BadDocument("revoked_sessions", f"must be a list, not {kind_of(value)}")
    if len(value) > MAX_REVOKED:
        raise BadDocument("revoked_sessions", f"lists {len(value)} sessions, more than {MAX_REVOKED}")
    sessions: dict[str, float] = {}
    for number, item in enumerate(value):
        path = f"revoked_sessions[{number}]"
        if isinstance(item, Mapping):
            members = parse_object(item, path, ("id", "until"))
            name = parse_session(members.get("id"), join(path, "id"))
            until = parse_until(members.get("until"), join(path, "until"))
        else:
            name, until = parse_session(item, path), inf
        sessions[name] = max(until, sessions.get(name, -inf))
    return sessions
