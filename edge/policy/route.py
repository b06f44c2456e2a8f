"""What a request, prefetch or purge asks for: token, normal form of the path, cache key, target upstream. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NamedTuple
from urllib.parse import SplitResult, urlsplit

from cache.cache import PurgeRequest
from edge.policy.profile import PROFILES, TOKEN_NAMES
from edge.policy.routes import DEFAULT_ROUTE, Route, Routes, make_routes
from edge.wire.request import Request
from kernel.fleet.jobs import Purge
from kernel.http.authority import normal_authority
from kernel.http.forwarding import ReceivedFrom
from kernel.http.paths import TOKEN_FOLDER, CdnPath, normalise_any, read_target, split_token
from kernel.vocabulary import Refusal

MEDIA = make_routes(PROFILES["media"])
GENERAL = make_routes(PROFILES["general"])
"""The profiles' default routes, without routes from the settings."""

_LINE = b"\n"
_TOKEN = re.compile(rb"/t/[\w-]+\.[\w-]+\.[\w-]*(?=/|$)")


class RoutedRequest(NamedTuple):
    """`path` is what is authorised and logged (without token), `upstream_target` is requested upstream.

    `key` is made from exactly that target and the keyed fields sent upstream, so that nobody can request one thing and
    have another stored in its place (cache poisoning). `shard_key` (title and rendition) chooses the upstream, so that
    a rendition's segments stay together. `cdn` is None in the general profile. `route` says how to treat such requests.
    `host` is sent upstream; empty: the upstream's own name. `received_from`: the hop that sent the request, for fields
    that tell upstream.
    """

    key: bytes
    path: bytes
    upstream_target: bytes
    shard_key: bytes
    token: bytes | None
    cdn: CdnPath | None
    route: Route = DEFAULT_ROUTE
    host: bytes = b""
    received_from: ReceivedFrom = ReceivedFrom()


def is_loop(node: str, cdn_loop: bytes) -> bool:
    """Whether CDN-Loop has this node's name: it must not forward the request again (RFC 8586 §2)."""
    own = node.encode("latin-1", "replace")
    return any(member.partition(b";")[0].strip(b" \t") == own for member in cdn_loop.split(b","))


def media_route(request: Request, routes: Routes = MEDIA) -> RoutedRequest | Refusal:
    """The route of `[/t/<JWT>]/cdn/<region>/<contentId>/<rest>`, with the part of the query that its route keys.

    OPTIONS needs no token: a browser's preflight carries no credentials (the Fetch standard, §4.8).
    """
    target = read_target(request.target)
    if isinstance(target, Refusal):
        return target
    token, path, query, cdn = target
    fields = request.fields
    if (query or b"cookie" in fields or b"authorization" in fields) and request.method != b"OPTIONS":
        found = find_token(token, query, fields.get(b"cookie"), fields.get(b"authorization"))
        if isinstance(found, Refusal):
            return found
        token = found
    key, upstream = cdn.key, cdn.upstream
    shard = key[: key.rfind(b"/")]
    if not routes.rows:
        return RoutedRequest(key, path, upstream, shard, token, cdn, routes.default)
    route = routes.route_for(upstream, content=cdn.content_id)
    kept = route.query.keyed_part(query)
    if kept:
        key, upstream = key + b"?" + kept, upstream + b"?" + kept
    return RoutedRequest(_with_fields(key, route, fields), path, upstream, shard, token, cdn, route)


def general_route(request: Request, routes: Routes = GENERAL) -> RoutedRequest | Refusal:
    """The route of any resource: the key and the upstream target are the normal forms of host and target."""
    target = request.target
    if request.method == b"CONNECT":
        return Refusal.PATH
    upstream = target if target == b"*" else normalise_any(target)
    if isinstance(upstream, Refusal):
        return upstream
    fields = request.fields
    host = normal_authority(fields[b"host"], routes.port) if fields.get(b"host") else b""
    if host is None:
        return Refusal.HOST
    path, mark, query = upstream.partition(b"?")
    route = routes.route_for(path, host)
    if mark:
        kept = route.query.keyed_part(query)
        upstream = path + mark + kept if kept or (not query and not route.query.is_allow_list) else path
    key = host + upstream if route.key_host else upstream
    logged = _logged(target) if mark or TOKEN_FOLDER in target else target
    keyed = _with_fields(key, route, fields)
    return RoutedRequest(keyed, logged, upstream, key, None, None, route, host if route.key_host else b"")


