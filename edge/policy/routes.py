"""Routes: how to treat each kind of request, and which kind a request is. Pure.

The first matching route of the settings applies, else the profile's default. Paths match in their normal form, by whole
segments (`kernel.http.path_pattern`). In the media profile the region is ignored, since it is not part of the key: one
key is always treated the same way.
Over 300 lines because what a route means and how the settings make one belong together.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from edge.policy.cors import ANY_ORIGIN, Cors
from edge.policy.profile import KEY_EVERYTHING, KEY_NOTHING, PROFILES, KeyedQuery, Profile, end_to_end, for_shield
from edge.settings import EdgeSettings
from kernel.http.field_names import OF_ONE_VIEWER, is_cmcd, is_override
from kernel.http.freshness import KeepPolicy, SetCookie
from kernel.http.message import Fields
from kernel.http.path_pattern import PathPattern
from kernel.settings.route import RouteSettings

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


def routes_of(settings: EdgeSettings) -> Routes:
    """The routes of a node."""
    return make_routes(
        PROFILES[settings.profile],
        settings.route,
        default_ttl=settings.default_ttl,
        set_cookie=settings.set_cookie,
        slice=settings.slice,
        slice_over=settings.slice_over,
        tokens=settings.tokens == "required",
        port=b"443" if settings.tls_cert is not None else b"80",
        shield=settings.role == "shield",
    )


def make_routes(
    profile: Profile,
    given: Sequence[RouteSettings] = (),
    *,
    default_ttl: float = 0.0,
    set_cookie: str = SetCookie.STRIP,
    slice: int = DEFAULT_ROUTE.slice,  # noqa: A002 (the setting's name)
    slice_over: int = DEFAULT_ROUTE.slice_over,
    tokens: bool = True,
    port: bytes = b"80",
    shield: bool = False,
) -> Routes:
    """The routes of a node, from its profile and settings. A shield requires no tokens: its edges have checked them."""
    profile = for_shield(profile) if shield else profile
    plain = Route(
        name=profile.name,
        query=profile.query,
        forwarded_fields=profile.forwarded_fields,
        withheld_fields=profile.withheld_fields,
        keep_policy=replace(
            profile.keep_policy,
            default=int(default_ttl),
            cookies=SetCookie(set_cookie) if profile.forwarded_fields is None else profile.keep_policy.cookies,
        ),
        needs_token=tokens,
        slice=slice,
        slice_over=slice_over,
    )
    default = _with_cors(plain, profile, profile.cors)
    settings = (replace(one, token=None) if shield else one for one in given)
    rows = (
        RouteRule(
            _made(one, f"route {number}", default, profile), one.path, frozenset(one.host), frozenset(one.content)
        )
        for number, one in enumerate(settings, 1)
    )
    return Routes(default, tuple(rows), port)


def _with_cors(route: Route, profile: Profile, cors: Cors) -> Route:
    return replace(
        route,
        cors=cors,
        header_lines=cors.header_lines + profile.header_lines,
        dropped_fields=profile.dropped_fields | cors.replaced_fields,
    )


def _made(given: RouteSettings, name: str, default: Route, profile: Profile) -> Route:
    """The route, with the node's own values for what the settings leave open."""
    keeps = replace(
        default.keep_policy,
        default=_seconds(given.default_ttl, default.keep_policy.default),
        negative=default.keep_policy.negative if given.negative_ttl is None else int(given.negative_ttl),
        stale_while_revalidate=_seconds(given.stale_while_revalidate, default.keep_policy.stale_while_revalidate),
        stale_if_error=_seconds(given.stale_if_error, default.keep_policy.stale_if_error),
        cookies=default.keep_policy.cookies if given.set_cookie is None else SetCookie(given.set_cookie),
    )
    if given.keep == "never":
        keeps = replace(keeps, statuses=frozenset())
    made = replace(
        default,
        name=name,
        query=_query(given, default, media=profile.forwarded_fields is not None),
        key_host=default.key_host if given.key_host is None else given.key_host,
        key_fields=tuple(sorted(set(given.key_fields))),
        forwarded_fields=_forwards(given, default.forwarded_fields),
        keep_policy=keeps,
        needs_token=default.needs_token if given.token in (None, "node") else given.token == "required",  # noqa: S105
        slice=default.slice if given.slice is None else given.slice,
        slice_over=default.slice_over if given.slice_over is None else given.slice_over,
    )
    if not given.cors:
        return made
    return _with_cors(made, profile, Cors(given.cors == (b"*",), frozenset(given.cors) - {b"*", b"off"}))


def _seconds(given: float | None, otherwise: int) -> int:
    return otherwise if given is None else int(given)


def _query(given: RouteSettings, default: Route, *, media: bool) -> KeyedQuery:
    made = default.query
    if given.query == (b"none",):
        made = KEY_NOTHING
    elif given.query == (b"all",):
        made = KEY_EVERYTHING
    elif given.query:
        made = KeyedQuery(is_allow_list=True, names=frozenset(given.query))
    elif given.query_except:
        made = KeyedQuery(is_allow_list=False, names=frozenset(given.query_except))
    return replace(made, is_sorted=given.query_order == "name", drops_tokens=media)


def _forwards(given: RouteSettings, default: frozenset[bytes] | None) -> frozenset[bytes] | None:
    if given.forward == (b"none",):
        return frozenset()
    if given.forward == (b"all",):
        return None
    return frozenset(given.forward) if given.forward else default
