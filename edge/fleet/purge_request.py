"""What a purge names, as this edge's cache keys. Pure."""

from __future__ import annotations

from urllib.parse import SplitResult, urlsplit

from cache.cache import PurgeRequest
from edge.policy.route import GENERAL, MEDIA, RoutedRequest, ask_for, named_host, purge_scope
from edge.policy.routes import Routes
from kernel.fleet.jobs import Purge
from kernel.http.authority import normal_authority
from kernel.http.paths import split_token
from kernel.vocabulary import Refusal


def request_of(purge: Purge, routes: Routes, *, general: bool) -> tuple[PurgeRequest, list[str]]:
    """What is to leave the cache, and what the purge names that this edge cannot hold, which is nothing here."""
    asked = [asked_by(url, routes, general=general) for url in purge.urls]
    prefixes = [general_prefix(one, routes) if general else media_prefix(one) for one in purge.prefixes]
    named = zip([*purge.urls, *purge.prefixes], [*asked, *prefixes], strict=True)
    reached = [purge_scope(one) for one in asked if one is not None]
    request = PurgeRequest(
        keys=tuple(key.encode() for key in purge.keys),
        urls=tuple(key for one in reached for key in one[0]),
        prefixes=tuple(prefix for one in reached for prefix in one[1])
        + tuple(one for one in prefixes if one is not None),
        everything=purge.all,
        soft=purge.soft,
    )
    return request, [given for given, made in named if made is None]


def asked_by(url: str, routes: Routes, *, general: bool) -> RoutedRequest | None:
    """What a GET of a URL asks for, as its route keys it; None when this edge cannot hold it."""
    parts = _split(url)
    if parts is None or (general and not parts.netloc):
        return None
    asked = ask_for(url, general=general, routes=routes)
    return None if isinstance(asked, Refusal) else asked


def media_key(url: str) -> bytes | None:
    """The cache key of a URL or path of the CDN's form; None when it is none."""
    asked = asked_by(url, MEDIA, general=False)
    return None if asked is None else asked.key


def media_prefix(prefix: str) -> bytes | None:
    """The prefix of cache keys that a path prefix means: `/cdn/<region>/` is taken off, whatever the region."""
    parts = _split(prefix)
    _, path = split_token(parts.path.encode("utf-8")) if parts is not None else (None, b"")
    if path.startswith(b"/cdn/"):
        _, slash, rest = path[5:].partition(b"/")
        return rest if slash else b""
    return path.lstrip(b"/") if path else None


def general_prefix(prefix: str, routes: Routes = GENERAL) -> bytes | None:
    """The prefix of cache keys that the beginning of an absolute URL means: host and target."""
    parts = _split(prefix)
    if parts is None or not parts.netloc:
        return None
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    path = target.encode("utf-8")
    host = normal_authority(named_host(parts.scheme, parts.netloc), routes.port)
    if host is None:
        return None
    return host + path if routes.of(path.partition(b"?")[0], host).key_host else path


def _split(url: str) -> SplitResult | None:
    try:
        return urlsplit(url)
    except ValueError:
        return None
