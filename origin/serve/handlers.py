"""The origin's HTTP handlers: access checks, lookup, and sending an object in bounded pieces."""

from __future__ import annotations

import ipaddress
from collections.abc import Awaitable, Callable, Mapping
from typing import Protocol

import structlog
from aiohttp import web
from aiohttp.typedefs import Middleware

from httpd.access_log import CLIENT_CLOSED
from httpd.guard import door_refusal, sentence
from httpd.problem import problem
from kernel.errors import StorageFailed
from kernel.http.door_rules import JSON, rules_for
from kernel.http.paths import normalise, split_cdn
from kernel.store_faults import STORE_FAULT_SENTENCES, STORE_RETRY_SECONDS, StoreFault
from kernel.vocabulary import DOOR_REFUSAL_STATUS, REFUSAL_STATUS, Refusal
from origin.counters import Counts
from origin.serve.response import TOP_CACHE_CONTROL, ObjectResponse, choose_response
from origin.settings import OriginSettings
from origin.storage.published_index import PublishedIndex, PublishedObject
from origin.stores.object_store import StoreFailed

log = structlog.get_logger("origin")

MEDIA = "/cdn/"
UPLOADS = "/content/uploads"
PIECE_BYTES = 1 << 20
"""Bytes read and handed to the connection at a time; the memory of one request."""

SENT = web.RequestKey("sent", int)
"""Bytes of the body sent so far; absent until the status is sent."""

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Reader(Protocol):
    """The part of a store that the handlers need."""

    async def read(self, key: str, first: int, stop: int) -> bytes | memoryview:
        """Bytes `first` to `stop` (exclusive) of an object. Raises StorageFailed."""


class MediaHandlers:
    """The handlers of published objects and of the library."""

    def __init__(
        self,
        index: PublishedIndex,
        reader: Reader,
        counts: Counts,
        on_play: Callable[[str, str], object] = lambda *_: None,
    ) -> None:
        self._index = index
        self._reader = reader
        self._counts = counts
        self._on_play = on_play

    async def serve_media(self, request: web.Request) -> web.StreamResponse:
        """`GET /cdn/<region>/<contentId>/<rest>`; any well-formed region is accepted."""
        if request.method not in ("GET", "HEAD"):
            return problem(405, "method", "Only GET and HEAD are answered here.", {"Allow": "GET, HEAD"})
        target = normalise(request.raw_path.encode("utf-8", "surrogateescape"))
        if isinstance(target, Refusal):
            return _refusal_response(target, "The path cannot be normalised.")
        cdn = split_cdn(target.path)
        if isinstance(cdn, Refusal):
            return _refusal_response(cdn, "The path is not /cdn/<region>/<contentId>/<file>.")
        content_id, path = cdn.content_id.decode(), cdn.rest.decode()
        found = await self._index.find(content_id, path)
        if found is None:
            return _refusal_response(Refusal.NOT_FOUND, "No published title has this file.")
        planned = choose_response(request.method, header_fields(request.headers), found)
        try:
            response = await self._send(request, found, planned)
        except StoreFailed as error:
            # Its publication may have been collected since the title was last checked.
            if SENT in request or error.fault is not StoreFault.MISSING:
                raise
            if await self._index.find(content_id, path, recheck=True) is not None:
                raise
            return _refusal_response(Refusal.NOT_FOUND, "No published title has this file.")
        self._on_play(content_id, path)
        return response

    async def serve_library(self, request: web.Request) -> web.StreamResponse:
        """`GET /library`: all published titles, with a strong ETag so that polling is cheap."""
        listing = await self._index.listing()
        self._counts.titles = listing.titles
        headers = {"ETag": listing.etag, "Cache-Control": "no-cache"}
        wanted = request.headers.get("If-None-Match", "")
        if wanted.strip() == "*" or listing.etag in [one.strip().removeprefix("W/") for one in wanted.split(",")]:
            return web.Response(status=304, headers=headers)
        return web.Response(body=listing.body, content_type="application/json", headers=headers)

    async def _send(self, request: web.Request, found: PublishedObject, planned: ObjectResponse) -> web.StreamResponse:
        if planned.body is None:
            if planned.status in (412, 416):
                # Keep only what a 412 or 416 needs: the length, and the ETag of the moment.
                fields = {name: text for name, text in planned.headers.items() if name in ("Content-Range", "ETag")}
                return problem(planned.status, _REASONS[planned.status], _DETAILS[planned.status], fields)
            return web.Response(status=planned.status, headers=planned.headers)
        first, stop = planned.body
        response = web.StreamResponse(status=planned.status, headers=planned.headers)
        response.content_length = stop - first
        if request.method == "HEAD":
            await response.prepare(request)
            return response
        # Read the first piece before sending the status, so that a failing store is answered with its status.
        piece = await self._piece(found, first, stop)
        request[SENT] = 0
        await response.prepare(request)
        while piece:
            await response.write(piece)
            self._counts.sent_bytes += len(piece)
            request[SENT] += len(piece)
            first += len(piece)
            piece = await self._piece(found, first, stop)
        await response.write_eof()
        return response

    async def _piece(self, found: PublishedObject, first: int, stop: int) -> bytes | memoryview:
        if first >= stop:
            return b""
        return await self._reader.read(found.key, first, min(first + PIECE_BYTES, stop))


