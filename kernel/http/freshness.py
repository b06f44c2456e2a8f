"""Whether a shared cache may store a response, for how long, and when it may serve it stale (RFC 9111 §3, §4.2; RFC
5861; RFC 9213).

Pure arithmetic: `assess` examines a request and its response once, when the response arrives; the `Verdict` has
everything that is needed later.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from kernel.fetch_reasons import NotStorable
from kernel.http.cache_control import Directives, parse_directives, parse_targeted, seconds
from kernel.http.dates import parse_date
from kernel.http.message import Fields, first, members, values

HEURISTIC_STATUSES = frozenset((200, 203, 204, 206, 300, 301, 308, 404, 405, 410, 414, 451, 501))
"""Cacheable without explicit freshness (RFC 9110 §15.1), where the policy has heuristics."""

UNDERSTOOD_STATUSES = HEURISTIC_STATUSES | {302, 303, 307, 400, 401, 403, 500, 502, 503, 504}
"""Statuses whose caching rules are known here, for must-understand (RFC 9111 §5.2.2.3)."""

STALE_IF_ERROR_STATUSES = frozenset((500, 502, 503, 504))
"""Responses with these statuses are errors for stale-if-error (RFC 5861 §4)."""


NEGATIVE_STATUSES = frozenset((404, 410))
"""Statuses that are stored for a short time only, if the policy says so (`KeepPolicy.negative`)."""


class SetCookie(StrEnum):
    """The handling of Set-Cookie in a response that may be stored; otherwise every viewer would get the first one's
    cookie."""

    STRIP = "strip"
    """Store the response without the cookie if the origin explicitly allows storing; only the request that caused the
    fetch gets the cookie."""
    KEEP = "keep"
    """Kept with it there, and given to all: RFC 9111 §7.3 to the letter."""
    PASS = "pass"  # noqa: S105 (a word of the setting)
    """Not kept."""


COOKIE_FIELDS = frozenset((b"set-cookie",))


@dataclass(frozen=True, slots=True)
class KeepPolicy:
    """The additions of a profile to the RFC. A time of None means "as the RFC says".

    `statuses`: the only cacheable ones. `heuristic`: share of the time since Last-Modified, 0: none. `negative`: the
    longest and default lifetime in seconds of a 404 or 410. `stale_if_error`, `stale_while_revalidate`: seconds if the
    response does not say. `default`: seconds that a response without a lifetime stays fresh, 0: it is not stored.
    """

    statuses: frozenset[int] | None
    heuristic: float
    negative: int | None
    stale_if_error: int
    stale_while_revalidate: int
    cookies: SetCookie
    default: int = 0


MEDIA = KeepPolicy(frozenset((200, 206, 301, 308, 404, 410)), 0.0, 3, 0, 0, SetCookie.PASS)
GENERAL = KeepPolicy(None, 0.1, None, 0, 0, SetCookie.STRIP)


@dataclass(frozen=True, slots=True)
class Verdict:
    """How a response may be used. Times in seconds; `why` is the reason for not storing it, or None.

    `age` is the corrected initial age (§4.2.3). A stored response is fresh for `lifetime - age`. It may be served stale
    for `swr` longer during revalidation and for `sie` longer when the upstream fails, but never if `must_revalidate` is
    set.
    """

    why: NotStorable | None
    age: float
    lifetime: float
    swr: float
    sie: float
    must_revalidate: bool
    unstored_fields: frozenset[bytes] = frozenset()

    @property
    def keeps(self) -> bool:
        """Whether the response may be stored."""
        return self.why is None


def initial_age(response: Fields, *, request_wall: float, response_wall: float) -> float:
    """The corrected initial age (§4.2.3): of Age's first value and Date; an invalid Age counts for nothing."""
    date = parse_date(first(response, b"date") or b"", response_wall)
    apparent = max(0.0, response_wall - date) if date is not None else 0.0
    listed = members(values(response, b"age")[:1])
    told = seconds({b"age": listed[0]}, b"age") if listed else None
    delay = max(0.0, response_wall - request_wall)
    return max(apparent, (told or 0) + delay)


