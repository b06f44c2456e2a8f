"""Whether an upstream response is stored, whom it is shared with, and what it invalidates. Pure.

`decide_storage` decides; `waiters_to_release` says which of the waiting readers the response is not for, and
`release_reason` what they do then.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from urllib.parse import urljoin, urlsplit

from cache.cache import PurgeRequest
from cache.entry import Entry
from cache.fills.fill import Fill, Reader
from edge.policy.purge_keys import purge_scope
from edge.policy.route import Route, RoutedRequest, route_sibling
from edge.slices.content_range import Part
from kernel.fetch_reasons import REQUEST_ONLY, NotStorable, ReleaseReason
from kernel.http.authority import normal_authority
from kernel.http.freshness import Verdict
from kernel.http.message import Fields, values
from kernel.http.paths import normalise_any
from kernel.vocabulary import Refusal

LOOP_DETECTED = 508


@dataclass(frozen=True, slots=True)
class StoreDecision:
    """What becomes of a response. `kept`: stored and shared; `shared`: not stored, but sent to all who wait now."""

    kept: bool
    shared: bool
    why: NotStorable | None


def decide_storage(status: int, verdict: Verdict, *, fits: bool, doomed: bool, validator: bool) -> StoreDecision:
    """Whether a response is stored, shared with those who wait, or sent to the fetch's leader alone.

    `fits`: a tier has room; `doomed`: purged while it was fetched; `validator`: it has an ETag or Last-Modified. A 508
    describes the path of one request, which that viewer's CDN-Loop may have made up (RFC 8586 §3).
    """
    if status == LOOP_DETECTED:
        return StoreDecision(kept=False, shared=False, why=NotStorable.LOOP)
    if verdict.keeps:
        useful = verdict.lifetime > verdict.age or verdict.swr > 0 or verdict.sie > 0 or validator
        if doomed or not useful:
            why = NotStorable.PURGED if doomed else NotStorable.ALREADY_STALE
            return StoreDecision(kept=False, shared=True, why=why)
        return StoreDecision(kept=fits, shared=fits, why=None if fits else NotStorable.TOO_LARGE)
    # A server error is not about one viewer. Were it the leader's alone, each waiter would ask the failing upstream.
    shared = status >= 500 and verdict.why in (NotStorable.STATUS, NotStorable.NO_FRESHNESS)
    return StoreDecision(kept=False, shared=shared, why=verdict.why)


def invalidated_by(routed: RoutedRequest, request: Mapping[bytes, bytes], fields: Fields) -> PurgeRequest:
    """The purge that a successful unsafe request causes: its target, and the URLs of the same origin in Location and
    Content-Location (RFC 9111 §4.4), each in all alternates. https and http of a host count as one: their keys are."""
    host = normal_authority(request.get(b"host", b""), b"80") or b""
    urls, prefixes = purge_scope(routed)
    for value in values(fields, b"location") + values(fields, b"content-location"):
        try:
            parts = urlsplit(urljoin(b"http://" + host + routed.upstream_target, value))
        except ValueError:
            continue
        port = b"443" if parts.scheme == b"https" else b"80"
        if parts.scheme not in (b"http", b"https") or normal_authority(parts.netloc, port) != host:
            continue
        queried = parts.query or b"?" in value.partition(b"#")[0]
        target = normalise_any((parts.path or b"/") + (b"?" + parts.query if queried else b""))
        if not isinstance(target, Refusal):
            more_urls, more_prefixes = purge_scope(route_sibling(routed, host, target))
            urls, prefixes = urls + more_urls, prefixes + more_prefixes
    return PurgeRequest(urls=urls, prefixes=prefixes)


def freshened(stale: Entry, fields: Fields) -> Fields:
    """The stored fields updated by those of a 304, to compute freshness from.

    The old Date is dropped even if the 304 has none: the response would count as that old.
    """
    names = {b"date", *(name for name, _ in fields)}
    return [pair for pair in stale.fields if pair[0] not in names] + fields


def release_reason(decision: StoreDecision) -> ReleaseReason:
    """Why readers are released that the response is not for."""
    if decision.kept or decision.shared:
        return ReleaseReason.ALTERNATE
    if decision.why is NotStorable.RANGE:
        return ReleaseReason.RANGE
    return ReleaseReason.REQUEST_ONLY if decision.why in REQUEST_ONLY else ReleaseReason.LEADER_ONLY


def waiters_to_release(
    fill: Fill, entry: Entry, decision: StoreDecision, part: Part | None, route: Route
) -> Callable[[Reader], bool] | None:
    """A predicate for the waiting readers that the response is not for; None: it is for all of them.

    `part`: which bytes of the object the response holds. Where all request fields go upstream, an error that is not
    stored may be caused by one viewer's field: only readers that would have sent the same request get it (denial of
    service by cache).
    """
    if part is not None and not decision.kept:
        first, stop = part.first, part.stop
        return lambda reader: (
            (reader is not fill.leader and not decision.shared) or not reader.is_covered_by(entry, first, stop)
        )
    if not decision.kept and not decision.shared:
        return lambda reader: reader is not fill.leader
    if entry.status >= 400 and not decision.kept and route.forwarded_fields is None:
        routed = fill.request
        return lambda reader: (
            reader is not fill.leader and not (reader.matches(entry) and reader.sends_same_request(routed))
        )
    if entry.vary:
        return lambda reader: reader is not fill.leader and not reader.matches(entry)
    return None
