"""Redirects and links of a response, for a viewer whose token stands in the path: they keep it, inside the title. Pure.

Upstream knows nothing of `/t/<JWT>`: what it says from the root, or with its own or the viewer's host, would lead
to the same title without the token. What leads to another title or host is left alone: no token goes there.
"""

from __future__ import annotations

import re
from typing import NamedTuple
from urllib.parse import SplitResultBytes, urljoin, urlsplit

from kernel.http.authority import normal_authority
from kernel.http.paths import TOKEN_FOLDER, read_target, split_token
from kernel.vocabulary import Refusal

_LINE = re.compile(rb"(?<=\r\n)((?:Content-)?Location|Link): ([^\r\n]*+)")
"""The response fields that refer (RFC 9110 §8.7, §10.2.2; RFC 8288 §3), as a head is spelt."""
_TARGET = re.compile(rb"<([^<>]*+)>")
_PLAIN = re.compile(rb"[\x21\x23-\x5b\x5d\x5f\x61-\x7e]*+")
"""No space, quote, backslash, caret or backtick: browsers read a backslash as a slash, so it might lead elsewhere."""


class Carried(NamedTuple):
    """Whose response it is: the target as they sent it, their Host, the scheme's own port; what was asked upstream, and
    the authorities by which it may have been."""

    target: bytes
    host: bytes
    port: bytes
    upstream: bytes
    content: bytes
    upstreams: frozenset[bytes]


def in_path(target: bytes) -> bool:
    """Whether a target carries its token so."""
    return target.startswith(TOKEN_FOLDER)


def keep_token(head: bytes, viewer: Carried) -> bytes:
    """The head with the token in its references."""

    def line(match: re.Match[bytes]) -> bytes:
        name, value = match.groups()
        if name == b"Link":
            return b"Link: " + _TARGET.sub(lambda one: b"<%s>" % moved(one[1], viewer), value)
        return name + b": " + moved(value, viewer)

    return _LINE.sub(line, head)


def moved(reference: bytes, viewer: Carried) -> bytes:
    """A URI reference as this viewer needs it; as it is where it leads to another title or host, or keeps the token."""
    token, sent = split_token(viewer.target)
    if token is None or not _PLAIN.fullmatch(reference):
        return reference
    try:
        parts = urlsplit(reference)
        led = urljoin(b"http://h" + viewer.upstream, reference if not parts.netloc else parts.path or b"/")
        path = urlsplit(led).path
    except ValueError:
        return reference
    before = _before(parts, reference, viewer)
    found = read_target(path)
    if (
        before is None
        or isinstance(found, Refusal)
        or found.token is not None
        or found.cdn.content_id != viewer.content
    ):
        return reference
    prefix = TOKEN_FOLDER + token
    if not parts.netloc and urlsplit(urljoin(b"http://h" + prefix + sent, reference)).path == prefix + found.path:
        return reference  # relative to the path, and leads there by itself
    query = b"?" + parts.query if parts.query else b""
    return before + prefix + found.path + query + (b"#" + parts.fragment if parts.fragment else b"")


def _before(parts: SplitResultBytes, reference: bytes, viewer: Carried) -> bytes | None:
    """What stays before the path: scheme and host, where they are the viewer's own; None where it leads elsewhere."""
    scheme, netloc = parts.scheme, parts.netloc
    if not netloc:
        return None if scheme else b""
    if scheme not in (b"http", b"https", b""):
        return None
    own = {b"https": b"443", b"http": b"80"}.get(scheme, viewer.port)
    authority = normal_authority(netloc, own)
    if authority is not None and authority in viewer.upstreams:
        return b""  # it named itself as we asked for it
    if authority != normal_authority(viewer.host, viewer.port) or authority is None:
        return None
    if viewer.port == b"443" and own == b"80":
        return None  # no token goes from TLS into the clear
    return reference[: reference.index(netloc) + len(netloc)]
