"""What `authorise` said, kept for a connection as long as nothing that it depended on can have changed. Pure.

A player asks for one segment of a folder after the other, under one token. The decision is the same for all of them:
it depends on the token, the folder (scope, tier), the viewer, the rules and the time. So the straight run of a hit
remembers it by the folder's URL (token included) and asks only whether it still holds: the very same rules and keys in
force, and a moment at which neither the token nor the licence begins or ends. A push replaces the rules as a whole;
the next request is decided anew.
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
"""Folders remembered of one connection: a player moves between a few renditions, audio and subtitles."""

NAME = re.compile(rb"[A-Za-z0-9_-][A-Za-z0-9_.-]*+")
"""A file name in the normal form (`kernel.http.paths`), by `fullmatch`: nothing in it could be read in two ways."""


@dataclass(frozen=True, slots=True)
class Grant:
    """Permission for the files of one folder, from `starts` (wall) and before `ends`, under these rules and keys.

    `key` is the cache key's beginning; `log` the part of the log line that is the same for all of them, as are
    `lines` of their heads (their route's); `tally` is where the folder's requests and bytes are added up.
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
    """How requests under a grant begin and end, byte for byte, around the file's name: what was parsed once.

    `begin` goes up to the name, `end` from the space after it to the end of the head; `stop` is minus its length.
    """

    begin: bytes
    end: bytes
    first: int
    stop: int
    grant: Grant


def make_template(begin: bytes, end: bytes, grant: Grant) -> RequestTemplate:
    """The lane of requests that begin and end so."""
    return RequestTemplate(begin, end, len(begin), -len(end), grant)


def carried_by_path(request: Request, asked: RoutedRequest) -> bool:
    """Whether the target alone was decided on: no token elsewhere, no query, nothing that had to be normalised."""
    fields = request.fields
    target = request.target
    return (
        target.endswith(asked.path)
        and b"?" not in target
        and b"cookie" not in fields
        and b"authorization" not in fields
    )


def grant(
    asked: RoutedRequest, permit: Permit, rules: Rules, keys: KeySet | None, log: bytes, tally: Tally
) -> Grant | None:
    """The grant for the folder of what was permitted just now; None where its files may differ.

    They may: directly below the title (aliases, per-tier playlists), under a scope that is no prefix, for a session
    that rules name. The viewer is the connection's own (no header said otherwise): he cannot change while it lives.
    """
    if asked.cdn is None or b"/" not in asked.cdn.rest or permit.prefix is None:
        return None
    if permit.session is not None and permit.session in rules.sessions:
        return None
    if not asked.path.endswith(asked.cdn.key):
        return None
    licence = rules.licence(asked.cdn.content_id.decode("ascii"))
    return Grant(
        key=asked.key[: asked.key.rfind(b"/") + 1],
        starts=max(permit.not_before, licence.opens if licence is not None else permit.not_before),
        ends=min(permit.expires, licence.closes if licence is not None else permit.expires),
        rules=rules,
        keys=keys,
        log=log,
        lines=asked.route.lines,
        tally=tally,
    )
