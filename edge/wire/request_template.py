"""Requests that are recognised by their bytes, without being parsed. Pure.

A player asks for one segment of a folder after the other and sends the same lines each time: only the file's name
differs. So a connection remembers *grants* (folders it was permitted), a listener remembers *heads* (header lines that
decide nothing), and a `RequestTemplate` joins the two: bytes that begin and end like this are a GET for a file of that
folder. What a grant is worth is decided in `edge.serve.fast_path`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from kernel.auth.signing_keys import KeySet

NAME = re.compile(rb"[A-Za-z0-9_-][A-Za-z0-9_.-]*+")
"""A file name in the normal form (`kernel.http.paths`), by `fullmatch`: nothing in it can be read in two ways."""
VERSION = b" HTTP/1.1\r\n"
"""A known head begins here, at the space after the target."""
MAX_KNOWN_HEADS = 1024
MAX_KNOWN_HEAD_BYTES = 2048
PLAIN_FIELDS = frozenset(
    (b"host", b"user-agent", b"accept", b"accept-encoding", b"accept-language", b"connection", b"origin", b"referer",
     b"dnt", b"priority", b"sec-fetch-dest", b"sec-fetch-mode", b"sec-fetch-site", b"sec-ch-ua", b"sec-ch-ua-mobile",
     b"sec-ch-ua-platform", b"x-playback-session-id", b"icy-metadata")
)  # fmt: skip
"""The only fields a known head may have; a head with any other field is parsed each time."""


class ByteTally(Protocol):
    """Where a folder's requests and bytes are added up."""

    bytes: int


@dataclass(frozen=True, slots=True)
class Grant:
    """Permission for the files of one folder, from `starts` (wall) and before `ends`, under these rules and keys.

    `rules` and `keys` are compared by identity. The same for all files of the folder: `key`, the cache key up to the
    name; `log`, the log line from after its time up to the name; `lines`, their route's header lines; `tally`.
    """

    key: bytes
    starts: float
    ends: float
    rules: object
    keys: KeySet | None
    log: bytes
    lines: bytes
    tally: ByteTally


@dataclass(frozen=True, slots=True)
class RequestTemplate:
    """The bytes of a request under a grant, before and after the file's name, which were parsed once.

    `begin` goes up to the name, `end` from the space after it to the end of the head. `data[first:stop]` is the name.
    """

    begin: bytes
    end: bytes
    first: int
    stop: int
    grant: Grant


def make_template(begin: bytes, end: bytes, grant: Grant) -> RequestTemplate:
    """The template of requests that begin and end with these bytes."""
    return RequestTemplate(begin, end, len(begin), -len(end), grant)


def remember_head(known: dict[bytes, None], data: bytes, fields: Mapping[bytes, bytes]) -> None:
    """Remember the head of `data`, exactly one kept-alive GET with these fields, if no field decides anything: no
    range, no condition, no cookie, no body."""
    end = data.find(VERSION)
    if end <= 0 or len(data) - end > MAX_KNOWN_HEAD_BYTES:
        return
    if data.startswith(b"GET /") and PLAIN_FIELDS.issuperset(fields):
        if len(known) >= MAX_KNOWN_HEADS:
            del known[next(iter(known))]
        known[data[end:]] = None
