"""Routes: how requests of one kind are treated, and which kind a request is of. Pure.

The routes of the settings are asked in their order, the first that matches holds; after them comes the profile's own.
A path is matched in its normal form, by whole segments (`kernel.http.path_pattern`), and in the media profile without
regard to the region, which is no part of the key: one key is always treated in one way.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from edge.policy.cors import FOR_ALL, Cors
from edge.policy.profile import EVERYTHING, NOTHING, PROFILES, KeyedQuery, Profile, end_to_end, for_edges
from edge.settings import EdgeSettings
from kernel.http.field_names import OF_ONE_VIEWER, is_cmcd, is_override
from kernel.http.freshness import KeepPolicy, SetCookie
from kernel.http.message import Fields
from kernel.http.path_pattern import PathPattern
from kernel.settings.route import RouteSettings

_MEDIA = PROFILES["media"]
_CODINGS = (b"br", b"gzip", b"zstd")
"""The content codings that are told apart where a route keys Accept-Encoding."""
MAX_KEYED_BYTES = 256
"""Bytes of a field's value that is keyed; a longer one counts, and goes upstream, as absent."""


@dataclass(frozen=True, slots=True)
class Route:
    """One route, whole: what it leaves open in the settings stands here as the node has it.

    The key: `query`, `key_host`, and `key_fields`, which go upstream as they are keyed. Upstream: `forwards`, the
    request fields (None: all), of which those in `ends` end here all the same. Back: `keeps` judges an answer, `drops`
    are upstream's fields that nobody gets, `lines` ready header lines of every response. `token`: whether one is asked
    for where the node has keys. `slice`: bytes of the aligned parts in which objects larger than `slice_over` bytes
    are cached (0: none are).
    """

    name: str = _MEDIA.name
    query: KeyedQuery = _MEDIA.query
    key_host: bool = True
    key_fields: tuple[bytes, ...] = ()
    forwards: frozenset[bytes] | None = _MEDIA.asks_with
    ends: frozenset[bytes] = _MEDIA.ends
    keeps: KeepPolicy = _MEDIA.keeps
    drops: frozenset[bytes] = field(default=_MEDIA.drops | FOR_ALL.replaced)
    lines: bytes = FOR_ALL.lines + _MEDIA.lines
    cors: Cors = FOR_ALL
    token: bool = True
    slice: int = 1 << 20
    slice_over: int = 8 << 20

    def sliced(self, length: int | None) -> bool:
        """Whether an object of this length is cached in slices."""
        return length is not None and 0 < self.slice_over < length

    def judged_by(self, request: Mapping[bytes, bytes]) -> Mapping[bytes, bytes]:
        """The viewer's fields that count when an answer is judged: those that can have changed it."""
        if self.forwards is None and not self.ends:
            return request
        return {name: value for name, value in request.items() if not self._ended(name)}

    def _ended(self, name: bytes) -> bool:
        """Whether a field that marks an answer as one viewer's was not sent."""
        return name in self.ends or (name in OF_ONE_VIEWER and self.forwards is not None and name not in self.forwards)

    def keeps_of(self, request: Mapping[bytes, bytes]) -> KeepPolicy:
        """By what an answer to these fields is judged: nothing is guessed of an answer that saw a cookie."""
        if b"cookie" in request and (self.keeps.heuristic or self.keeps.default) and not self._ended(b"cookie"):
            return replace(self.keeps, heuristic=0.0, default=0)
        return self.keeps

    def upstream_fields(self, request: Mapping[bytes, bytes], *, retrieves: bool = True) -> Fields:
        """What upstream sees of the viewer's fields. `retrieves`: for all who ask, so without ranges and conditions."""
        fields = [
            pair
            for pair in end_to_end(request, self.forwards, retrieves=retrieves)
            if pair[0] not in self.ends and pair[0] not in self.key_fields
        ] + self.keyed_fields(request)
        if self.ends and not any(name == b"accept-encoding" for name, _ in fields):
            fields.append((b"accept-encoding", b"identity"))
        return fields

    def keyed_fields(self, request: Mapping[bytes, bytes]) -> Fields:
        """The keyed fields, as they are keyed and sent: absent ones are left out."""
        found = [(name, keyed_value(name, request.get(name, b""))) for name in self.key_fields]
        return [pair for pair in found if pair[1]]

    def varies_by(self, name: bytes) -> bool:
        """Whether a field that an answer's Vary names can differ between viewers of one key, as upstream saw it."""
        if name in self.key_fields or name in self.ends or is_cmcd(name) or is_override(name):
            return False
        return self.forwards is None or name in self.forwards

    def lines_for(self, request: Mapping[bytes, bytes]) -> bytes:
        """The header lines of the response to this request: `lines`, and CORS by list."""
        return self.lines + self.cors.more(request.get(b"origin")) if self.cors.origins else self.lines

    @property
    def same_for_all(self) -> bool:
        """Whether nothing but the target decides: no request field is looked at for the key or the head."""
        return not self.key_fields and not self.cors.origins


