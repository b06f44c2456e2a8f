"""What an upstream's answer is good for, and what it changes of what is stored. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urljoin, urlsplit

from cache.cache import PurgeRequest
from cache.entry import Entry
from edge.policy.route import RoutedRequest, purge_scope, sibling_of
from kernel.fetch_reasons import NotStorable
from kernel.http.authority import normal_authority
from kernel.http.freshness import Verdict
from kernel.http.message import Fields, values
from kernel.http.paths import normalise_any
from kernel.vocabulary import Refusal

LOOP_DETECTED = 508


@dataclass(frozen=True, slots=True)
class StoreDecision:
    """What an answer is good for. `kept`: stored and shared; `shared`: not stored, but for all who wait now."""

    kept: bool
    shared: bool
    why: NotStorable | None


def decide_storage(status: int, verdict: Verdict, *, fits: bool, doomed: bool, validator: bool) -> StoreDecision:
    """Whether an answer is kept, shared with those who wait, or for its leader alone.

    A loop is told of the way that one request went, which a viewer's CDN-Loop may have made up (RFC 8586 §3).
    """
    if status == LOOP_DETECTED:
        return StoreDecision(kept=False, shared=False, why=NotStorable.LOOP)
    if verdict.keeps:
        useful = verdict.lifetime > verdict.age or verdict.swr > 0 or verdict.sie > 0 or validator
        if doomed or not useful:
            why = NotStorable.PURGED if doomed else NotStorable.ALREADY_STALE
            return StoreDecision(kept=False, shared=True, why=why)
        return StoreDecision(kept=fits, shared=fits, why=None if fits else NotStorable.TOO_LARGE)
    # An error says nothing of one viewer: all who wait get it, or each would ask a failing upstream in turn.
    shared = status >= 500 and verdict.why in (NotStorable.STATUS, NotStorable.NO_FRESHNESS)
    return StoreDecision(kept=False, shared=shared, why=verdict.why)


def invalidated_by(asked: RoutedRequest, request: Mapping[bytes, bytes], fields: Fields) -> PurgeRequest:
    """What a successful unsafe request has changed: its target, and what Location and Content-Location name of the same
    origin (RFC 9111 §4.4), each in all alternates. https and http of a host are one: their keys are."""
    host = normal_authority(request.get(b"host", b""), b"80") or b""
    urls, prefixes = purge_scope(asked)
    for value in values(fields, b"location") + values(fields, b"content-location"):
        try:
            parts = urlsplit(urljoin(b"http://" + host + asked.upstream, value))
        except ValueError:
            continue
        port = b"443" if parts.scheme == b"https" else b"80"
        if parts.scheme not in (b"http", b"https") or normal_authority(parts.netloc, port) != host:
            continue
        queried = parts.query or b"?" in value.partition(b"#")[0]
        target = normalise_any((parts.path or b"/") + (b"?" + parts.query if queried else b""))
        if not isinstance(target, Refusal):
            more_urls, more_prefixes = purge_scope(sibling_of(asked, host, target))
            urls, prefixes = urls + more_urls, prefixes + more_prefixes
    return PurgeRequest(urls=urls, prefixes=prefixes)


def freshened(stale: Entry, fields: Fields) -> Fields:
    """The stored fields with those of a 304 in their place, for a new judgement of freshness.

    The old Date goes even where the 304 has none: what held then would count as that old now.
    """
    names = {b"date", *(name for name, _ in fields)}
    return [pair for pair in stale.fields if pair[0] not in names] + fields
