"""The directives for caches in a request: Cache-Control and Pragma (RFC 9111 §5.2.1, §5.4; RFC 5861 §4; RFC 8246).
Pure.

They are advisory (§5.2.1). `honour` follows all of them. `ignore` follows only `only-if-cached` and `no-store`, which
cost other viewers nothing, so that no viewer can cause upstream requests for fresh objects.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from kernel.http.cache_control import MAX_SECONDS, parse_directives, seconds


@dataclass(frozen=True, slots=True)
class RequestDirectives:
    """The directives; times in seconds, None if absent. `max_stale` without an argument means any staleness."""

    no_cache: bool = False
    no_store: bool = False
    only_if_cached: bool = False
    max_age: int | None = None
    min_fresh: int = 0
    max_stale: int | None = None
    stale_if_error: int | None = None


NONE = RequestDirectives()


class FreshnessMatch(StrEnum):
    """How a stored response satisfies the directives."""

    GOOD = "good"
    STALE = "stale"
    """Stale, but the viewer accepts that."""
    REFUSED = "refused"
    """Not acceptable: ask the upstream, or answer 504 to only-if-cached."""


def wishes(request: Mapping[bytes, bytes], *, honour: bool) -> RequestDirectives:
    """The wishes of a request that count; `Pragma: no-cache` counts where there is no Cache-Control (§5.4)."""
    told = request.get(b"cache-control")
    if told is None:
        pragma = request.get(b"pragma")
        return RequestDirectives(no_cache=True) if honour and pragma is not None and _says_no_cache(pragma) else NONE
    found = parse_directives([told])
    kept = RequestDirectives(no_store=b"no-store" in found, only_if_cached=b"only-if-cached" in found)
    if not honour:
        return kept
    stale = seconds(found, b"max-stale")
    return RequestDirectives(
        no_cache=b"no-cache" in found,
        no_store=kept.no_store,
        only_if_cached=kept.only_if_cached,
        max_age=seconds(found, b"max-age"),
        min_fresh=seconds(found, b"min-fresh") or 0,
        max_stale=MAX_SECONDS if b"max-stale" in found and found[b"max-stale"] is None else stale,
        stale_if_error=seconds(found, b"stale-if-error"),
    )


def _says_no_cache(pragma: bytes) -> bool:
    return b"no-cache" in parse_directives([pragma])


def fit(asked: RequestDirectives, *, age: float, ttl: float, immutable: bool, must_revalidate: bool) -> FreshnessMatch:
    """Whether a stored response of this age, fresh for `ttl` more seconds (negative: stale), satisfies the directives.

    A reload (`max-age=0`) of a fresh `immutable` response needs no upstream request (RFC 8246 §2). `must_revalidate`:
    it is never used when stale, whatever the request accepts (RFC 9111 §4.2.4).
    """
    if asked.no_cache:
        return FreshnessMatch.REFUSED
    if asked.max_age is not None and age > asked.max_age and not (immutable and ttl > 0 and asked.max_age == 0):
        return FreshnessMatch.REFUSED
    if ttl > 0:
        return FreshnessMatch.GOOD if ttl >= asked.min_fresh else FreshnessMatch.REFUSED
    if asked.max_stale is None or must_revalidate or -ttl > asked.max_stale or asked.min_fresh:
        return FreshnessMatch.REFUSED
    return FreshnessMatch.STALE
