"""Conditional requests (RFC 9110 §13): what a viewer's validators say of a stored response."""

from __future__ import annotations

import re
from collections.abc import Mapping

from kernel.http.dates import parse_date

_ETAG = re.compile(rb"(?:W/)?\"[\x21\x23-\x7e\x80-\xff]*\"")


def etags(value: bytes) -> list[bytes] | None:
    """The entity-tags of a list; None for `*`. What is malformed is passed over."""
    if value.strip(b" \t") == b"*":
        return None
    return _ETAG.findall(value)


def _opaque(etag: bytes) -> bytes:
    return etag.removeprefix(b"W/")


def not_modified(
    request: Mapping[bytes, bytes], etag: bytes | None, last_modified: bytes | None, date: bytes | None = None
) -> bool:
    """Whether a GET or HEAD is answered 304: If-None-Match first (weak comparison), else If-Modified-Since.

    `request`: lower-case field names; If-Modified-Since is ignored where If-None-Match is present (§13.1.3), and when
    it is no date. `date` is a stored response's Date: it stands in for a Last-Modified it has not (RFC 9111 §4.3.2).
    """
    wanted = request.get(b"if-none-match")
    if wanted is not None:
        listed = etags(wanted)
        if listed is None:
            return True
        return etag is not None and _opaque(etag) in [_opaque(one) for one in listed]
    since, changed = request.get(b"if-modified-since"), last_modified or date
    if since is None or changed is None:
        return False
    since_wall, modified = parse_date(since), parse_date(changed)
    return since_wall is not None and modified is not None and modified <= since_wall


def range_holds(
    if_range: bytes | None, etag: bytes | None, last_modified: bytes | None, date: bytes | None = None
) -> bool:
    """Whether Range counts: no If-Range, or it matches strongly (§13.1.5, §8.8.3.2).

    A Last-Modified is strong only where it lies before the response's `date` (§8.8.2.2), as far as that is told.
    """
    if if_range is None:
        return True
    if if_range.startswith((b'"', b"W/")):
        return etag is not None and etag == if_range and not etag.startswith(b"W/")
    if last_modified is None or if_range != last_modified:
        return False
    modified, sent = parse_date(last_modified), parse_date(date) if date is not None else None
    return modified is not None and (sent is None or modified < sent)
