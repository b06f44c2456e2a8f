"""Which answer a request for a published object gets (RFC 9110 §13, §14): decided here, sent by `serve`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from kernel.http.conditional import etags, not_modified, range_holds
from kernel.http.dates import parse_date
from kernel.http.ranges import ByteRange, Unsatisfiable, parse_range
from origin.storage.published_index import Found

FOR_EVER = "public, max-age=31536000, immutable"
"""Files in version folders: another publication has other names (RFC 8246)."""

SHORT = "public, max-age=2, stale-while-revalidate=10, stale-if-error=86400"
"""Top files. They are asked for anew after 2 s; in the 10 s after that the old one is served while it is asked for, so
that no viewer waits for the origin. So a new publication is seen at the latest 12 s later at each tier, at once where
a purge arrives; with the origin down the last one goes on for a day."""

_TYPES = {
    "m3u8": "application/vnd.apple.mpegurl",
    "mpd": "application/dash+xml",
    "m4s": "video/iso.segment",
    "mp4": "video/mp4",
    "vtt": "text/vtt; charset=utf-8",
    "jpg": "image/jpeg",
    "ts": "video/mp2t",
}


@dataclass(frozen=True, slots=True)
class Answer:
    """Status, header fields, and which bytes of the object follow (None = none)."""

    status: int
    headers: dict[str, str]
    body: ByteRange | None = None


def content_type(path: str) -> str:
    """By name, as the pipeline writes them; sound segments are audio/mp4 in both forms."""
    ending = path.rpartition(".")[2]
    if path.startswith("a_") and ending in ("m4s", "mp4"):
        return "audio/mp4"
    return _TYPES.get(ending, "application/octet-stream")


def surrogate_keys(found: Found) -> str:
    """What a purge can name: the title, and its rendition or (for top files) `<contentId>/top`."""
    folder = found.path.partition("/")[0] if "/" in found.path else "top"
    return f"{found.content_id} {found.content_id}/{folder}"


def answer(method: str, request: Mapping[bytes, bytes], found: Found) -> Answer:
    """The answer to GET or HEAD; `request` has lower-case field names. Several ranges are answered with the whole."""
    headers = {
        "ETag": found.etag.decode(),
        "Last-Modified": found.modified.decode(),
        "Cache-Control": FOR_EVER if found.immutable else SHORT,
        "Surrogate-Key": surrogate_keys(found),
        "X-Content-Type-Options": "nosniff",
    }
    if _precondition_failed(request, found):
        return Answer(412, headers)
    if not_modified(request, found.etag, found.modified):
        return Answer(304, headers)
    headers |= {"Content-Type": content_type(found.path), "Accept-Ranges": "bytes"}
    asked = request.get(b"range")
    # Range means something for GET only (RFC 9110 14.2).
    if asked is not None and method == "GET" and range_holds(request.get(b"if-range"), found.etag, found.modified):
        ranges = parse_range(asked, found.size)
        if isinstance(ranges, Unsatisfiable):
            return Answer(416, headers | {"Content-Range": f"bytes */{found.size}"})
        if ranges is not None and len(ranges) == 1:
            first, stop = ranges[0]
            return Answer(206, headers | {"Content-Range": f"bytes {first}-{stop - 1}/{found.size}"}, ranges[0])
    return Answer(200, headers, ByteRange(0, found.size))


def _precondition_failed(request: Mapping[bytes, bytes], found: Found) -> bool:
    """If-Match (strong comparison), else If-Unmodified-Since (RFC 9110 13.1.1, 13.1.4)."""
    wanted = request.get(b"if-match")
    if wanted is not None:
        listed = etags(wanted)
        return listed is not None and found.etag not in listed
    since = request.get(b"if-unmodified-since")
    if since is None:
        return False
    limit, modified = parse_date(since), parse_date(found.modified)
    return limit is not None and modified is not None and modified > limit