PLAIN = Route()


def keyed_value(name: bytes, value: bytes) -> bytes:
    """A field's value as it is keyed: of Accept-Encoding the codings that are told apart, of others without blanks."""
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
class Row:
    """One route and what it matches; what is empty matches all."""

    route: Route
    paths: tuple[PathPattern, ...]
    hosts: frozenset[bytes]
    contents: frozenset[bytes]

    def concerns(self, host: bytes, content: bytes) -> bool:
        """Whether host and title are meant."""
        if self.contents and content not in self.contents:
            return False
        return not self.hosts or _host_among(host, self.hosts)

    def of_folder(self, folder: Sequence[bytes]) -> bool | None:
        """Whether all files of a folder are meant (True), none (False), or some (None)."""
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
    """The routes of a node. `port`: the scheme's own, which a Host need not say."""

    default: Route = PLAIN
    rows: tuple[Row, ...] = ()
    port: bytes = b"80"

    def of(self, path: bytes, host: bytes = b"", content: bytes = b"") -> Route:
        """The route of a path in its normal form (media: as asked upstream)."""
        if not self.rows:
            return self.default
        segments = path[1:].split(b"/")
        for row in self.rows:
            if row.concerns(host, content) and (not row.paths or any(one.matches(segments) for one in row.paths)):
                return row.route
        return self.default

    @property
    def ask_tokens(self) -> bool:
        """Whether any of them does."""
        return any(one.token for one in (self.default, *(row.route for row in self.rows)))

    def whole_folder(self, path: bytes, content: bytes) -> bool:
        """Whether every file beside this one is treated by the very same route, whatever its name (media)."""
        folder = path[1:].split(b"/")[:-1]
        for row in self.rows:
            verdict = row.of_folder(folder) if row.concerns(b"", content) else False
            if verdict is None:
                return False
            if verdict:
                return row.route.same_for_all
        return self.default.same_for_all


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
    slice: int = PLAIN.slice,  # noqa: A002 (the setting's name)
    slice_over: int = PLAIN.slice_over,
    tokens: bool = True,
    port: bytes = b"80",
    shield: bool = False,
) -> Routes:
    """The routes of a node from its profile and settings. A shield's ask for no tokens: its edges did."""
    profile = for_edges(profile) if shield else profile
    plain = Route(
        name=profile.name,
        query=profile.query,
        forwards=profile.asks_with,
        ends=profile.ends,
        keeps=replace(
            profile.keeps,
            default=int(default_ttl),
            cookies=SetCookie(set_cookie) if profile.asks_with is None else profile.keeps.cookies,
        ),
        token=tokens,
        slice=slice,
        slice_over=slice_over,
    )
    default = _with_cors(plain, profile, profile.cors)
    settings = (replace(one, token=None) if shield else one for one in given)
    rows = (
        Row(_made(one, f"route {number}", default, profile), one.path, frozenset(one.host), frozenset(one.content))
        for number, one in enumerate(settings, 1)
    )
    return Routes(default, tuple(rows), port)


def _with_cors(route: Route, profile: Profile, cors: Cors) -> Route:
    return replace(route, cors=cors, lines=cors.lines + profile.lines, drops=profile.drops | cors.replaced)


def _made(given: RouteSettings, name: str, default: Route, profile: Profile) -> Route:
    """The route, with the node's own word where it has none."""
    keeps = replace(
        default.keeps,
        default=_seconds(given.default_ttl, default.keeps.default),
        negative=default.keeps.negative if given.negative_ttl is None else int(given.negative_ttl),
        stale_while_revalidate=_seconds(given.stale_while_revalidate, default.keeps.stale_while_revalidate),
        stale_if_error=_seconds(given.stale_if_error, default.keeps.stale_if_error),
        cookies=default.keeps.cookies if given.set_cookie is None else SetCookie(given.set_cookie),
    )
    if given.keep == "never":
        keeps = replace(keeps, statuses=frozenset())
    made = replace(
        default,
        name=name,
        query=_query(given, default, media=profile.asks_with is not None),
        key_host=default.key_host if given.key_host is None else given.key_host,
        key_fields=tuple(sorted(set(given.key_fields))),
        forwards=_forwards(given, default.forwards),
        keeps=keeps,
        token=default.token if given.token in (None, "node") else given.token == "required",  # noqa: S105
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
        made = NOTHING
    elif given.query == (b"all",):
        made = EVERYTHING
    elif given.query:
        made = KeyedQuery(only=True, names=frozenset(given.query))
    elif given.query_except:
        made = KeyedQuery(only=False, names=frozenset(given.query_except))
    return replace(made, ordered=given.query_order == "name", tokens=media)


def _forwards(given: RouteSettings, default: frozenset[bytes] | None) -> frozenset[bytes] | None:
    if given.forward == (b"none",):
        return frozenset()
    if given.forward == (b"all",):
        return None
    return frozenset(given.forward) if given.forward else default