_REASONS = {412: "precondition", 416: "range"}
_DETAILS = {412: "The object is not what If-Match or If-Unmodified-Since names.", 416: "No byte of the range exists."}


def _refusal_response(refusal: Refusal, detail: str) -> web.Response:
    response = problem(REFUSAL_STATUS[refusal], str(refusal), detail)
    if refusal is Refusal.NOT_FOUND:
        # Edges cache the 404 and absorb a crowd; a title published now appears within 2 s.
        response.headers["Cache-Control"] = TOP_CACHE_CONTROL.partition(", stale")[0]
    return response


def _storage_problem(error: StorageFailed) -> web.Response:
    """503 with Retry-After where a retry can help, else 500; never 404, which would say that the title is gone."""
    if not isinstance(error, StoreFailed):
        return problem(500, "storage", "The object store failed.")
    retry = {"Retry-After": str(STORE_RETRY_SECONDS)} if error.status == 503 else {}
    return problem(error.status, str(error.fault), STORE_FAULT_SENTENCES[error.fault], retry)


def header_fields(headers: Mapping[str, str]) -> dict[bytes, bytes]:
    """The fields by lower-case name; repeated lines are joined to a list (RFC 9110 §5.3)."""
    fields: dict[bytes, bytes] = {}
    for name, value in headers.items():
        key, text = name.lower().encode(), value.encode("utf-8", "surrogateescape")
        fields[key] = fields[key] + b", " + text if key in fields else text
    return fields


def peer_of(request: web.Request) -> str:
    """The peer's address, or "" for a closed connection."""
    peer = request.transport.get_extra_info("peername") if request.transport else None
    return str(peer[0]) if isinstance(peer, tuple) and peer else ""


def is_allowed_peer(peer: str, settings: OriginSettings) -> bool:
    """Whether the address is loopback or in a network of `--allow`."""
    try:
        address = ipaddress.ip_address(peer.partition("%")[0])
    except ValueError:
        return False
    mapped = getattr(address, "ipv4_mapped", None)
    address = mapped or address
    return address.is_loopback or any(address in network for network in settings.allow)


def is_proxied_media_request(request: web.Request) -> bool:
    """Whether an edge or another proxy requests media; its Host may be any name, so it is not checked.

    Every proxy adds Via (RFC 9110 §7.6.3) and no page can (Fetch §2.2.2). So a page that points its own name at the
    origin (DNS rebinding) cannot read media, and no edge is refused.
    """
    return request.path.startswith(MEDIA) and request.method in ("GET", "HEAD") and "Via" in request.headers


def _accepted_types(request: web.Request) -> frozenset[str] | None:
    """The content types to accept; unchecked for media and uploads, which check methods and types themselves."""
    return None if request.path.startswith((MEDIA, UPLOADS)) else JSON


def guard(settings: OriginSettings, counts: Counts, record: Callable[[web.Request, int, int], object]) -> Middleware:
    """The middleware around all handlers: access checks, the request limit, problem responses and the access log."""
    rules = rules_for(settings.listen, settings.allowed_hosts)

    async def checked(request: web.Request, handler: Handler) -> web.StreamResponse:
        if not is_allowed_peer(peer_of(request), settings):
            return problem(403, "network", "This address must not use the origin; see the setting allow.")
        refused = None if is_proxied_media_request(request) else door_refusal(request, rules, _accepted_types(request))
        if refused is not None:
            return problem(DOOR_REFUSAL_STATUS[refused], refused.value, sentence(refused))
        if counts.running > settings.max_requests:
            return problem(503, "busy", "Too many requests are running.", {"Retry-After": "1"})
        try:
            return await handler(request)
        except web.HTTPException as error:
            return problem(error.status, "http", error.reason, _useful_headers(error.headers))
        except StorageFailed as error:
            # No traceback: the error names the store, the key and the cause.
            log.error("storage-failed", path=request.path[:2048], error=str(error))  # noqa: TRY400
            if SENT in request:
                raise  # the status is sent: abort the connection, so that the peer sees an incomplete body
            return _storage_problem(error)

    @web.middleware
    async def guarded(request: web.Request, handler: Handler) -> web.StreamResponse:
        counts.running += 1
        status = CLIENT_CLOSED
        try:
            response = await checked(request, handler)
            status = response.status
            return response
        except Exception:
            counts.aborted += 1
            raise
        finally:
            counts.running -= 1
            counts.count_request(status)
            record(request, status, request.get(SENT, 0))

    return guarded


def _useful_headers(headers: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in headers.items() if name in ("Allow", "Location")}
