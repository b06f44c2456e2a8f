"""ROUTE: what a request asks for, and how it is treated: token, normal form of the path, cache key, `Route`. Pure.

The first matching route of the settings applies, else the profile's default (`edge.policy.configured_routes` makes
them). Paths match in their normal form, by whole segments (`kernel.http.path_pattern`). In the media profile the region
is ignored, since it is not part of the key: one key is always treated the same way.
Over 300 lines because the key and the treatment of a request depend on one another.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from edge.policy.cors import ANY_ORIGIN, Cors
from edge.policy.profile import PROFILES, TOKEN_NAMES, KeyedQuery, Profile, end_to_end
from edge.wire.request import Request
from kernel.http.authority import normal_authority
from kernel.http.field_names import OF_ONE_VIEWER, is_cmcd, is_override
from kernel.http.forwarding import ReceivedFrom
from kernel.http.freshness import KeepPolicy
from kernel.http.message import Fields
from kernel.http.path_pattern import PathPattern
from kernel.http.paths import TOKEN_FOLDER, CdnPath, normalise_any, read_target
from kernel.vocabulary import Refusal

_MEDIA = PROFILES["media"]
_CODINGS = (b"br", b"gzip", b"zstd")
"""The content codings that are distinguished when a route keys Accept-Encoding."""
MAX_KEYED_BYTES = 256
"""Bytes of a field's value that is keyed. A longer value counts as absent, for the key and upstream."""


@dataclass(frozen=True, slots=True)
class Route:
    """One route, complete: what the settings leave open has this node's value.

    The key: `query`, `key_host`, and `key_fields`, which are sent upstream as keyed. Upstream: `forwarded_fields`
    (None: all) except `withheld_fields`. Back: `keep_policy` decides whether to store a response; `dropped_fields` are
    upstream's fields that no viewer gets; `header_lines` are ready lines of every response. `needs_token`: whether a
    token is required, if the node has keys. `slice`: bytes of the aligned slices in which objects larger than
    `slice_over` bytes are cached (0: never).
    """

    name: str = _MEDIA.name
    query: KeyedQuery = _MEDIA.query
    key_host: bool = True
    key_fields: tuple[bytes, ...] = ()
    forwarded_fields: frozenset[bytes] | None = _MEDIA.forwarded_fields
    withheld_fields: frozenset[bytes] = _MEDIA.withheld_fields
    keep_policy: KeepPolicy = _MEDIA.keep_policy
    dropped_fields: frozenset[bytes] = field(default=_MEDIA.dropped_fields | ANY_ORIGIN.replaced_fields)
    header_lines: bytes = ANY_ORIGIN.header_lines + _MEDIA.header_lines
    cors: Cors = ANY_ORIGIN
    needs_token: bool = True
    slice: int = 1 << 20
    slice_over: int = 8 << 20

    def is_sliced(self, length: int | None) -> bool:
        """Whether an object of this length is cached in slices."""
        return length is not None and 0 < self.slice_over < length

    def with_cors(self, profile: Profile, cors: Cors) -> Route:
        """This route with other CORS, and the header lines and dropped fields that follow from it."""
        return replace(
            self,
            cors=cors,
            header_lines=cors.header_lines + profile.header_lines,
            dropped_fields=profile.dropped_fields | cors.replaced_fields,
        )

    def cacheability_fields(self, request: Mapping[bytes, bytes]) -> Mapping[bytes, bytes]:
        """The viewer's fields that can have changed a response, and so count when deciding whether to store it."""
        if self.forwarded_fields is None and not self.withheld_fields:
            return request
        return {name: value for name, value in request.items() if not self._ended(name)}

    def _ended(self, name: bytes) -> bool:
        """Whether a field about one viewer was withheld from upstream."""
        return name in self.withheld_fields or (
            name in OF_ONE_VIEWER and self.forwarded_fields is not None and name not in self.forwarded_fields
        )

    def keep_policy_for(self, request: Mapping[bytes, bytes]) -> KeepPolicy:
        """The policy for a response to these fields: no heuristic freshness if upstream saw a cookie."""
        if (
            b"cookie" in request
            and (self.keep_policy.heuristic or self.keep_policy.default)
            and not self._ended(b"cookie")
        ):
            return replace(self.keep_policy, heuristic=0.0, default=0)
        return self.keep_policy

    def upstream_fields(self, request: Mapping[bytes, bytes], *, retrieves: bool = True) -> Fields:
        """The viewer's fields as sent upstream. `retrieves`: the response serves all: no ranges or conditions."""
        fields = [
            pair
            for pair in end_to_end(request, self.forwarded_fields, retrieves=retrieves)
            if pair[0] not in self.withheld_fields and pair[0] not in self.key_fields
        ] + self.keyed_fields(request)
        if self.withheld_fields and not any(name == b"accept-encoding" for name, _ in fields):
            fields.append((b"accept-encoding", b"identity"))
        return fields

    def keyed_fields(self, request: Mapping[bytes, bytes]) -> Fields:
        """The keyed fields as keyed and sent upstream; absent ones are left out."""
        found = [(name, keyed_value(name, request.get(name, b""))) for name in self.key_fields]
        return [pair for pair in found if pair[1]]

    def varies_by(self, name: bytes) -> bool:
        """Whether a field named in a response's Vary can differ between viewers of one key, as upstream saw it."""
        if name in self.key_fields or name in self.withheld_fields or is_cmcd(name) or is_override(name):
            return False
        return self.forwarded_fields is None or name in self.forwarded_fields

    def lines_for(self, request: Mapping[bytes, bytes]) -> bytes:
        """The header lines of the response to this request: `header_lines`, and CORS if origins are listed."""
        return (
            self.header_lines + self.cors.lines_for_origin(request.get(b"origin"))
            if self.cors.origins
            else self.header_lines
        )

    @property
    def is_same_for_all(self) -> bool:
        """Whether only the target matters: no request field affects the key or the head."""
        return not self.key_fields and not self.cors.origins


