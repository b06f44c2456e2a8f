"""AUTHORISE: may this viewer have this path now? Checks token, scope, tier and network, then region and licence.

Pure. The claims of a token are remembered (a dictionary lookup instead of 150 µs of cryptography and parsing). What
depends on the time, the path, the viewer or the rules is checked at every request, hits included. `Node` holds what is
in force on this edge.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache
from math import inf
from typing import TypeVar

from edge.policy.profile import Profile
from edge.policy.route import MEDIA, RoutedRequest, Routes
from edge.policy.rules import Rules
from edge.wire.viewer import Viewer
from kernel.auth.claims import ANYWHERE, Permit
from kernel.auth.geo import decide
from kernel.auth.signing_keys import KeySet
from kernel.auth.token import verify
from kernel.http.paths import MAX_REMEMBERED_LENGTH, CdnPath
from kernel.vocabulary import Refusal, rendition_height

T = TypeVar("T")

MAX_PERMITS = 65536
MAX_REFUSED = 1024


class TokenMemo:
    """The claims of tokens already verified with the keys in force.

    Permits and refusals are remembered apart, oldest out first, so that a flood of bad tokens evicts no good one. Only
    refusals that cost a signature check are remembered. New keys clear both.
    """

    __slots__ = ("_audience", "_capacity", "_issuer", "_refused", "_refused_capacity", "keys", "permits")

    def __init__(
        self,
        keys: KeySet,
        capacity: int = MAX_PERMITS,
        *,
        refused_capacity: int = MAX_REFUSED,
        issuer: str = "matinee",
        audience: str = "edge",
    ) -> None:
        self.keys = keys
        """The keys in force; `use_keys` replaces them. Every hit reads this."""
        self._capacity = capacity
        self._refused_capacity = refused_capacity
        self._issuer = issuer
        self._audience = audience
        self._refused: dict[bytes, Refusal] = {}
        self.permits: dict[bytes, Permit] = {}

    def use_keys(self, keys: KeySet) -> None:
        """Put these keys in force; forget what other keys verified."""
        if keys.version != self.keys.version:
            self.permits.clear()
            self._refused.clear()
        self.keys = keys

    def permit(self, token: bytes) -> Permit | Refusal:
        """The token's permit or refusal, remembered or verified now."""
        known = self.permits.get(token) or self._refused.get(token)
        if known is not None:
            return known
        found = verify(token, self.keys, issuer=self._issuer, audience=self._audience)
        if isinstance(found, Permit):
            _remember(self.permits, token, found, self._capacity)
        elif found in (Refusal.TOKEN_SIGNATURE, Refusal.TOKEN_CLAIMS):
            _remember(self._refused, token, found, self._refused_capacity)
        return found


def _remember(memo: dict[bytes, T], token: bytes, found: T, capacity: int) -> None:
    if len(memo) >= capacity:
        del memo[next(iter(memo))]
    memo[token] = found


def authorise(
    path: bytes,
    cdn: CdnPath,
    token: bytes | None,
    memo: TokenMemo | None,
    rules: Rules,
    viewer: Viewer,
    now: float,
    *,
    regions: frozenset[bytes] = frozenset(),
    origin: bytes = b"",
) -> Permit | Refusal:
    """The permit under which `path` (normalised, without its token) may be delivered, or the refusal.

    `memo` None requires no token. `now` is wall time in seconds; empty `regions` serves any; `origin` (`https://host`)
    is for scopes with a host. The first reason in this order is returned: the token does not verify (401); scope,
    times, revocation, network, tier (403); region (404); licence (451, or 403 outside its window).
    """
    if memo is None:
        permit = ANYWHERE
    else:
        if not token:
            return Refusal.TOKEN_MISSING
        found = memo.permits.get(token) or memo.permit(token)
        if isinstance(found, Refusal):
            return found
        permit = found
        refusal = permit.allows(path, now, origin) or _check_claims(permit, cdn, rules, viewer, now)
        if refusal is not None:
            return refusal
    if regions and cdn.region not in regions:
        return Refusal.REGION_UNKNOWN
    country = decide(viewer.country, permit.country, viewer.default_country)
    return licence_refusal(rules, cdn.content_id.decode("ascii"), country, now) or permit


def _check_claims(permit: Permit, cdn: CdnPath, rules: Rules, viewer: Viewer, now: float) -> Refusal | None:
    """The token's limits besides path and time."""
    if permit.session is not None and is_revoked(rules, permit.session, now):
        return Refusal.TOKEN_REVOKED
    if permit.network is not None and (viewer.ip is None or viewer.ip not in permit.network):
        return Refusal.NETWORK
    if permit.tier_lines is not None and max_height(cdn.rest.rpartition(b"/")[0]) > permit.tier_lines:
        return Refusal.TIER
    return None


def is_revoked(rules: Rules, session: str, wall: float) -> bool:
    """Whether the session's tokens are refused at `wall` (Unix seconds)."""
    return wall < rules.sessions.get(session, -inf)


def licence_refusal(rules: Rules, content_id: str, country: str | None, wall: float) -> Refusal | None:
    """Why the title may not be watched in `country` (None: unknown) at `wall` (Unix seconds); None if it may.

    An unknown country is refused only if the title has a list.
    """
    licence = rules.titles.get(content_id)
    if licence is None:
        return rules.unlisted
    return licence.refusal(country, wall)


def max_height(folder: bytes) -> int:
    """The greatest height in lines that a part of a folder names (`ts/v720-2` → 720); 0 if none does (audio,
    playlists).

    Only folders of usual length are remembered: viewers choose them, and thousands of the longest would take 64 MiB.
    """
    return _tallest(folder) if len(folder) <= MAX_REMEMBERED_LENGTH else _tallest.__wrapped__(folder)


@lru_cache(maxsize=4096)
def _tallest(folder: bytes) -> int:
    return max(rendition_height(part) or 0 for part in folder.decode("latin-1").split("/"))


@dataclass(slots=True)
class Node:
    """This node and what is in force on it: rules and keys are replaced whole, never changed.

    `honours_directives`: follow the cache directives of viewers' requests. `is_shield`: all peers are the fleet's own
    edges.
    """

    id: str
    name: bytes
    profile: Profile
    rules: Rules
    memo: TokenMemo | None
    regions: frozenset[bytes]
    origin: bytes = b""
    routes: Routes = MEDIA
    honours_directives: bool = False
    is_shield: bool = False
    via: bytes = field(init=False)
    """The header line of every response from this node (RFC 9110 §7.6.3)."""

    def __post_init__(self) -> None:
        self.via = b"Via: 1.1 %s\r\n" % self.id.encode("latin-1", "replace")


def authorise_request(
    routed: RoutedRequest, viewer: Viewer, node: Node, wall: float, *, needs_token: bool = True
) -> Permit | Refusal:
    """`authorise` with what is in force on this node; a path outside the CDN's form (general profile) is open.

    `needs_token` False permits a request without a token (operators ask so); a token that is there is verified.
    """
    if routed.cdn is None:
        return ANYWHERE
    memo = node.memo if routed.route.needs_token and (needs_token or routed.token is not None) else None
    return authorise(
        routed.path, routed.cdn, routed.token, memo, node.rules, viewer, wall,
        regions=node.regions, origin=node.origin,
    )  # fmt: skip
