"""LOOK UP: what is done with a request for which there is, or is not, a stored response. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum

from cache.entry import Entry
from edge.wire.request import Request
from kernel.http.cache_control import parse_directives
from kernel.http.conditional import precondition_holds
from kernel.http.message import values
from kernel.http.request_directives import FreshnessMatch, RequestDirectives, fit, wishes


class Step(StrEnum):
    """The next step for a GET or HEAD."""

    SERVE = "serve"
    SERVE_STALE = "serve-stale"
    """Serve what is stale and have it revalidated meanwhile (RFC 5861 §3)."""
    TAKE_STALE = "take-stale"
    """Serve what is stale because the viewer takes it so (RFC 9111 §5.2.1.2)."""
    REVALIDATE = "revalidate"
    FILL = "fill"
    FETCH_UNCACHED = "alone"
    """The answer will be for this viewer and nobody else."""
    ASK_HEAD = "ask-head"
    """A HEAD goes upstream as what it is, unless a fill is under way that will tell as much."""
    NOTHING = "nothing"
    """He wants only what is cached, and it is not (RFC 9111 §5.2.1.7)."""


def plan(entry: Entry | None, now: float) -> Step:
    """`now` in mono seconds."""
    if entry is None:
        return Step.FILL
    if now < entry.fresh_until:
        return Step.SERVE
    return Step.SERVE_STALE if now < entry.swr_until else Step.REVALIDATE


def ordinary(request: Request) -> bool:
    """Whether nothing in the request can change the plan; `plan_for` need not be asked then."""
    fields = request.fields
    return not (
        b"cache-control" in fields
        or b"pragma" in fields
        or b"if-match" in fields
        or b"if-unmodified-since" in fields
        or b"cdn-loop" in fields
        or request.body
        or request.method == b"HEAD"
    )


def plan_for(request: Request, entry: Entry | None, now: float, *, general: bool, honour: bool) -> Step:
    """The plan for a request that is not `ordinary`.

    `general`: all that the viewer sends goes upstream, so what speaks of one viewer makes the answer his. `honour`: the
    cache directives of requests are followed.
    """
    step = plan(entry, now)
    if general and request.body:
        return (
            Step.FETCH_UNCACHED
        )  # what a body means for a GET only the origin knows (RFC 9110 §9.3.1): never from the cache
    step = _as_wished(step, entry, now, wishes(request.fields, honour=honour), general=general)
    if not general or step is Step.NOTHING:
        return step
    if b"if-match" in request.fields or b"if-unmodified-since" in request.fields:
        fresh = step is Step.SERVE and entry is not None and not entry.cold
        if not (fresh and entry is not None and precondition_holds(request.fields, entry.etag, entry.last_modified)):
            return Step.FETCH_UNCACHED
    if b"cdn-loop" in request.fields and step in (Step.FILL, Step.REVALIDATE):
        return (
            Step.FETCH_UNCACHED
        )  # nobody vouches for it, and it goes along (RFC 8586 §2): a loop is told to this viewer alone
    if request.method == b"HEAD" and step in (Step.FILL, Step.REVALIDATE):
        return Step.ASK_HEAD  # its answer freshens what a GET has stored (RFC 9111 §4.3.5)
    return step


def _as_wished(step: Step, entry: Entry | None, now: float, asked: RequestDirectives, *, general: bool) -> Step:
    found = Step.FILL
    if entry is not None:
        age, ttl = now - entry.born, entry.fresh_until - now
        how = fit(asked, age=age, ttl=ttl, immutable=_immutable(entry), must_revalidate=entry.must_revalidate)
        demanding = asked.no_cache or asked.max_age is not None or asked.min_fresh > 0
        if how is FreshnessMatch.GOOD:
            found = Step.SERVE
        elif step is Step.SERVE_STALE and not demanding:
            found = Step.SERVE_STALE
        else:
            found = Step.TAKE_STALE if how is FreshnessMatch.STALE else Step.REVALIDATE
    if found in (Step.FILL, Step.REVALIDATE):
        if asked.only_if_cached:
            return Step.NOTHING
        if asked.no_store and general:
            return Step.FETCH_UNCACHED
    return found


def _immutable(entry: Entry) -> bool:
    return not entry.cold and b"immutable" in parse_directives(values(entry.fields, b"cache-control"))


def serves_when_upstream_fails(entry: Entry | None, now: float) -> bool:
    """Whether a stale response may stand in for a failed fetch (stale-if-error, RFC 5861 §4)."""
    return entry is not None and now < max(entry.sie_until, entry.swr_until) and not entry.must_revalidate


def why_forwarded(request: Request, entry: Entry | None, alternates: Sequence[Entry], now: float) -> bytes:
    """Why upstream is asked, in RFC 9211's words (§2.2)."""
    if request.body:
        return b"bypass"
    if entry is None:
        return b"vary-miss" if alternates else b"uri-miss"
    return b"request" if now < entry.fresh_until else b"stale"