DEFAULT_ROUTE = Route()


def keyed_value(name: bytes, value: bytes) -> bytes:
    """A field's value as keyed: for Accept-Encoding the distinguished codings, for others without whitespace."""
    if name == b"accept-encoding":
        wanted = {part.partition(b";")[0].strip().lower() for part in value.split(b",") if not _refused(part)}
        return b", ".join(coding for coding in _CODINGS if coding in wanted)
    value = b",".join(part.strip(b" \t") for part in value.split(b","))
    return value if len(value) <= MAX_KEYED_BYTES else b""


def _refused(part: bytes) -> bool:
    """Whether a member of Accept-Encoding has the weight 0 (RFC 9110 §12.4.2)."""
    weight = part.partition(b";")[2].strip(b" \t").lower()
    return weight.startswith(b"q=") and not weight[2:].strip(b"0.")


@dataclass(frozen=True, slots=True)
class RouteRule:
    """One route and what it matches; an empty condition matches everything."""

    route: Route
    paths: tuple[PathPattern, ...]
    hosts: frozenset[bytes]
    contents: frozenset[bytes]

    def applies_to(self, host: bytes, content: bytes) -> bool:
        """Whether the rule matches the host and title."""
        if self.contents and content not in self.contents:
            return False
        return not self.hosts or _host_among(host, self.hosts)

    def covers_folder(self, folder: Sequence[bytes]) -> bool | None:
        """Whether the rule matches all files of a folder (True), none (False), or some (None)."""
        found = [pattern.of_folder(folder) for pattern in self.paths] or [True]
        return True if True in found else None if None in found else False


def _host_among(host: bytes, hosts: frozenset[bytes]) -> bool:
    name = host if host.endswith(b"]") else host.rpartition(b":")[0] or host
    if name in hosts:
        return True
    parts = name.split(b".")
    return any(b"*." + b".".join(parts[cut:]) in hosts for cut in range(1, len(parts)))


@dataclass(frozen=True, slots=True)
class Routes:
    """The routes of a node. `port`: the scheme's default port, which a Host may omit."""

    default: Route = DEFAULT_ROUTE
    rows: tuple[RouteRule, ...] = ()
    port: bytes = b"80"

    def route_for(self, path: bytes, host: bytes = b"", content: bytes = b"") -> Route:
        """The route of a path in its normal form (media: as requested upstream)."""
        if not self.rows:
            return self.default
        segments = path[1:].split(b"/")
        for row in self.rows:
            if row.applies_to(host, content) and (not row.paths or any(one.matches(segments) for one in row.paths)):
                return row.route
        return self.default

    @property
    def any_needs_token(self) -> bool:
        """Whether any route requires a token."""
        return any(one.needs_token for one in (self.default, *(row.route for row in self.rows)))

    def treats_folder_alike(self, path: bytes, content: bytes) -> bool:
        """Whether each file in this path's folder has the same route, whatever its name (media)."""
        folder = path[1:].split(b"/")[:-1]
        for row in self.rows:
            verdict = row.covers_folder(folder) if row.applies_to(b"", content) else False
            if verdict is None:
                return False
            if verdict:
                return row.route.is_same_for_all
        return self.default.is_same_for_all


def profile_routes(profile: Profile) -> Routes:
    """A profile's default routes, without routes from the settings."""
    return Routes(
        Route(
            name=profile.name,
            query=profile.query,
            forwarded_fields=profile.forwarded_fields,
            withheld_fields=profile.withheld_fields,
            keep_policy=profile.keep_policy,
        ).with_cors(profile, profile.cors)
    )


MEDIA = profile_routes(PROFILES["media"])
GENERAL = profile_routes(PROFILES["general"])

KEY_LINE = b"\n"
"""Separates the keyed fields in a key; no target can contain it."""
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
    return key + KEY_LINE + KEY_LINE.join(name + b":" + value for name, value in route.keyed_fields(fields))


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
