"""The only normaliser of request paths, used for authorisation, the cache key and upstream requests.

Bytes in, bytes out. A path that two programs could read differently is refused (400), never repaired. Only forms that
RFC 3986 §6.2.2 calls equivalent become equal: percent-encoded unreserved characters are decoded, hex digits are upper
case.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import NamedTuple

from kernel.vocabulary import CONTENT_ID, REGION, Refusal

MAX_TARGET_LENGTH = 16384
"""Bytes of a whole request target: a token of 8 KiB, a path and a query of CMCD fit."""

MAX_REMEMBERED = 8192
MAX_REMEMBERED_LENGTH = 256
"""How many paths `read_target` remembers, and the bytes of the longest: at most some 8 MiB."""

TOKEN_FOLDER = b"/t/"

# Possessive: no back-tracking whatever is sent. A segment that starts with a dot goes the slow way.
_SEGMENT = rb"[A-Za-z0-9_~-][A-Za-z0-9._~-]*+"
_CLEAN = re.compile(b"(?:/" + _SEGMENT + b")++/?+")
_QUERY = re.compile(rb"[\x21\x22\x24-\x7e]*+")
_PATH = re.compile(rb"(?:/(?:[A-Za-z0-9._~!$&'()*+,;=:@-]|%[0-9A-Fa-f]{2})++)*+/?+")
_ESCAPE = re.compile(rb"%([0-9A-Fa-f]{2})")
# Encoded slashes, backslashes and control bytes; and the second layer that somebody behind us might take off.
_FORBIDDEN = re.compile(rb"%(?:2F|5C|7F|[01][0-9A-F])|%25(?:2[EeFf5]|5[Cc]|[01][0-9A-Fa-f])")
_UNRESERVED = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")
_CDN = re.compile(b"/cdn/(" + REGION.pattern.encode() + b")/(" + CONTENT_ID.pattern.encode() + rb")/(.*[^/])")
_FLAT = re.compile(rb"v?([1-9][0-9]{1,3})p?[_-]([0-9]{1,8})\.ts")


class Target(NamedTuple):
    """A normalised request target: the path (used in keys and upstream) and the query as sent, without `?`."""

    path: bytes
    query: bytes


def normalise(target: bytes) -> Target | Refusal:
    """The normal form of an origin-form target; Refusal.PATH (400) if there is none.

    The wire layer extracts the path of an absolute-form target first. Equal resources give equal bytes, and
    `normalise(normalise(t).path)` changes nothing.
    """
    if _CLEAN.fullmatch(target) and len(target) <= MAX_TARGET_LENGTH:
        return Target(target, b"")
    if len(target) > MAX_TARGET_LENGTH:
        return Refusal.PATH
    path, _, query = target.partition(b"?")
    if not _QUERY.fullmatch(query):
        return Refusal.PATH
    if _CLEAN.fullmatch(path):
        return Target(path, query)
    careful = _normalise_carefully(path)
    return careful if isinstance(careful, Refusal) else Target(careful, query)


def _normalise_carefully(path: bytes) -> bytes | Refusal:
    if not path.startswith(b"/") or not _PATH.fullmatch(path):
        return Refusal.PATH  # raw control, space, backslash, `#`, `//`, bytes above 127, half an escape
    path = _ESCAPE.sub(_one_escape, path)
    if _FORBIDDEN.search(path):
        return Refusal.PATH
    segments = path[1:].split(b"/")
    if b"." in segments or b".." in segments:
        return Refusal.PATH
    if b"%" in path:
        try:
            text = _ESCAPE.sub(lambda match: bytes((int(match[1], 16),)), path).decode("utf-8")
        except UnicodeDecodeError:
            return Refusal.PATH  # overlong forms and surrogates among them
        if any("\x80" <= letter <= "\x9f" for letter in text):
            return Refusal.PATH
    return path


def _one_escape(match: re.Match[bytes]) -> bytes:
    octet = int(match[1], 16)
    return bytes((octet,)) if octet in _UNRESERVED else match[0].upper()


_ANY_PATH = re.compile(rb"/[\x21\x22\x24-\x5b\x5d-\x7e]*+")
_BAD_ESCAPE = re.compile(rb"%(?![0-9A-Fa-f]{2})|%(?:[01][0-9A-Fa-f]|7[Ff])")
_SEPARATOR = re.compile(rb"/|%2F|%5C")


def normalise_any(target: bytes) -> bytes | Refusal:
    """The normal form of any origin-form target, for resources that are not ours; the key and the upstream get the same
    path.

    Only RFC 3986 §6.2.2 is applied, and only to the path; the query, `;` and empty segments are data. Ambiguous paths
    are refused (400): dot segments (also encoded, or after an encoded slash), control bytes, backslashes, incomplete
    escapes, `#`, and bytes above 127.
    """
    if len(target) > MAX_TARGET_LENGTH:
        return Refusal.PATH
    if _CLEAN.fullmatch(target):
        return target
    path, mark, query = target.partition(b"?")
    if not _ANY_PATH.fullmatch(path) or not _QUERY.fullmatch(query) or _BAD_ESCAPE.search(path):
        return Refusal.PATH
    path = _ESCAPE.sub(_one_escape, path)
    if any(segment in (b".", b"..") for segment in _SEPARATOR.split(path)):
        return Refusal.PATH
    return path + mark + query


def normal_name(name: bytes) -> bytes:
    """A parameter's name with nothing written as an escape that need not be: `p%61ge` is `page`."""
    return _ESCAPE.sub(_one_escape, name) if b"%" in name else name