def assess(
    method: bytes,
    request: Mapping[bytes, bytes],
    status: int,
    response: Fields,
    policy: KeepPolicy,
    *,
    request_wall: float,
    response_wall: float,
) -> Verdict:
    """May this response be stored by a shared cache, and how long does it stay fresh?"""
    own = parse_directives(values(response, b"cache-control"))
    targeted = parse_targeted(values(response, b"cdn-cache-control"))
    directives = own if targeted is None else targeted
    age = initial_age(response, request_wall=request_wall, response_wall=response_wall)
    why = _refuses(method, request, status, response, directives, policy)
    lifetime = _lifetime(status, response, directives, policy, targeted is None, response_wall)
    if lifetime is None:
        why, lifetime = why or NotStorable.NO_FRESHNESS, 0.0
    if b"no-cache" in directives and directives[b"no-cache"] is None:
        lifetime = 0.0
    must = any(name in directives for name in (b"must-revalidate", b"proxy-revalidate", b"s-maxage"))
    must = must or (b"no-cache" in directives and directives[b"no-cache"] is None)
    swr = seconds(directives, b"stale-while-revalidate")
    sie = seconds(directives, b"stale-if-error")
    return Verdict(
        why=why,
        age=age,
        lifetime=lifetime,
        swr=0.0 if must else float(policy.stale_while_revalidate if swr is None else swr),
        sie=0.0 if must else float(policy.stale_if_error if sie is None else sie),
        must_revalidate=must,
        unstored_fields=_unstored(directives) | (frozenset() if policy.cookies is SetCookie.KEEP else COOKIE_FIELDS),
    )


def _unstored(directives: Directives) -> frozenset[bytes]:
    """Fields named by no-cache="…" or private="…": they are not stored (§5.2.2.4, §5.2.2.7)."""
    named = (directives.get(name) or b"" for name in (b"no-cache", b"private"))
    return frozenset(field.strip().lower() for argument in named for field in argument.split(b",") if field.strip())


def _refuses(
    method: bytes,
    request: Mapping[bytes, bytes],
    status: int,
    response: Fields,
    directives: Directives,
    policy: KeepPolicy,
) -> NotStorable | None:
    """Why the response may not be stored (§3), None when it may."""
    if method not in (b"GET", b"HEAD"):
        return NotStorable.METHOD
    if status < 200 or status == 304:
        return NotStorable.STATUS
    if policy.statuses is not None and status not in policy.statuses:
        return NotStorable.STATUS
    if b"must-understand" in directives:
        if status not in UNDERSTOOD_STATUSES:
            return NotStorable.MUST_UNDERSTAND
    elif b"no-store" in directives:
        return NotStorable.NO_STORE
    if b"no-store" in parse_directives([request.get(b"cache-control", b"")]):
        return NotStorable.REQUEST_NO_STORE
    if b"private" in directives and directives[b"private"] is None:
        return NotStorable.PRIVATE
    if b"authorization" in request and not any(
        name in directives for name in (b"public", b"s-maxage", b"must-revalidate")
    ):
        return NotStorable.AUTHORIZATION
    passes = policy.cookies is SetCookie.PASS or not _is_explicit(response, directives)
    if passes and any(name in COOKIE_FIELDS for name, _ in response):
        return NotStorable.SET_COOKIE
    if b"*" in members(values(response, b"vary")):
        return NotStorable.VARY_ALL
    return None


def _is_explicit(response: Fields, directives: Directives) -> bool:
    """Whether the origin explicitly allows storing. A cookie in a response stored by heuristics would be given to
    others; RFC 9111 §7.3 leaves that to the directives of the origin."""
    told = (b"max-age", b"s-maxage", b"public", b"no-cache")
    return any(name in directives for name in told) or first(response, b"expires") is not None


def _lifetime(
    status: int, response: Fields, directives: Directives, policy: KeepPolicy, untargeted: bool, now: float
) -> float | None:
    """The freshness lifetime in seconds, explicit or else heuristic; None: unknown, so the response is not stored."""
    told: float | None = None
    for name in (b"s-maxage", b"max-age"):
        if told is None:
            value = seconds(directives, name)
            told = None if value is None else float(value)
    if told is None and untargeted:
        told = _expires(response, now)
    if policy.negative is not None and status in NEGATIVE_STATUSES:
        return float(policy.negative) if told is None else min(told, float(policy.negative))
    if told is not None:
        return told
    if policy.default and status == 200:
        return float(policy.default)
    if not policy.heuristic:
        return 0.0 if b"public" in directives or b"no-cache" in directives else None
    if status not in HEURISTIC_STATUSES and b"public" not in directives:
        return 0.0 if b"no-cache" in directives else None
    return _heuristic(response, policy.heuristic, now)


def _expires(response: Fields, now: float) -> float | None:
    """Expires minus Date (§5.3); invalid or repeated with different values = already stale."""
    expires = values(response, b"expires")
    if not expires:
        return None
    if any(value != expires[0] for value in expires):
        return 0.0
    moment = parse_date(expires[0], now)
    if moment is None:
        return 0.0
    date = parse_date(first(response, b"date") or b"", now)
    return max(0.0, moment - (now if date is None else date))


def _heuristic(response: Fields, share: float, now: float) -> float:
    """A share of the time since Last-Modified, at most a day (§4.2.2)."""
    modified = parse_date(first(response, b"last-modified") or b"", now)
    date = parse_date(first(response, b"date") or b"", now)
    if modified is None:
        return 0.0
    return min(86400.0, max(0.0, ((now if date is None else date) - modified) * share))
