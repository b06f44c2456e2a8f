"""SEND: the status, head and bytes of a stored response for one request. Pure: writes nothing.

If the viewer's token is in the path, redirects and links inside the title keep it (`keep_token`). Upstream knows
nothing of `/t/<JWT>`: its references from the root, or with its own or the viewer's host, would lead to the same
title without the token. References to another title or host are left alone, so no token goes there.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NamedTuple
from urllib.parse import SplitResultBytes, urljoin, urlsplit

from cache.entry import Entry
from kernel.http.authority import normal_authority
from kernel.http.conditional import not_modified, precondition_failed, range_holds
from kernel.http.message import first, serialise, status_line
from kernel.http.paths import TOKEN_FOLDER, read_target, split_token
from kernel.http.problem import problem_document
from kernel.http.ranges import ByteRange, Unsatisfiable, parse_range
from kernel.vocabulary import Refusal

_LEFT_OUT_OF_304 = frozenset(
    (b"content-type", b"content-encoding", b"content-language", b"content-range", b"content-length", b"content-md5",
     b"content-digest", b"repr-digest", b"accept-ranges")
)  # fmt: skip
"""Metadata of the representation, which the viewer has already (RFC 9110 §15.4.5)."""
_KEPT_IN_412 = frozenset((b"date", b"etag", b"last-modified", b"vary"))
"""Fields of a 412 that tell the viewer which response is stored."""
CONDITIONS = frozenset((b"if-match", b"if-none-match", b"if-modified-since", b"if-unmodified-since"))
BODYLESS = frozenset((304, 412, 416))
"""Statuses that a condition or range turns a stored response into, and that have no body."""


class Selection(NamedTuple):
    """What to send of a response: its status, and bytes `first` up to `stop` (exclusive); `parts` of a multipart."""

    status: int
    first: int
    stop: int | None
    parts: tuple[ByteRange, ...] = ()


def is_plain(request: Mapping[bytes, bytes]) -> bool:
    """Whether the request has neither range nor condition."""
    return b"range" not in request and CONDITIONS.isdisjoint(request)


def select(entry: Entry, request: Mapping[bytes, bytes], length: int | None) -> Selection:
    """200, 206, 304, 412 or 416 for a GET or HEAD (RFC 9110 §13.2.2). Ranges apply only to a 200 of known length."""
    conditional = (
        200 <= entry.status < 300 and entry.status != 206
    )  # conditions apply to no other status (RFC 9110 §13.2.1)
    if conditional and precondition_failed(request, entry.etag, entry.last_modified):
        return Selection(412, 0, 0)
    if conditional and not_modified(request, entry.etag, entry.last_modified, first(entry.fields, b"date")):
        return Selection(304, 0, 0)
    range_field = request.get(b"range")
    if range_field is None or entry.status != 200 or length is None:
        return Selection(entry.status, 0, length)
    if not range_holds(request.get(b"if-range"), entry.etag, entry.last_modified, first(entry.fields, b"date")):
        return Selection(200, 0, length)
    ranges = parse_range(range_field, length)
    if ranges is None:
        return Selection(200, 0, length)
    if isinstance(ranges, Unsatisfiable):
        return Selection(416, 0, 0)
    if len(ranges) == 1:
        return Selection(206, ranges[0].first, ranges[0].stop)
    return Selection(206, 0, None, ranges)


def head(entry: Entry, selection: Selection, length: int | None, lines: bytes, *, chunked: bool = False) -> bytes:
    """The head without its final empty line, with `lines` added verbatim."""
    status, first, stop, parts = selection
    if status == 304:
        if entry.status == 304:
            return status_line(304) + entry.block + lines  # upstream's own 304
        kept = [(name, value) for name, value in entry.fields if name not in _LEFT_OUT_OF_304]
        return status_line(304) + serialise(kept) + lines
    if status == 412 and entry.status != 412:
        kept = [pair for pair in entry.fields if pair[0] in _KEPT_IN_412]
        return status_line(412) + serialise(kept) + b"Content-Length: 0\r\n" + lines
    if status == 416 and entry.status != 416:
        dated = serialise([pair for pair in entry.fields if pair[0] == b"date"])
        return status_line(416) + dated + b"Content-Range: bytes */%d\r\nContent-Length: 0\r\n" % (length or 0) + lines
    if parts:
        block = serialise([pair for pair in entry.fields if pair[0] != b"content-type"])
        pieces = layout(entry, parts, length or 0)
        size = sum(at.stop - at.first if isinstance(at, ByteRange) else len(at) for at in pieces)
        kind = b"Content-Type: multipart/byteranges; boundary=%s\r\n" % boundary(entry)
        return status_line(206) + block + kind + b"Content-Length: %d\r\n" % size + lines
    made = status_line(status) + entry.block
    if entry.status == 200:
        made += b"Accept-Ranges: bytes\r\n"
    if status == 206 and entry.status == 200 and stop is not None:
        made += b"Content-Range: bytes %d-%d/%d\r\n" % (first, stop - 1, length or 0)
    if chunked:
        made += b"Transfer-Encoding: chunked\r\n"
    elif stop is not None and status >= 200 and status != 204:
        made += b"Content-Length: %d\r\n" % (stop - first)
    return made + lines


def boundary(entry: Entry) -> bytes:
    """A deterministic boundary, so that equal requests get equal bytes."""
    return b"matinee-%d-%d" % (len(entry.key), entry.length or 0)


def multipart(
    entry: Entry, body: bytes | memoryview, parts: tuple[ByteRange, ...], length: int
) -> list[bytes | memoryview]:
    """The pieces of a multipart/byteranges body (RFC 9110 §14.6): part headers and bytes in turn, then the end."""
    view = memoryview(body)
    return [view[at.first : at.stop] if isinstance(at, ByteRange) else at for at in layout(entry, parts, length)]


def layout(entry: Entry, parts: tuple[ByteRange, ...], length: int) -> list[bytes | ByteRange]:
    """The layout of a multipart/byteranges body: part headers and byte ranges in turn, then the end."""
    mark = boundary(entry)
    kind = next((value for name, value in entry.fields if name == b"content-type"), b"application/octet-stream")
    pieces: list[bytes | ByteRange] = []
    for number, part in enumerate(parts):
        pieces.append(
            b"%s--%s\r\nContent-Type: %s\r\nContent-Range: bytes %d-%d/%d\r\n\r\n"
            % (b"\r\n" if number else b"", mark, kind, part.first, part.stop - 1, length)
        )
        pieces.append(part)
    pieces.append(b"\r\n--%s--\r\n" % mark)
    return pieces


def body_parts(entry: Entry, selection: Selection, length: int) -> list[bytes | ByteRange]:
    """The layout of a body: one byte range, or the pieces of a multipart, sorted by position (RFC 9110 §15.3.7.2 allows
    it).
    """
    if selection.parts:
        return layout(entry, tuple(sorted(selection.parts)), length)
    return [ByteRange(selection.first, selection.stop or 0)]


def problem(status: int, reason: str, detail: str, lines: bytes, *, head_only: bool = False) -> bytes:
    """A complete error response, `application/problem+json` (RFC 9457) with the reason; never stored."""
    body = problem_document(status, reason, detail)
    made = b"%sContent-Type: application/problem+json\r\nContent-Length: %d\r\nCache-Control: no-store\r\n%s\r\n" % (
        status_line(status),
        len(body),
        lines,
    )
    return made if head_only else made + body


_LINE = re.compile(rb"(?<=\r\n)((?:Content-)?Location|Link): ([^\r\n]*+)")
"""The response fields with references (RFC 9110 §8.7, §10.2.2; RFC 8288 §3), spelt as `serialise` spells them."""
_TARGET = re.compile(rb"<([^<>]*+)>")
_PLAIN = re.compile(rb"[\x21\x23-\x5b\x5d\x5f\x61-\x7e]*+")
"""No space, quote, backslash, caret or backtick: browsers read a backslash as a slash, which could change the target.
"""


class Carried(NamedTuple):
    """The request that references are rewritten for: target as sent, Host, the scheme's default port; then the target
    asked upstream, the title, and the upstreams' authorities.
    """

    target: bytes
    host: bytes
    port: bytes
    upstream: bytes
    content: bytes
    upstreams: frozenset[bytes]


def in_path(target: bytes) -> bool:
    """Whether the token is in the path."""
    return target.startswith(TOKEN_FOLDER)


def keep_token(head: bytes, viewer: Carried) -> bytes:
    """The head with the token in its references; unchanged if the viewer's token is not in their path."""
    if not in_path(viewer.target):
        return head

    def line(match: re.Match[bytes]) -> bytes:
        name, value = match.groups()
        if name == b"Link":
            return b"Link: " + _TARGET.sub(lambda one: b"<%s>" % rewrite_reference(one[1], viewer), value)
        return name + b": " + rewrite_reference(value, viewer)

    return _LINE.sub(line, head)


