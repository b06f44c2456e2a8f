"""What goes upstream: the request line and the fields of a fill's request. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from cache.entry import Entry
from edge.policy.route import RoutedRequest
from kernel.http.forwarding import appended, hops_left, via, x_forwarded_for
from kernel.http.message import Fields, serialise


def request_head(
    node: bytes,
    authority: bytes,
    asked: RoutedRequest,
    request: Mapping[bytes, bytes],
    method: bytes,
    length: int | None,
    stale: Entry | None,
    *,
    passing: bool = False,
    part: bytes | None = None,
) -> bytes:
    """The head of a request to the upstream at `authority`; a stored validator makes it conditional (RFC 9111 §4.3.1).

    `node` is our name in Via and CDN-Loop; `request` the viewer's fields; `length` of
    the body he sent, None where only its end will tell. `passing`: the
    answer is for him alone, so his own conditions and ranges go along (§4.3.2: a cache that cannot answer forwards).
    """
    passing = passing or method not in (b"GET", b"HEAD")
    host = asked.host or authority
    fields: Fields = [
        (b"host", host),
        *asked.route.upstream_fields(request, retrieves=not passing),
    ]
    if asked.route.forwards is None:
        fields = _spoken_for(fields, request, asked.came.address, passing=passing)
    if (left := hops_left(method, request)) is not None:
        fields = [pair for pair in fields if pair[0] != b"max-forwards"] + [(b"max-forwards", b"%d" % (left - 1))]
    if stale is not None and stale.etag is not None:
        fields.append((b"if-none-match", stale.etag))
    if stale is not None and stale.last_modified is not None:
        fields.append((b"if-modified-since", stale.last_modified))
    if part is not None:
        fields.append((b"range", part))
    fields += _framing(method, length)
    before = request.get(b"via") if asked.route.forwards is None else None
    fields.append((b"via", via(before, asked.came.version, node)))
    fields.append((b"cdn-loop", appended(_loop(asked, request, passing=passing), node)))
    return b"%s %s HTTP/1.1\r\n%s\r\n" % (method, asked.upstream, serialise(fields))


def _spoken_for(fields: Fields, request: Mapping[bytes, bytes], address: bytes, *, passing: bool) -> Fields:
    """With the address of the viewer. What he says himself of others goes along only where the answer is for him: it
    is no part of the key, and all would get what the upstream makes of it."""
    told = x_forwarded_for(request if passing else {}, address)
    made_here = {b"x-forwarded-for", b"forwarded"}
    if not passing and b"only-if-cached" in request.get(b"cache-control", b"").lower():
        # What is stored is served stale meanwhile; a cache behind us would say 504 to all who wait for the news.
        made_here.add(b"cache-control")
    return [pair for pair in fields if pair[0] not in made_here] + told


def _loop(asked: RoutedRequest, request: Mapping[bytes, bytes], *, passing: bool) -> bytes | None:
    """The CDN-Loop that came: a believed peer's, or that of the viewer for whom alone is asked and whose fields all go
    upstream (RFC 8586 §2)."""
    return asked.came.loop or (request.get(b"cdn-loop") if passing and asked.route.forwards is None else None)


def _framing(method: bytes, length: int | None) -> Fields:
    """How the body ends (RFC 9112 §6)."""
    if length is None:
        return [(b"transfer-encoding", b"chunked")]
    return [(b"content-length", b"%d" % length)] if length or method in (b"POST", b"PUT", b"PATCH") else []