def split_token(target: bytes) -> tuple[bytes | None, bytes]:
    """`/t/<JWT>/rest` as (JWT, `/rest`); (None, target) where no token is carried in the path.

    Done before `normalise`, on the bytes as sent: a token is compared verbatim and has nothing to decode.
    """
    if target.startswith(TOKEN_FOLDER):
        end = target.find(b"/", 3)
        if end > 3:
            return target[3:end], target[end:]
    return None, target


class CdnPath(NamedTuple):
    """`/cdn/<region>/<contentId>/<rest>` taken apart; `key` is the cache key and object key `<contentId>/<rest>`."""

    region: bytes
    content_id: bytes
    rest: bytes
    key: bytes

    @property
    def upstream(self) -> bytes:
        """The path for the upstream: the region as received, an alias resolved."""
        return b"/cdn/" + self.region + b"/" + self.key


def split_cdn(path: bytes) -> CdnPath | Refusal:
    """The parts of a normalised path; Refusal.NOT_FOUND (404) when it is not of the CDN's form.

    The flat form `/cdn/<region>/<contentId>/<height>_<number>.ts` (also `720p_7.ts`, `v720-7.ts`) is an alias of the
    MPEG-TS rendition's segment: `720_00001.ts` is `ts/v720/00001.ts`, the number written with five digits or more,
    as the packager writes it. It always means the title's first publication.
    """
    match = _CDN.fullmatch(path)
    if match is None:
        return Refusal.NOT_FOUND
    region, content_id, rest = match.groups()
    return _cdn_path(region, content_id, rest, path[match.start(2) :])


def _cdn_path(region: bytes, content_id: bytes, rest: bytes, key: bytes) -> CdnPath:
    if rest.endswith(b".ts") and (flat := _FLAT.fullmatch(rest)):
        rest = b"ts/v%b/%05d.ts" % (flat[1], int(flat[2]))
        key = content_id + b"/" + rest
    return CdnPath(region, content_id, rest, key)


class CdnTarget(NamedTuple):
    """A viewer's whole request target, taken apart: the token as sent (None: none in the path), the rest normalised."""

    token: bytes | None
    path: bytes
    query: bytes
    cdn: CdnPath


def read_target(target: bytes) -> CdnTarget | Refusal:
    """`split_token`, `normalise` and `split_cdn` in one; Refusal.PATH (400) or NOT_FOUND (404) if one of them refuses.

    Results for paths of usual length are cached: viewers request the same segments, and a cached key has its hash
    computed.
    """
    token, rest = split_token(target)
    path, _, query = rest.partition(b"?")
    if len(target) > MAX_TARGET_LENGTH or (query and not _QUERY.fullmatch(query)):
        return Refusal.PATH
    found = read_path_anew(path) if len(path) > MAX_REMEMBERED_LENGTH else _read_path(path)
    return found if isinstance(found, Refusal) else CdnTarget(token, found[0], query, found[1])


def read_path_anew(path: bytes) -> tuple[bytes, CdnPath] | Refusal:
    """The normal form of a path without token and query, and its parts."""
    normal = normalise(path)
    if isinstance(normal, Refusal):
        return normal
    cdn = split_cdn(normal.path)
    return cdn if isinstance(cdn, Refusal) else (normal.path, cdn)


_read_path = lru_cache(maxsize=MAX_REMEMBERED)(read_path_anew)
