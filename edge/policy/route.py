"""What a request, prefetch or purge asks for: token, normal form of the path, cache key, target upstream. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NamedTuple
from urllib.parse import SplitResult, urlsplit

from cache.cache import PurgeRequest
from edge.policy.profile import PROFILES, TOKEN_NAMES
from edge.policy.routes import PLAIN, Route, Routes, make_routes
from edge.wire.request import Request
from kernel.fleet.jobs import Purge
from kernel.http.authority import normal_authority
from kernel.http.forwarding import ReceivedFrom
from kernel.http.paths import TOKEN_FOLDER, CdnPath, normalise_any, read_target, split_token
from kernel.vocabulary import Refusal

MEDIA = make_routes(PROFILES["media"])
GENERAL = make_routes(PROFILES["general"])
"""The profiles' own, without a route of the settings."""

_LINE = b"\n"
_TOKEN = re.compile(rb"/t/[\w-]+\.[\w-]+\.[\w-]*(?=/|$)")


class RoutedRequest(NamedTuple):
    """`path` is what is authorised and logged (without token), `upstream` the target that is asked upstream.

    `key` is made of that very target and of what else goes upstream keyed, so that nobody can ask for one thing and
    have another kept in its place. `shard` decides which upstream: title and rendition, so that a rendition's segments
    stay together. `cdn` is None in the general profile. `route` says how requests of this kind are treated; `host` is
    sent upstream, empty where it is asked by its own name; `came`: how the request came to us, where upstream is told.
    """

    key: bytes
    path: bytes
    upstream: bytes
    shard: bytes
    token: bytes | None
    cdn: CdnPath | None
    route: Route = PLAIN
    host: bytes = b""
    came: ReceivedFrom = ReceivedFrom()


def is_loop(node: str, cdn_loop: bytes) -> bool:
    """Whether the node's own name stands in a CDN-Loop field: it must not forward the request again (RFC 8586 §2)."""
    own = node.encode("latin-1", "replace")
    return any(member.partition(b";")[0].strip(b" \t") == own for member in cdn_loop.split(b","))


def media_route(request: Request, routes: Routes = MEDIA) -> RoutedRequest | Refusal:
    """The CDN's form: `[/t/<JWT>]/cdn/<region>/<contentId>/<rest>`; of the query what the route keys.

    An OPTIONS is answered to whoever asks: a browser's preflight carries no credentials (the Fetch standard, §4.8).
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
    route = routes.of(upstream, content=cdn.content_id)
    kept = route.query.of(query)
    if kept:
        key, upstream = key + b"?" + kept, upstream + b"?" + kept
    return RoutedRequest(_with_fields(key, route, fields), path, upstream, shard, token, cdn, route)


def general_route(request: Request, routes: Routes = GENERAL) -> RoutedRequest | Refusal:
    """Any resource: the host and the target, each in its normal form, are the key and what is asked upstream."""
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
    route = routes.of(path, host)
    if mark:
        kept = route.query.of(query)
        upstream = path + mark + kept if kept or (not query and not route.query.only) else path
    key = host + upstream if route.key_host else upstream
    logged = _logged(target) if mark or TOKEN_FOLDER in target else target
    keyed = _with_fields(key, route, fields)
    return RoutedRequest(keyed, logged, upstream, key, None, None, route, host if route.key_host else b"")


def sibling_of(asked: RoutedRequest, host: bytes, target: bytes) -> RoutedRequest:
    """Another target of the same host, both in normal form, as if the same route held for it."""
    path, mark, query = target.partition(b"?")
    route = asked.route
    if mark:
        kept = route.query.of(query)
        target = path + mark + kept if kept or (not query and not route.query.only) else path
    return asked._replace(key=host + target if route.key_host else target, upstream=target)


def find_token(
    path_token: bytes | None, query: bytes = b"", cookie: bytes | None = None, authorization: bytes | None = None
) -> bytes | Refusal | None:
    """The one token that a request carries: in its path, query, cookie, or `Authorization: Bearer`; None without one.

    Two, even the same twice, are refused: two programs might each take another.
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
    """The key with the request fields that the route keys: on lines of their own, which no target can bring."""
    if not route.key_fields:
        return key
    return key + _LINE + _LINE.join(name + b":" + value for name, value in route.keyed_fields(fields))


def _logged(target: bytes) -> bytes:
    """A target without what looks like one of our tokens: no log holds one, whatever the profile."""
    path, _, query = target.partition(b"?")
    path, query = _TOKEN.sub(b"", path), without_token(query)
    return path + b"?" + query if query else path


def ask_for(url: str, *, general: bool, routes: Routes | None = None) -> RoutedRequest | Refusal:
    """What a GET of a URL or path asks for: for prefetches and purges, which nobody requested."""
    scheme, _, rest = url.partition("://")
    if "/" in scheme:
        scheme, rest = "", ""  # a path in whose query a URL stands
    cut = min((rest.find(mark) for mark in "/?" if mark in rest), default=len(rest))
    host, path = named_host(scheme, rest[:cut]), rest[cut:]
    target = ((path if path.startswith("/") else "/" + path) if rest else url).partition("#")[0].encode("utf-8")
    request = Request(b"GET", target or b"/", {b"host": host}, 1, keep_alive=True)
    return general_route(request, routes or GENERAL) if general else media_route(request, routes or MEDIA)


def named_host(scheme: str, authority: str) -> bytes:
    """The host that a URL names, without the port that is its scheme's own and without user information, which names
    nobody's object; as it stands where it is none."""
    text = authority.rpartition("@")[2].encode("utf-8")
    return normal_authority(text, b"443" if scheme.lower() == "https" else b"80") or text


def purge_scope(asked: RoutedRequest) -> tuple[tuple[bytes, ...], tuple[bytes, ...]]:
    """(keys, prefixes of keys) that a purge of what was asked for reaches: with every value of the keyed fields."""
    if not asked.route.key_fields:
        return (asked.key,), ()
    return (), (asked.key.partition(_LINE)[0] + _LINE,)


def purge_request_of(purge: Purge, routes: Routes, *, general: bool) -> tuple[PurgeRequest, list[str]]:
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
