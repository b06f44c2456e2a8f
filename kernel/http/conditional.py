"""Conditional requests (RFC 9110 §13): compares a request's validators with a stored response."""

from __future__ import annotations

import re
from collections.abc import Mapping

from kernel.http.dates import parse_date
from kernel.http.message import Fields, first

_ETAG = re.compile(rb"(?:W/)?\"[\x21\x23-\x7e\x80-\xff]*\"")


def etags(value: bytes) -> list[bytes] | None:
    """The entity-tags of a list, or None for `*`. Malformed members are skipped."""
    if value.strip(b" \t") == b"*":
        return None
    return _ETAG.findall(value)


def _opaque(etag: bytes) -> bytes:
    return etag.removeprefix(b"W/")


def not_modified(
    request: Mapping[bytes, bytes], etag: bytes | None, last_modified: bytes | None, date: bytes | None = None
) -> bool:
    """Whether to answer a GET or HEAD with 304: by If-None-Match (weak comparison), else by If-Modified-Since.

    `request` has lower-case field names. If-Modified-Since is ignored if If-None-Match is present (§13.1.3) or if it is
    no date. `date` is the Date of the stored response and replaces a missing Last-Modified (RFC 9111 §4.3.2).
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


def precondition_holds(request: Mapping[bytes, bytes], etag: bytes | None, last_modified: bytes | None) -> bool:
    """Whether If-Match (strong comparison), else If-Unmodified-Since, is true of a stored response (RFC 9110 §13.1.1,
    §13.1.4). If not, only the origin can decide, since the stored response may be out of date."""
    wanted = request.get(b"if-match")
    if wanted is not None:
        listed = etags(wanted)
        return listed is None or (etag is not None and not etag.startswith(b"W/") and etag in listed)
    told = request.get(b"if-unmodified-since")
    since = None if told is None else parse_date(told)
    if since is None:
        return True  # absent, or no date: to be ignored
    modified = None if last_modified is None else parse_date(last_modified)
    return modified is not None and modified <= since


def precondition_failed(request: Mapping[bytes, bytes], etag: bytes | None, last_modified: bytes | None) -> bool:
    """Whether to answer a GET or HEAD with 412 on behalf of an upstream that never receives the conditions: by
    If-Match, else by If-Unmodified-Since (RFC 9110 §13.2.2). The latter is ignored if the response has no modification
    date (§13.1.4)."""
    if b"if-match" not in request and last_modified is None:
        return False
    return not precondition_holds(request, etag, last_modified)


def confirms(news: Fields, etag: bytes | None, last_modified: bytes | None) -> bool:
    """Whether a 304 is about the stored response with these validators (RFC 9111 §4.3.4).

    A strong ETag must be equal, a weak one by weak comparison; Last-Modified counts if there is no ETag. A 304 without
    validators answers our request, so it is about our response.
    """
    told = first(news, b"etag")
    if told is not None:
        if etag is None:
            return False
        return told == etag if not told.startswith(b"W/") else _opaque(told) == _opaque(etag)
    changed = first(news, b"last-modified")
    return changed is None or last_modified is None or changed == last_modified


def still_describes(news: Fields, etag: bytes | None, last_modified: bytes | None, length: int | None) -> bool | None:
    """Whether the head of a 200 to HEAD confirms a stored response to GET, so that its body stays valid: every
    validator and the length must be equal (RFC 9111 §4.3.5).

    Returns None if it has no validator: an equal length proves nothing.
    """
    told = first(news, b"content-length")
    if told is not None and told != b"%d" % (length or 0):
        return False
    told_etag, changed = first(news, b"etag"), first(news, b"last-modified")
    if told_etag is None and changed is None:
        return None
    return told_etag in (None, etag) and changed in (None, last_modified)


def range_holds(
    if_range: bytes | None, etag: bytes | None, last_modified: bytes | None, date: bytes | None = None
) -> bool:
    """Whether Range applies: there is no If-Range, or it matches strongly (§13.1.5, §8.8.3.2).

    Last-Modified is a strong validator only if it is earlier than the `date` of the response (§8.8.2.2), if that is
    known.
    """
    if if_range is None:
        return True
    if if_range.startswith((b'"', b"W/")):
        return etag is not None and etag == if_range and not etag.startswith(b"W/")
    if last_modified is None or if_range != last_modified:
        return False
    modified, sent = parse_date(last_modified), parse_date(date) if date is not None else None
    return modified is not None and (sent is None or modified < sent)
