"""Chooses the response to a request for a published object (RFC 9110 §13, §14). Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from kernel.http.conditional import etags, not_modified, range_holds
from kernel.http.dates import parse_date
from kernel.http.ranges import ByteRange, Unsatisfiable, parse_range
from origin.storage.published_index import PublishedObject

IMMUTABLE_CACHE_CONTROL = "public, max-age=31536000, immutable"
"""For files whose content never changes: a new publication uses new names (RFC 8246)."""

TOP_CACHE_CONTROL = "public, max-age=2, stale-while-revalidate=10, stale-if-error=86400"
"""For top files. They are fresh for 2 s and may be served stale for 10 s more during revalidation, so that no viewer
waits for the origin. A new publication is visible after at most 12 s at each tier, or at once after a purge. If the
origin is down, the last one is served for a day."""

_TYPES = {
    "m3u8": "application/vnd.apple.mpegurl",
    "mpd": "application/dash+xml",
    "m4s": "video/iso.segment",
    "mp4": "video/mp4",
    "vtt": "text/vtt; charset=utf-8",
    "jpg": "image/jpeg",
    "ts": "video/mp2t",
}
_MP4_TYPES = {"a_": "audio/mp4", "t_": "application/mp4"}
"""Of sound and of subtitles as wvtt, by the start of the folder (RFC 4337, RFC 6381)."""


@dataclass(frozen=True, slots=True)
class ObjectResponse:
    """Status, header fields, and the bytes of the object to send (None: no body)."""

    status: int
    headers: dict[str, str]
    body: ByteRange | None = None


def content_type(path: str) -> str:
    """The Content-Type by file name, as the pipeline names files: sound and text in MP4 are no video."""
    ending = path.rpartition(".")[2]
    if ending in ("m4s", "mp4") and path[:2] in _MP4_TYPES:
        return _MP4_TYPES[path[:2]]
    return _TYPES.get(ending, "application/octet-stream")


def surrogate_keys(found: PublishedObject) -> str:
    """The object's surrogate keys: the title, and its rendition or, for top files, `<contentId>/top`."""
    folder = found.path.partition("/")[0] if "/" in found.path else "top"
    return f"{found.content_id} {found.content_id}/{folder}"


def choose_response(method: str, request: Mapping[bytes, bytes], found: PublishedObject) -> ObjectResponse:
    """The response to GET or HEAD; `request` has lower-case field names. Several ranges get the whole object."""
    headers = {
        "ETag": found.etag.decode(),
        "Last-Modified": found.modified.decode(),
        "Cache-Control": IMMUTABLE_CACHE_CONTROL if found.immutable else TOP_CACHE_CONTROL,
        "Surrogate-Key": surrogate_keys(found),
        "X-Content-Type-Options": "nosniff",
    }
    if _precondition_failed(request, found):
        return ObjectResponse(412, headers)
    if not_modified(request, found.etag, found.modified):
        return ObjectResponse(304, headers)
    headers |= {"Content-Type": content_type(found.path), "Accept-Ranges": "bytes"}
    asked = request.get(b"range")
    # Range is defined for GET only (RFC 9110 §14.2).
    if asked is not None and method == "GET" and range_holds(request.get(b"if-range"), found.etag, found.modified):
        ranges = parse_range(asked, found.size)
        if isinstance(ranges, Unsatisfiable):
            return ObjectResponse(416, headers | {"Content-Range": f"bytes */{found.size}"})
        if ranges is not None and len(ranges) == 1:
            first, stop = ranges[0]
            return ObjectResponse(206, headers | {"Content-Range": f"bytes {first}-{stop - 1}/{found.size}"}, ranges[0])
    return ObjectResponse(200, headers, ByteRange(0, found.size))


def _precondition_failed(request: Mapping[bytes, bytes], found: PublishedObject) -> bool:
    """If-Match (strong comparison), else If-Unmodified-Since (RFC 9110 §13.1.1, §13.1.4)."""
    wanted = request.get(b"if-match")
    if wanted is not None:
        listed = etags(wanted)
        return listed is not None and found.etag not in listed
    since = request.get(b"if-unmodified-since")
    if since is None:
        return False
    limit, modified = parse_date(since), parse_date(found.modified)
    return limit is not None and modified is not None and modified > limit
