"""LOOK UP: the next step for a request, given the stored response or its absence. Pure."""

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
    """Serve a stale response and revalidate it in the background (RFC 5861 §3)."""
    SERVE_STALE_AS_REQUESTED = "serve-stale-as-requested"
    """Serve a stale response because the request allows it (max-stale, RFC 9111 §5.2.1.2)."""
    REVALIDATE = "revalidate"
    FILL = "fill"
    FETCH_UNCACHED = "fetch-uncached"
    """Fetch a response for this viewer alone."""
    ASK_HEAD = "ask-head"
    """Send a HEAD upstream as a HEAD, unless a fill in progress will give the same head."""
    NOT_CACHED = "not-cached"
    """The request wants only a stored response, and there is none (only-if-cached, RFC 9111 §5.2.1.7)."""


def plan(entry: Entry | None, now: float) -> Step:
    """The step for an ordinary GET or HEAD; `now` in mono seconds."""
    if entry is None:
        return Step.FILL
    if now < entry.fresh_until:
        return Step.SERVE
    return Step.SERVE_STALE if now < entry.swr_until else Step.REVALIDATE


def follows_default_plan(request: Request) -> bool:
    """Whether nothing in the request can change the plan, so that `plan` decides and `plan_for` need not."""
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
    """The plan for a request to which `follows_default_plan` does not apply.

    `general`: all of the viewer's fields go upstream, so fields about one viewer make the response theirs alone.
    `honour`: follow the request's cache directives.
    """
    step = plan(entry, now)
    if general and request.body:
        # Only the origin knows what a body means for a GET (RFC 9110 §9.3.1): never answer it from the cache.
        return Step.FETCH_UNCACHED
    step = _apply_directives(step, entry, now, wishes(request.fields, honour=honour), general=general)
    if not general or step is Step.NOT_CACHED:
        return step
    if b"if-match" in request.fields or b"if-unmodified-since" in request.fields:
        fresh = step is Step.SERVE and entry is not None and not entry.cold
        if not (fresh and entry is not None and precondition_holds(request.fields, entry.etag, entry.last_modified)):
            return Step.FETCH_UNCACHED
    if b"cdn-loop" in request.fields and step in (Step.FILL, Step.REVALIDATE):
        # CDN-Loop goes upstream, and anybody can send it (RFC 8586 §2): let only this viewer see an error about a loop.
        return Step.FETCH_UNCACHED
    if request.method == b"HEAD" and step in (Step.FILL, Step.REVALIDATE):
        return Step.ASK_HEAD  # its response freshens what a GET has stored (RFC 9111 §4.3.5)
    return step


def _apply_directives(
    step: Step, entry: Entry | None, now: float, directives: RequestDirectives, *, general: bool
) -> Step:
    found = Step.FILL
    if entry is not None:
        age, ttl = now - entry.born, entry.fresh_until - now
        how = fit(directives, age=age, ttl=ttl, immutable=_immutable(entry), must_revalidate=entry.must_revalidate)
        demanding = directives.no_cache or directives.max_age is not None or directives.min_fresh > 0
        if how is FreshnessMatch.GOOD:
            found = Step.SERVE
        elif step is Step.SERVE_STALE and not demanding:
            found = Step.SERVE_STALE
        else:
            found = Step.SERVE_STALE_AS_REQUESTED if how is FreshnessMatch.STALE else Step.REVALIDATE
    if found in (Step.FILL, Step.REVALIDATE):
        if directives.only_if_cached:
            return Step.NOT_CACHED
        if directives.no_store and general:
            return Step.FETCH_UNCACHED
    return found


def _immutable(entry: Entry) -> bool:
    return not entry.cold and b"immutable" in parse_directives(values(entry.fields, b"cache-control"))


def serves_when_upstream_fails(entry: Entry | None, now: float) -> bool:
    """Whether a stale response may replace a failed fetch (stale-if-error, RFC 5861 §4)."""
    return entry is not None and now < max(entry.sie_until, entry.swr_until) and not entry.must_revalidate


def why_forwarded(request: Request, entry: Entry | None, alternates: Sequence[Entry], now: float) -> bytes:
    """The reason for asking upstream, as a token of Cache-Status (RFC 9211 §2.2)."""
    if request.body:
        return b"bypass"
    if entry is None:
        return b"vary-miss" if alternates else b"uri-miss"
    return b"request" if now < entry.fresh_until else b"stale"
