"""The request to upstream: its request line and fields. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from cache.entry import Entry
from edge.policy.route import RoutedRequest
from kernel.http.forwarding import appended, hops_left, via, x_forwarded_for
from kernel.http.message import Fields, serialise


def request_head(
    node: bytes,
    authority: bytes,
    routed: RoutedRequest,
    request: Mapping[bytes, bytes],
    method: bytes,
    length: int | None,
    stale: Entry | None,
    *,
    passing: bool = False,
    part: bytes | None = None,
) -> bytes:
    """The head of a request to the upstream at `authority`; a stored validator makes it conditional (RFC 9111 §4.3.1).

    `node`: our name in Via and CDN-Loop; `request`: the viewer's fields; `length`: of the viewer's body, None if only
    its end will tell. `passing`: the response is for this viewer alone, so their conditions and ranges go along
    (§4.3.2: a cache that cannot answer forwards).
    """
    passing = passing or method not in (b"GET", b"HEAD")
    host = routed.host or authority
    fields: Fields = [
        (b"host", host),
        *routed.route.upstream_fields(request, retrieves=not passing),
    ]
    if routed.route.forwarded_fields is None:
        fields = _with_viewer_address(fields, request, routed.received_from.address, passing=passing)
    if (left := hops_left(method, request)) is not None:
        fields = [pair for pair in fields if pair[0] != b"max-forwards"] + [(b"max-forwards", b"%d" % (left - 1))]
    if stale is not None and stale.etag is not None:
        fields.append((b"if-none-match", stale.etag))
    if stale is not None and stale.last_modified is not None:
        fields.append((b"if-modified-since", stale.last_modified))
    if part is not None:
        fields.append((b"range", part))
    fields += _framing(method, length)
    before = request.get(b"via") if routed.route.forwarded_fields is None else None
    fields.append((b"via", via(before, routed.received_from.version, node)))
    fields.append((b"cdn-loop", appended(_loop(routed, request, passing=passing), node)))
    return b"%s %s HTTP/1.1\r\n%s\r\n" % (method, routed.upstream_target, serialise(fields))


def _with_viewer_address(fields: Fields, request: Mapping[bytes, bytes], address: bytes, *, passing: bool) -> Fields:
    """Add X-Forwarded-For. What the viewer claims there goes along only if the response is theirs alone: it is no part
    of the key, and all viewers would get what upstream makes of it."""
    forwarded_for = x_forwarded_for(request if passing else {}, address)
    made_here = {b"x-forwarded-for", b"forwarded"}
    if not passing and b"only-if-cached" in request.get(b"cache-control", b"").lower():
        # The stale response is served; a cache behind us would answer 504 to all who wait for the revalidation.
        made_here.add(b"cache-control")
    return [pair for pair in fields if pair[0] not in made_here] + forwarded_for


def _loop(routed: RoutedRequest, request: Mapping[bytes, bytes], *, passing: bool) -> bytes | None:
    """The CDN-Loop that goes along: a trusted peer's, or the viewer's own where the response is theirs alone and all
    their fields go upstream (RFC 8586 §2)."""
    return routed.received_from.loop or (
        request.get(b"cdn-loop") if passing and routed.route.forwarded_fields is None else None
    )


def _framing(method: bytes, length: int | None) -> Fields:
    """How the body ends (RFC 9112 §6)."""
    if length is None:
        return [(b"transfer-encoding", b"chunked")]
    return [(b"content-length", b"%d" % length)] if length or method in (b"POST", b"PUT", b"PATCH") else []