def route_sibling(routed: RoutedRequest, host: bytes, target: bytes) -> RoutedRequest:
    """Another target on the same host, both in normal form, treated by the same route."""
    path, mark, query = target.partition(b"?")
    route = routed.route
    if mark:
        kept = route.query.keyed_part(query)
        target = path + mark + kept if kept or (not query and not route.query.is_allow_list) else path
    return routed._replace(key=host + target if route.key_host else target, upstream_target=target)


def find_token(
    path_token: bytes | None, query: bytes = b"", cookie: bytes | None = None, authorization: bytes | None = None
) -> bytes | Refusal | None:
    """The request's one token: in its path, query, cookie, or `Authorization: Bearer`; None without one.

    Two tokens, even equal ones, are refused: two programs might each choose another.
    """
    if not query and cookie is None and authorization is None:
        return path_token
    found = [] if path_token is None else [path_token]
    for pair in query.split(b"&"):
        name, equals, value = pair.partition(b"=")
        if equals and name in TOKEN_NAMES:
            found.append(value)
    for pair in (cookie or b"").split(b";"):
        name, equals, value = pair.strip(b" \t").partition(b"=")
        if equals and name == TOKEN_NAMES[0]:
            found.append(value)
    scheme, _, credentials = (authorization or b"").strip(b" \t").partition(b" ")
    if scheme.lower() == b"bearer":
        found.append(credentials.strip(b" "))
    if len(found) > 1:
        return Refusal.TOKEN_MALFORMED
    return found[0] if found else None


def without_token(query: bytes) -> bytes:
    """The query without its token: for the key, the log and upstream."""
    if not query:
        return query
    return b"&".join(pair for pair in query.split(b"&") if pair.partition(b"=")[0] not in TOKEN_NAMES)


def _with_fields(key: bytes, route: Route, fields: Mapping[bytes, bytes]) -> bytes:
    """The key with the keyed request fields, each on its own line: no target can contain a newline."""
    if not route.key_fields:
        return key
    return key + _LINE + _LINE.join(name + b":" + value for name, value in route.keyed_fields(fields))


def _logged(target: bytes) -> bytes:
    """The target without anything that looks like our token: no log may contain one, whatever the profile."""
    path, _, query = target.partition(b"?")
    path, query = _TOKEN.sub(b"", path), without_token(query)
    return path + b"?" + query if query else path


def route_url(url: str, *, general: bool, routes: Routes | None = None) -> RoutedRequest | Refusal:
    """The route of a GET for a URL or path, for prefetches and purges."""
    scheme, _, rest = url.partition("://")
    if "/" in scheme:
        # A path whose query contains a URL.
        scheme, rest = "", ""
    cut = min((rest.find(mark) for mark in "/?" if mark in rest), default=len(rest))
    host, path = url_host(scheme, rest[:cut]), rest[cut:]
    target = ((path if path.startswith("/") else "/" + path) if rest else url).partition("#")[0].encode("utf-8")
    request = Request(b"GET", target or b"/", {b"host": host}, 1, keep_alive=True)
    return general_route(request, routes or GENERAL) if general else media_route(request, routes or MEDIA)


def url_host(scheme: str, authority: str) -> bytes:
    """The host in a URL, without its scheme's default port and without user information; unchanged if invalid."""
    text = authority.rpartition("@")[2].encode("utf-8")
    return normal_authority(text, b"443" if scheme.lower() == "https" else b"80") or text


def purge_scope(routed: RoutedRequest) -> tuple[tuple[bytes, ...], tuple[bytes, ...]]:
    """(keys, key prefixes) that a purge of this request reaches: all values of the keyed fields."""
    if not routed.route.key_fields:
        return (routed.key,), ()
    return (), (routed.key.partition(_LINE)[0] + _LINE,)


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
