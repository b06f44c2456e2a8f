"""The rules in force: immutable, of one version, and replaced whole. `edge.policy.authorise` decides by them.

Their only form is RULES.json (docs, `--rules`, what control pushes, the state on disk)::

    {"default": "allow" | "deny",
     "titles": {"<contentId>": licence, ...},
     "revoked_sessions": ["id" | {"id": "id", "until": iso8601 | unixSeconds | null}, ...]}

`kernel.auth.licence` describes a licence. A title that is not listed follows `default`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import inf
from types import MappingProxyType
from typing import Self

from kernel.auth.licence import (
    Licence,
    licence_json,
    parse_content_id,
    parse_default,
    parse_licence,
    parse_session,
    parse_until,
)
from kernel.documents import BadDocument, join, kind_of, load_json, moment_text, parse_object
from kernel.vocabulary import Refusal

MAX_TITLES = 1_000_000
MAX_REVOKED = 1_000_000

_NONE: Mapping[str, float] = MappingProxyType({})
_NO_TITLES: Mapping[str, Licence] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Rules:
    """Where titles may be watched, and which sessions are revoked.

    `unlisted` is the refusal of a title without a licence (None: it is allowed). `titles` maps contentId to licence,
    `sessions` maps a revoked session to the Unix second at which its revocation ends (inf: never). The mappings are
    never changed.
    """

    version: int = 0
    unlisted: Refusal | None = None
    titles: Mapping[str, Licence] = field(default_factory=lambda: _NO_TITLES)
    sessions: Mapping[str, float] = field(default_factory=lambda: _NONE)

    @classmethod
    def parse(cls, document: object, *, default: str = "allow", version: int = 0) -> Self:
        """The rules of a parsed RULES.json; `default` applies if it has none. Raises BadDocument naming the member."""
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
        """The rules of a RULES.json file's bytes. Raises BadDocument naming the member."""
        return cls.parse(load_json(data), default=default, version=version)

    def to_json(self) -> dict[str, object]:
        """The RULES.json form; `parse` of it gives equal rules."""
        return {
            "default": "allow" if self.unlisted is None else "deny",
            "titles": {name: licence_json(licence) for name, licence in self.titles.items()},
            "revoked_sessions": [revocation_json(name, until) for name, until in self.sessions.items()],
        }


def revocation_json(session: str, until: float) -> object:
    """A revocation in RULES.json; `until` in Unix seconds (inf: forever)."""
    return session if until == inf else {"id": session, "until": moment_text(until)}


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
