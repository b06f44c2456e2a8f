"""Changes of the desired state that operators and services request, checked as edges will check them. Pure.

Contents are canonical JSON, so putting an equal value changes nothing.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from math import inf
from typing import Any

from control.desired.resources import Change, Desired, ResourceSet
from kernel.auth.licence import (
    licence_json,
    parse_content_id,
    parse_default,
    parse_licence,
    parse_session,
    parse_until,
)
from kernel.documents import moment_text
from kernel.fleet.messages import DEFAULT, RULES, SESSION, TITLE

MAX_RULES = 1_000_000
"""Titles and revocations together, as many as edges hold."""
REVOCATION_GRACE_SECONDS = 3_600.0
"""Seconds for which a revocation is kept after its end, in case an edge's clock is slow."""

_encode = json.JSONEncoder(sort_keys=True, separators=(",", ":")).encode


class LimitExceeded(ValueError):
    """The change would exceed a bound; nothing was changed."""


class NotFound(ValueError):
    """The node, group or key that the change names does not exist; nothing was changed."""


def canonical(value: object) -> bytes:
    """JSON bytes that are equal for equal values."""
    return _encode(value).encode()


def put_titles(desired: Desired, titles: Mapping[str, object], removed: Iterable[str] = ()) -> Change:
    """Put licences (JSON form, by contentId) and remove others. Raises BadDocument naming the title, LimitExceeded."""
    puts = {
        (RULES, TITLE + parse_content_id(name)): canonical(licence_json(parse_licence(value, f"titles.{name}")))
        for name, value in titles.items()
    }
    removes = frozenset((RULES, TITLE + parse_content_id(name)) for name in removed) - puts.keys()
    _check_room(desired, puts)
    return Change(puts, removes)


def revoke(desired: Desired, session: object, until: object) -> Change:
    """Refuse a session's tokens until a moment (JSON form; None: for ever)."""
    name = parse_session(session, "sid")
    end = parse_until(until, "until")
    puts = {(RULES, SESSION + name): canonical({"until": None if end == inf else moment_text(end)})}
    _check_room(desired, puts)
    return Change(puts)


def end_revocations(desired: Desired, now: float) -> Change:
    """Remove the revocations that ended REVOCATION_GRACE_SECONDS before `now` (Unix seconds)."""
    ends = revocations(desired).items()
    return Change(
        removes=frozenset((RULES, SESSION + name) for name, end in ends if end < now - REVOCATION_GRACE_SECONDS)
    )


def _check_room(desired: Desired, puts: Mapping[tuple[str, str], bytes]) -> None:
    held = desired.resource_sets[RULES].resources
    if len(held) + sum(1 for _, name in puts if name not in held) > MAX_RULES:
        raise LimitExceeded(f"control holds at most {MAX_RULES} titles and revocations")


def put_default(default: str) -> Change:
    """Set what edges do with titles without a licence: `allow` or `deny`."""
    parse_default(default, "default")
    return Change({(RULES, DEFAULT): canonical({"default": default})})


def title_ids(desired: Desired) -> tuple[str, ...]:
    """The contentIds of the titles with a licence, in order; remembered while the rules stay the same."""
    rules = desired.resource_set(RULES)
    if not _titles or _titles[0][0] is not rules:
        names = (name.removeprefix(TITLE) for name in rules.resources if name.startswith(TITLE))
        _titles[:] = [(rules, tuple(sorted(names)))]
    return _titles[0][1]


_titles: list[tuple[ResourceSet, tuple[str, ...]]] = []


def licence(desired: Desired, content_id: str) -> dict[str, Any] | None:
    """A title's licence in its JSON form; None when control holds none."""
    held = desired.content(RULES, TITLE + content_id)
    return None if held is None else json.loads(held)


def revocations(desired: Desired) -> dict[str, float]:
    """The Unix second each revocation ends, by session."""
    return {
        name.removeprefix(SESSION): parse_until(json.loads(held.content).get("until"), name)
        for name, held in desired.resource_sets[RULES].resources.items()
        if name.startswith(SESSION)
    }
