"""The routes of a node, made from its profile and settings. `edge.policy.route` says what a route means. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from edge.policy.cors import Cors
from edge.policy.profile import KEY_EVERYTHING, KEY_NOTHING, PROFILES, KeyedQuery, Profile, for_shield
from edge.policy.route import DEFAULT_ROUTE, Route, RouteRule, Routes, profile_routes
from edge.settings import EdgeSettings
from kernel.http.freshness import SetCookie
from kernel.settings.route import RouteSettings


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
    default = replace(
        profile_routes(profile).default,
        keep_policy=replace(
            profile.keep_policy,
            default=int(default_ttl),
            cookies=SetCookie(set_cookie) if profile.forwarded_fields is None else profile.keep_policy.cookies,
        ),
        needs_token=tokens,
        slice=slice,
        slice_over=slice_over,
    )
    settings = (replace(one, token=None) if shield else one for one in given)
    rows = (
        RouteRule(
            _made(one, f"route {number}", default, profile), one.path, frozenset(one.host), frozenset(one.content)
        )
        for number, one in enumerate(settings, 1)
    )
    return Routes(default, tuple(rows), port)


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
    return made.with_cors(profile, Cors(given.cors == (b"*",), frozenset(given.cors) - {b"*", b"off"}))


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
