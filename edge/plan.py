"""LOOK UP: what is done with a stored response, by its times alone."""

from __future__ import annotations

from enum import StrEnum

from cache.entry import Entry


class Plan(StrEnum):
    """The next step for a GET or HEAD."""

    SERVE = "serve"
    SERVE_STALE = "serve-stale"
    """Serve what is stale and have it revalidated meanwhile (RFC 5861 §3)."""
    REVALIDATE = "revalidate"
    FILL = "fill"


def plan(entry: Entry | None, now: float) -> Plan:
    """`now` in mono seconds."""
    if entry is None:
        return Plan.FILL
    if now < entry.fresh_until:
        return Plan.SERVE
    return Plan.SERVE_STALE if now < entry.swr_until else Plan.REVALIDATE


def serves_when_upstream_fails(entry: Entry | None, now: float) -> bool:
    """Whether a stale response may stand in for a failed fetch (stale-if-error, RFC 5861 §4)."""
    return entry is not None and now < max(entry.sie_until, entry.swr_until) and not entry.must_revalidate
