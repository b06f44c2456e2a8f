"""AUTHORISE: may this viewer have this path now? Token, scope, tier, network, then region and licence.

Pure. What a token says is remembered (a dictionary's answer instead of 150 µs of cryptography and parsing); what
depends on the moment, the path, the viewer or the rules is asked at every request, on hits too.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TypeVar

from edge.policy.locate import Viewer
from edge.policy.rules import Rules, refuses
from kernel.auth.claims import ANYWHERE, Permit
from kernel.auth.geo import decide
from kernel.auth.signing_keys import KeySet
from kernel.auth.token import verify
from kernel.http.paths import MAX_REMEMBERED_LENGTH, CdnPath
from kernel.vocabulary import Refusal, rendition_height

T = TypeVar("T")

MAX_PERMITS = 65536
MAX_REFUSED = 1024

TOKEN_NAMES = (b"URISigningPackage", b"token")
"""The names of a token in a query; a cookie has the first only (RFC 9246 §3)."""


class TokenMemo:
    """What `verify` said of the tokens seen under the keys in force.

    Good and refused tokens are remembered apart, the oldest leaving first, so that a flood of bad ones pushes out no
    good one; and only those bad ones whose refusal cost a signature. New keys empty both.
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
        """The keys in force: `use` puts others in force. Every hit looks here."""
        self._capacity = capacity
        self._refused_capacity = refused_capacity
        self._issuer = issuer
        self._audience = audience
        self._refused: dict[bytes, Refusal] = {}
        self.permits: dict[bytes, Permit] = {}

    def use(self, keys: KeySet) -> None:
        """Put these keys in force; what other keys verified is forgotten."""
        if keys.version != self.keys.version:
            self.permits.clear()
            self._refused.clear()
        self.keys = keys

    def permit(self, token: bytes) -> Permit | Refusal:
        """What the token says, remembered or verified now."""
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
    """The permit under which `path` (normalised, without its token) may be delivered, or why not.

    `memo` None asks for no token. `now` is wall time in seconds; empty `regions` serves any; `origin`
    (`https://host`) is for foreign scopes. The first reason in this order is the answer: the token does not verify
    (401); scope, times, revocation, network, tier (403); region (404); licence (451, or 403 outside its window).
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
        refusal = permit.allows(path, now, origin) or _limits(permit, cdn, rules, viewer, now)
        if refusal is not None:
            return refusal
    if regions and cdn.region not in regions:
        return Refusal.REGION_UNKNOWN
    country = decide(viewer.country, permit.country, viewer.default_country)
    return refuses(rules, cdn.content_id.decode("ascii"), country, now) or permit


def _limits(permit: Permit, cdn: CdnPath, rules: Rules, viewer: Viewer, now: float) -> Refusal | None:
    """What the token limits beside path and time."""
    if rules.sessions and permit.session is not None and rules.revoked(permit.session, now):
        return Refusal.TOKEN_REVOKED
    if permit.network is not None and (viewer.ip is None or viewer.ip not in permit.network):
        return Refusal.NETWORK
    if permit.tier_lines is not None and tallest(cdn.rest.rpartition(b"/")[0]) > permit.tier_lines:
        return Refusal.TIER
    return None


def tallest(folder: bytes) -> int:
    """The most lines that any part of a folder names (`ts/v720-2` → 720); 0 where none does (audio, playlists).

    Remembered for folders of usual length alone: viewers choose them, and thousands of the longest would be 64 MiB.
    """
    return _tallest(folder) if len(folder) <= MAX_REMEMBERED_LENGTH else _tallest.__wrapped__(folder)


@lru_cache(maxsize=4096)
def _tallest(folder: bytes) -> int:
    return max(rendition_height(part) or 0 for part in folder.decode("latin-1").split("/"))


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
