"""Grants: what `authorise` decided for a folder, remembered for a connection as long as it must hold. Pure.

A player asks for one segment of a folder after the other, under one token. The decision is the same for all of them:
it depends on the token, the folder (scope, tier), the viewer, the rules and the time. So the fast path remembers it by
the folder's URL (token included) and checks only that it still holds: the very same rules and keys are in force, and
neither token nor licence has begun or ended. A push replaces the rules as a whole: the next request is decided again.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from edge.policy.route import RoutedRequest
from edge.policy.rules import Rules
from edge.prefetch.popularity import Tally
from edge.wire.request import Request
from kernel.auth.claims import Permit
from kernel.auth.signing_keys import KeySet

MAX_GRANTS = 16
"""Folders remembered for one connection: a player moves between a few renditions, audio and subtitles."""

NAME = re.compile(rb"[A-Za-z0-9_-][A-Za-z0-9_.-]*+")
"""A file name in the normal form (`kernel.http.paths`), by `fullmatch`: nothing in it can be read in two ways."""


@dataclass(frozen=True, slots=True)
class Grant:
    """Permission for the files of one folder, from `starts` (wall) and before `ends`, under these rules and keys.

    The same for all of them: `key`, the cache key up to the name; `log`, the log line from after its time up to the
    name; `lines`, their route's header lines; `tally`, which sums up the folder's requests and bytes.
    """

    key: bytes
    starts: float
    ends: float
    rules: Rules
    keys: KeySet | None
    log: bytes
    lines: bytes
    tally: Tally


@dataclass(frozen=True, slots=True)
class RequestTemplate:
    """The bytes of a request under a grant, before and after the file's name, which were parsed once.

    `begin` goes up to the name, `end` from the space after it to the end of the head; `stop` is minus its length.
    """

    begin: bytes
    end: bytes
    first: int
    stop: int
    grant: Grant


def make_template(begin: bytes, end: bytes, grant: Grant) -> RequestTemplate:
    """The template of requests that begin and end with these bytes."""
    return RequestTemplate(begin, end, len(begin), -len(end), grant)


def carried_by_path(request: Request, routed: RoutedRequest) -> bool:
    """Whether the decision rests on the target alone: no token elsewhere, no query, nothing normalised."""
    fields = request.fields
    target = request.target
    return (
        target.endswith(routed.path)
        and b"?" not in target
        and b"cookie" not in fields
        and b"authorization" not in fields
    )


def grant(
    routed: RoutedRequest, permit: Permit, rules: Rules, keys: KeySet | None, log: bytes, tally: Tally
) -> Grant | None:
    """The grant for the folder of a request permitted just now; None where its files may be decided differently:
    directly below the title (aliases, per-tier playlists), under a scope that is no prefix, for a session that rules
    name. The viewer must be the connection's own, who cannot change while it lives.
    """
    if routed.cdn is None or b"/" not in routed.cdn.rest or permit.prefix is None:
        return None
    if permit.session is not None and permit.session in rules.sessions:
        return None
    if not routed.path.endswith(routed.cdn.key):
        return None
    licence = rules.licence(routed.cdn.content_id.decode("ascii"))
    return Grant(
        key=routed.key[: routed.key.rfind(b"/") + 1],
        starts=max(permit.not_before, licence.opens if licence is not None else permit.not_before),
        ends=min(permit.expires, licence.closes if licence is not None else permit.expires),
        rules=rules,
        keys=keys,
        log=log,
        lines=routed.route.lines,
        tally=tally,
    )
