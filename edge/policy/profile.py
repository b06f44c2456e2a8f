"""What `--profile` means: methods, cache key, request fields sent upstream, response fields changed.

`media` is for a CDN of titles: an allow-list upstream, the path as the key, CORS for players. `general` is an HTTP
cache for anything: every method and field is passed on, and the key is the host and the whole target. A route
(`edge.policy.routes`) can override this for some requests.

`KeyedQuery` says which part of a query is keyed and so sent upstream: the same bytes, in the order in which they came.
Only `&` separates parameters: if `;` did, a program behind the edge could see a parameter where the edge saw none. CMCD
(CTA-5004) is addressed to the edge: it is never keyed and never sent. Pure.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace

from edge.policy.cors import FOR_ALL, LEFT, Cors
from kernel.http.field_names import ANSWERED_HERE, NEVER_UPSTREAM, OF_ONE_VIEWER, is_cmcd, is_override, named_by
from kernel.http.freshness import COOKIE_FIELDS, GENERAL, MEDIA, KeepPolicy
from kernel.http.message import Fields
from kernel.http.paths import normal_name

TOKEN_NAMES = (b"URISigningPackage", b"token")
"""The names of a token in a query; a cookie has the first only (RFC 9246 §3)."""
_CMCD = b"CMCD"


@dataclass(frozen=True, slots=True)
class KeyedQuery:
    """`names` are kept (`only`) or left out; `ordered`: by name, those of one name in the order they came.

    `tokens`: ours may stand in the query, and are left out.
    """

    only: bool
    names: frozenset[bytes] = frozenset()
    ordered: bool = False
    tokens: bool = False

    def of(self, query: bytes) -> bytes:
        """The keyed part of a query without its `?`; empty where nothing is kept."""
        if not query or (self.only and not self.names):
            return b""
        if not (self.names or self.ordered or self.tokens or b"%" in query or _CMCD in query):
            return query
        found = [(normal_name(pair.partition(b"=")[0]), pair) for pair in query.split(b"&")]
        kept = [one for one in found if self._keeps(one[0])]
        if self.ordered:
            kept.sort(key=lambda one: one[0])
        return b"&".join(pair for _, pair in kept)

    def _keeps(self, name: bytes) -> bool:
        if name == _CMCD or (self.tokens and name in TOKEN_NAMES):
            return False
        return (name in self.names) is self.only


NOTHING = KeyedQuery(only=True)
EVERYTHING = KeyedQuery(only=False)


PURPOSE, PREFETCHES = b"sec-purpose", b"prefetch"
"""What says that nobody waits for the answer yet (the Fetch standard): a shield does not count it as popularity."""

_FORMS = {
    b"traceparent": re.compile(rb"[0-9A-Za-z_.-]{1,128}+"),
    b"tracestate": re.compile(rb"[\x20-\x7e]{1,512}+"),
    PURPOSE: re.compile(rb"[a-z;=, -]{1,64}+"),
}
"""What `media` sends of a viewer's making goes up in this form or not at all (Trace Context §3.3.1.5: 512 bytes). All
share the answer, and an upstream that has smaller limits would refuse all for one viewer's long line."""


@dataclass(frozen=True, slots=True)
class Profile:
    """One profile. `asks_with`: the request fields sent upstream, None for all; `query`: the part that is keyed.

    `ends`: request fields that end at the edge: the token is its own, a cookie may hold one, and a viewer's
    Cache-Control must not keep answers from the others. `lines`: ready header lines of every response; `drops`:
    upstream's fields that these replace, or that nobody gets.
    """

    name: str
    keeps: KeepPolicy
    methods: frozenset[bytes] | None
    asks_with: frozenset[bytes] | None
    ends: frozenset[bytes]
    query: KeyedQuery
    cors: Cors
    lines: bytes
    drops: frozenset[bytes]
    body: int


PROFILES = {
    "media": Profile(
        name="media",
        keeps=MEDIA,
        methods=frozenset((b"GET", b"HEAD", b"OPTIONS")),
        asks_with=frozenset((b"traceparent", b"tracestate", PURPOSE)),
        ends=OF_ONE_VIEWER | {b"cache-control", b"pragma"},
        query=NOTHING,
        cors=FOR_ALL,
        lines=b"Referrer-Policy: no-referrer\r\nX-Content-Type-Options: nosniff\r\n",
        drops=frozenset((b"referrer-policy", b"x-content-type-options", b"server", b"accept-ranges")) | COOKIE_FIELDS,
        body=0,
    ),
    "general": Profile(
        name="general",
        keeps=GENERAL,
        methods=None,
        asks_with=None,
        ends=frozenset(),
        query=EVERYTHING,
        cors=LEFT,
        lines=b"",
        drops=frozenset((b"accept-ranges",)),
        body=16 << 20,
    ),
}


def for_edges(profile: Profile) -> Profile:
    """The profile as a shield has it: its edges must see a Set-Cookie, or they would share what was one viewer's."""
    return replace(profile, drops=profile.drops - COOKIE_FIELDS)


def end_to_end(request: Mapping[bytes, bytes], allowed: frozenset[bytes] | None, *, retrieves: bool = True) -> Fields:
    """Which of the viewer's fields the upstream sees. `retrieves`: a GET or HEAD, which we answer by the whole."""
    named = named_by(request.get(b"connection", b""))
    if allowed is not None:
        return [
            (name, request[name])
            for name in sorted(allowed)
            if name in request and name not in named and (name not in _FORMS or _FORMS[name].fullmatch(request[name]))
        ]
    ended = NEVER_UPSTREAM | ANSWERED_HERE if retrieves else NEVER_UPSTREAM
    return [
        pair
        for pair in request.items()
        if pair[0] not in ended
        and pair[0] not in named
        and not is_cmcd(pair[0])
        and not (retrieves and is_override(pair[0]))
    ]
