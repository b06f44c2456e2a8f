"""What a purge reaches: its URLs and prefixes as cache keys and key prefixes. Pure."""

from __future__ import annotations

from urllib.parse import SplitResult, urlsplit

from cache.cache import PurgeRequest
from edge.policy.route import GENERAL, KEY_LINE, MEDIA, RoutedRequest, Routes, route_url, url_host
from kernel.fleet.jobs import Purge
from kernel.http.authority import normal_authority
from kernel.http.paths import split_token
from kernel.vocabulary import Refusal


def purge_scope(routed: RoutedRequest) -> tuple[tuple[bytes, ...], tuple[bytes, ...]]:
    """(keys, key prefixes) that a purge of this request reaches: all values of the keyed fields."""
    if not routed.route.key_fields:
        return (routed.key,), ()
    return (), (routed.key.partition(KEY_LINE)[0] + KEY_LINE,)


def purge_request_of(purge: Purge, routes: Routes, *, general: bool) -> tuple[PurgeRequest, list[str]]:
    """The purge in terms of cache keys, and the names that this edge cannot hold (nothing is cached for them)."""
    routed = [route_purged_url(url, routes, general=general) for url in purge.urls]
    prefixes = [general_prefix(one, routes) if general else media_prefix(one) for one in purge.prefixes]
    named = zip([*purge.urls, *purge.prefixes], [*routed, *prefixes], strict=True)
    reached = [purge_scope(one) for one in routed if one is not None]
    request = PurgeRequest(
        keys=tuple(key.encode() for key in purge.keys),
        urls=tuple(key for one in reached for key in one[0]),
        prefixes=tuple(prefix for one in reached for prefix in one[1])
        + tuple(one for one in prefixes if one is not None),
        everything=purge.all,
        soft=purge.soft,
    )
    return request, [given for given, made in named if made is None]


def route_purged_url(url: str, routes: Routes, *, general: bool) -> RoutedRequest | None:
    """The route of a GET for a purged URL; None if this edge cannot hold it."""
    parts = _split(url)
    if parts is None or (general and not parts.netloc):
        return None
    routed = route_url(url, general=general, routes=routes)
    return None if isinstance(routed, Refusal) else routed


def media_key(url: str) -> bytes | None:
    """The cache key of a URL or path of the CDN; None for any other."""
    routed = route_purged_url(url, MEDIA, general=False)
    return None if routed is None else routed.key


def media_prefix(prefix: str) -> bytes | None:
    """The key prefix of a path prefix: `/cdn/<region>/` is removed, whatever the region."""
    parts = _split(prefix)
    _, path = split_token(parts.path.encode("utf-8")) if parts is not None else (None, b"")
    if path.startswith(b"/cdn/"):
        _, slash, rest = path[5:].partition(b"/")
        return rest if slash else b""
    return path.lstrip(b"/") if path else None


def general_prefix(prefix: str, routes: Routes = GENERAL) -> bytes | None:
    """The key prefix of the start of an absolute URL: host and target."""
    parts = _split(prefix)
    if parts is None or not parts.netloc:
        return None
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    path = target.encode("utf-8")
    host = normal_authority(url_host(parts.scheme, parts.netloc), routes.port)
    if host is None:
        return None
    return host + path if routes.route_for(path.partition(b"?")[0], host).key_host else path


def _split(url: str) -> SplitResult | None:
    try:
        return urlsplit(url)
    except ValueError:
        return None
