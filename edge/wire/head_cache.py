"""Heads that were parsed before. The same bytes parse to the same request, and a player sends the same lines each time.

Remembered are only heads that decide nothing beside the target: no range, no condition, no cookie, no body, kept alive.
"""

from __future__ import annotations

from collections.abc import Mapping

VERSION = b" HTTP/1.1\r\n"
"""A known head begins here, at the space after the target."""

MAX_CACHED = 1024
MAX_CACHED_HEAD_BYTES = 2048

PLAIN = frozenset(
    (b"host", b"user-agent", b"accept", b"accept-encoding", b"accept-language", b"connection", b"origin", b"referer",
     b"dnt", b"priority", b"sec-fetch-dest", b"sec-fetch-mode", b"sec-fetch-site", b"sec-ch-ua", b"sec-ch-ua-mobile",
     b"sec-ch-ua-platform", b"x-playback-session-id", b"icy-metadata")
)  # fmt: skip
"""The fields that such a head may have; with any other it is parsed each time."""


def learn(known: dict[bytes, None], data: bytes, fields: Mapping[bytes, bytes]) -> None:
    """Remember the head of `data`, which was exactly one kept-alive GET with these fields, if it is a plain one."""
    end = data.find(VERSION)
    if end > 0 and len(data) - end <= MAX_CACHED_HEAD_BYTES and data.startswith(b"GET /") and PLAIN.issuperset(fields):
        if len(known) >= MAX_CACHED:
            del known[next(iter(known))]
        known[data[end:]] = None
