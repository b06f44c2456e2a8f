"""What goes upstream: the request line and the fields of a fill's request. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from cache.entry import Entry
from edge.profile import Profile
from edge.route import Asked
from kernel.http.message import Fields, serialise


def request_head(
    node: bytes,
    profile: Profile,
    authority: bytes,
    asked: Asked,
    request: Mapping[bytes, bytes],
    method: bytes,
    length: int,
    stale: Entry | None,
) -> bytes:
    """The head of a request to the upstream at `authority`; a stored validator makes it conditional (RFC 9111 §4.3.1).

    `node` is our name in Via and CDN-Loop; `request` the viewer's fields; `length` of the body he sent.
    """
    host = asked.host or authority
    fields: Fields = [
        (b"host", host),
        *asked.route.upstream_fields(request, retrieves=method in (b"GET", b"HEAD")),
    ]
    if stale is not None and stale.etag is not None:
        fields.append((b"if-none-match", stale.etag))
    if stale is not None and stale.last_modified is not None:
        fields.append((b"if-modified-since", stale.last_modified))
    if length or method in (b"POST", b"PUT", b"PATCH"):
        fields.append((b"content-length", b"%d" % length))
    before = [request[b"via"]] if profile.asks_with is None and b"via" in request else []
    fields.append((b"via", b", ".join([*before, b"1.1 " + node])))
    fields.append((b"cdn-loop", b", ".join([*([request[b"cdn-loop"]] if b"cdn-loop" in request else []), node])))
    return b"%s %s HTTP/1.1\r\n%s\r\n" % (method, asked.upstream, serialise(fields))