def rewrite_reference(reference: bytes, viewer: Carried) -> bytes:
    """A URI reference as this viewer needs it. Unchanged if it leads to another title or host, or keeps the token
    already.
    """
    token, sent_path = split_token(viewer.target)
    if token is None or not _PLAIN.fullmatch(reference):
        return reference
    try:
        parts = urlsplit(reference)
        path = _path_in_title(parts, reference, viewer)
    except ValueError:
        return reference
    before = _origin_prefix(parts, reference, viewer)
    if path is None or before is None:
        return reference
    token_folder = TOKEN_FOLDER + token
    if not parts.netloc:
        resolved = urlsplit(urljoin(b"http://h" + token_folder + sent_path, reference)).path
        if resolved == token_folder + path:
            return reference  # relative to the path: it keeps the token by itself
    query = b"?" + parts.query if parts.query else b""
    return before + token_folder + path + query + (b"#" + parts.fragment if parts.fragment else b"")


def _path_in_title(parts: SplitResultBytes, reference: bytes, viewer: Carried) -> bytes | None:
    """The normalised path that the reference leads to; None if it has a token or is outside the viewer's title."""
    resolved = urljoin(b"http://h" + viewer.upstream, reference if not parts.netloc else parts.path or b"/")
    target = read_target(urlsplit(resolved).path)
    if isinstance(target, Refusal) or target.token is not None or target.cdn.content_id != viewer.content:
        return None
    return target.path


def _origin_prefix(parts: SplitResultBytes, reference: bytes, viewer: Carried) -> bytes | None:
    """What precedes the path: the viewer's own scheme and host, or nothing; None if the reference leads elsewhere."""
    scheme, netloc = parts.scheme, parts.netloc
    if not netloc:
        return None if scheme else b""
    if scheme not in (b"http", b"https", b""):
        return None
    own = {b"https": b"443", b"http": b"80"}.get(scheme, viewer.port)
    authority = normal_authority(netloc, own)
    if authority is not None and authority in viewer.upstreams:
        # Upstream used the authority that we asked it by.
        return b""
    if authority != normal_authority(viewer.host, viewer.port) or authority is None:
        return None
    if viewer.port == b"443" and own == b"80":
        # No token goes from TLS into clear text.
        return None
    return reference[: reference.index(netloc) + len(netloc)]
