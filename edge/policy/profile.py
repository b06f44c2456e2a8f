"""What `--profile` means: methods, cache key, request fields sent upstream, response fields changed.

`media` is for a CDN of titles: an allow-list upstream, the path as the key, CORS for players. `general` is an HTTP
cache for anything: every method and field is passed on, and the key is the host and the whole target. A route
(`edge.policy.configured_routes`) can override this for some requests.

`KeyedQuery` says which part of a query is keyed and so sent upstream: the same bytes, in the order in which they came.
Only `&` separates parameters: if `;` did, a program behind the edge could see a parameter where the edge saw none. CMCD
(CTA-5004) is addressed to the edge: it is never keyed and never sent. Pure.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace

from edge.policy.cors import ANY_ORIGIN, PASS_THROUGH, Cors
from kernel.http.field_names import ANSWERED_HERE, NEVER_UPSTREAM, OF_ONE_VIEWER, is_cmcd, is_override, named_by
from kernel.http.freshness import COOKIE_FIELDS, GENERAL, MEDIA, KeepPolicy
from kernel.http.message import Fields
from kernel.http.paths import normal_name

TOKEN_NAMES = (b"URISigningPackage", b"token")
"""The names of a token in a query. A cookie uses the first only (RFC 9246 §3)."""
_CMCD = b"CMCD"


@dataclass(frozen=True, slots=True)
class KeyedQuery:
    """`names` are kept (`is_allow_list`) or left out. `is_sorted`: sorted by name, equal names in their given order.

    `drops_tokens`: the query may carry our token, which is left out.
    """

    is_allow_list: bool
    names: frozenset[bytes] = frozenset()
    is_sorted: bool = False
    drops_tokens: bool = False

    def keyed_part(self, query: bytes) -> bytes:
        """The keyed part of a query, without `?`; empty if nothing is kept."""
        if not query or (self.is_allow_list and not self.names):
            return b""
        if not (self.names or self.is_sorted or self.drops_tokens or b"%" in query or _CMCD in query):
            return query
        found = [(normal_name(pair.partition(b"=")[0]), pair) for pair in query.split(b"&")]
        kept = [one for one in found if self._keeps(one[0])]
        if self.is_sorted:
            kept.sort(key=lambda one: one[0])
        return b"&".join(pair for _, pair in kept)

    def _keeps(self, name: bytes) -> bool:
        if name == _CMCD or (self.drops_tokens and name in TOKEN_NAMES):
            return False
        return (name in self.names) is self.is_allow_list


KEY_NOTHING = KeyedQuery(is_allow_list=True)
KEY_EVERYTHING = KeyedQuery(is_allow_list=False)


SEC_PURPOSE, PREFETCH = b"sec-purpose", b"prefetch"
"""The field that marks a prefetch (the Fetch standard): a shield does not count it as popularity."""

_FORMS = {
    b"traceparent": re.compile(rb"[0-9A-Za-z_.-]{1,128}+"),
    b"tracestate": re.compile(rb"[\x20-\x7e]{1,512}+"),
    SEC_PURPOSE: re.compile(rb"[a-z;=, -]{1,64}+"),
}
"""What `media` forwards of a viewer's own must have this form, or it is dropped (Trace Context §3.3.1.5: 512 bytes).
Viewers share the response, so a long line from one, refused by an upstream with smaller limits, would fail it for all.
"""


@dataclass(frozen=True, slots=True)
class Profile:
    """One profile. `forwarded_fields`: request fields sent upstream, None for all; `query`: the keyed part.

    `withheld_fields`: request fields never sent upstream: the token is for the edge, a cookie may hold one, and one
    viewer's Cache-Control must not keep a response from others. `header_lines`: ready lines of every response;
    `dropped_fields`: upstream's fields that these replace, or that no viewer gets.
    """

    name: str
    keep_policy: KeepPolicy
    methods: frozenset[bytes] | None
    forwarded_fields: frozenset[bytes] | None
    withheld_fields: frozenset[bytes]
    query: KeyedQuery
    cors: Cors
    header_lines: bytes
    dropped_fields: frozenset[bytes]
    max_body: int


PROFILES = {
    "media": Profile(
        name="media",
        keep_policy=MEDIA,
        methods=frozenset((b"GET", b"HEAD", b"OPTIONS")),
        forwarded_fields=frozenset((b"traceparent", b"tracestate", SEC_PURPOSE)),
        withheld_fields=OF_ONE_VIEWER | {b"cache-control", b"pragma"},
        query=KEY_NOTHING,
        cors=ANY_ORIGIN,
        header_lines=b"Referrer-Policy: no-referrer\r\nX-Content-Type-Options: nosniff\r\n",
        dropped_fields=frozenset((b"referrer-policy", b"x-content-type-options", b"server", b"accept-ranges"))
        | COOKIE_FIELDS,
        max_body=0,
    ),
    "general": Profile(
        name="general",
        keep_policy=GENERAL,
        methods=None,
        forwarded_fields=None,
        withheld_fields=frozenset(),
        query=KEY_EVERYTHING,
        cors=PASS_THROUGH,
        header_lines=b"",
        dropped_fields=frozenset((b"accept-ranges",)),
        max_body=16 << 20,
    ),
}


def for_shield(profile: Profile) -> Profile:
    """The profile of a shield: its edges must see a Set-Cookie, or they would store a response meant for one viewer."""
    return replace(profile, dropped_fields=profile.dropped_fields - COOKIE_FIELDS)


def end_to_end(request: Mapping[bytes, bytes], allowed: frozenset[bytes] | None, *, retrieves: bool = True) -> Fields:
    """The viewer's fields that upstream gets. `retrieves`: a GET or HEAD, answered from the whole stored response."""
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
