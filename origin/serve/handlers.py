"""SERVE: the origin's HTTP shell: who may ask, what is found, and its bytes in bounded pieces."""

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
from kernel.vocabulary import DOOR_REFUSAL_STATUS, REFUSAL_STATUS, Refusal
from origin.counters import Counts
from origin.serve.response import SHORT, Answer, answer
from origin.settings import OriginSettings
from origin.storage.published_index import Found, PublishedIndex

log = structlog.get_logger("origin")

MEDIA = "/cdn/"
PIECE = 1 << 20
"""Bytes read and handed to the connection at a time: what a request costs in memory."""

SENT = web.RequestKey("sent", int)
"""Bytes of the body sent so far; absent before the status is out."""

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Reader(Protocol):
    """The part of a store that serving needs."""

    async def read(self, key: str, first: int, stop: int) -> bytes:
        """Bytes `first` to `stop` of an object."""


class Server:
    """The handlers of the published objects."""

    def __init__(self, shelf: PublishedIndex, reader: Reader, counts: Counts) -> None:
        self._shelf = shelf
        self._reader = reader
        self._counts = counts

    async def media(self, request: web.Request) -> web.StreamResponse:
        """`GET /cdn/<region>/<contentId>/<rest>`; the region is checked for form only."""
        if request.method not in ("GET", "HEAD"):
            return problem(405, "method", "Only GET and HEAD are answered here.", {"Allow": "GET, HEAD"})
        target = normalise(request.raw_path.encode("utf-8", "surrogateescape"))
        if isinstance(target, Refusal):
            return _refused(target, "The path cannot be normalised.")
        cdn = split_cdn(target.path)
        if isinstance(cdn, Refusal):
            return _refused(cdn, "The path is not /cdn/<region>/<contentId>/<file>.")
        found = await self._shelf.find(cdn.content_id.decode(), cdn.rest.decode())
        if found is None:
            return _refused(Refusal.NOT_FOUND, "No published title has this file.")
        return await self._send(request, found, answer(request.method, _fields(request.headers), found))

    async def library(self, request: web.Request) -> web.StreamResponse:
        """`GET /library`: what is published, with a strong ETag so that polling costs nothing."""
        listing = await self._shelf.listing()
        self._counts.titles = listing.titles
        headers = {"ETag": listing.etag, "Cache-Control": "no-cache"}
        wanted = request.headers.get("If-None-Match", "")
        if wanted.strip() == "*" or listing.etag in [one.strip().removeprefix("W/") for one in wanted.split(",")]:
            return web.Response(status=304, headers=headers)
        return web.Response(body=listing.body, content_type="application/json", headers=headers)

    async def _send(self, request: web.Request, found: Found, decided: Answer) -> web.StreamResponse:
        if decided.body is None:
            if decided.status in (412, 416):
                # 416 says how long the object is; both are of the moment, not of the object.
                fields = {name: text for name, text in decided.headers.items() if name in ("Content-Range", "ETag")}
                return problem(decided.status, _REASONS[decided.status], _DETAILS[decided.status], fields)
            return web.Response(status=decided.status, headers=decided.headers)
        first, stop = decided.body
        response = web.StreamResponse(status=decided.status, headers=decided.headers)
        response.content_length = stop - first
        if request.method == "HEAD":
            await response.prepare(request)
            return response
        # The first piece is read before the status is sent, so that a store that fails is told as 500.
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

    async def _piece(self, found: Found, first: int, stop: int) -> bytes:
        if first >= stop:
            return b""
        wanted = min(PIECE, stop - first)
        piece = await self._reader.read(found.key, first, first + wanted)
        if len(piece) != wanted:
            raise StorageFailed(f"{found.key} is shorter in the store than when it was published")
        return piece


_REASONS = {412: "precondition", 416: "range"}
_DETAILS = {412: "The object is not what If-Match or If-Unmodified-Since names.", 416: "No byte of the range exists."}


def _refused(refusal: Refusal, detail: str) -> web.Response:
    response = problem(REFUSAL_STATUS[refusal], str(refusal), detail)
    if refusal is Refusal.NOT_FOUND:
        # A crowd that asks for what is not there is answered by the edges; a film published now is seen in 2 s.
        response.headers["Cache-Control"] = SHORT.partition(", stale")[0]
    return response


def _fields(headers: Mapping[str, str]) -> dict[bytes, bytes]:
    """Lower-case names; a field sent twice counts as its list (RFC 9110 5.3)."""
    fields: dict[bytes, bytes] = {}
    for name, value in headers.items():
        key, text = name.lower().encode(), value.encode("utf-8", "surrogateescape")
        fields[key] = fields[key] + b", " + text if key in fields else text
    return fields


def peer_of(request: web.Request) -> str:
    """The peer's address as text; empty where there is none (a closed connection)."""
    peer = request.transport.get_extra_info("peername") if request.transport else None
    return str(peer[0]) if isinstance(peer, tuple) and peer else ""


def may_ask(peer: str, settings: OriginSettings) -> bool:
    """Loopback and the networks of `--allow`."""
    try:
        address = ipaddress.ip_address(peer.partition("%")[0])
    except ValueError:
        return False
    mapped = getattr(address, "ipv4_mapped", None)
    address = mapped or address
    return address.is_loopback or any(address in network for network in settings.allow)


def speaks_for_others(request: web.Request) -> bool:
    """Whether a cache asks for media: an edge or a proxy, whose Host is its viewer's or whatever it was told to send.

    It is known by Via, which every proxy adds (RFC 9110 §7.6.3) and no page can (a forbidden name, Fetch §2.2.2). So a
    page on this machine that points its own name at the origin (DNS rebinding) reads no film, and no edge is refused.
    """
    return request.path.startswith(MEDIA) and request.method in ("GET", "HEAD") and "Via" in request.headers


def _takes(request: web.Request) -> frozenset[str] | None:
    """Media takes no other method than GET and HEAD, and says so itself."""
    return None if request.path.startswith(MEDIA) else JSON


def guard(settings: OriginSettings, counts: Counts, record: Callable[[web.Request, int, int], object]) -> Middleware:
    """The middleware round all handlers: who may ask, how many at once, errors as problems, one record a request."""
    rules = rules_for(settings.listen, settings.allowed_hosts)

    async def checked(request: web.Request, handler: Handler) -> web.StreamResponse:
        if not may_ask(peer_of(request), settings):
            return problem(403, "network", "This address may not ask the origin; see the setting allow.")
        if not speaks_for_others(request) and (refused := door_refusal(request, rules, _takes(request))) is not None:
            return problem(DOOR_REFUSAL_STATUS[refused], refused.value, sentence(refused))
        if counts.running > settings.most_requests:
            return problem(503, "busy", "Too many requests are running.", {"Retry-After": "1"})
        try:
            return await handler(request)
        except web.HTTPException as error:
            return problem(error.status, "http", error.reason, _kept(error.headers))
        except StorageFailed as error:
            # Without a trace: the error says which store, which key and why.
            log.error("storage-failed", path=request.path[:2048], error=str(error))  # noqa: TRY400
            if SENT in request:
                raise  # the status is out: the connection breaks, which the peer sees as incomplete
            return problem(500, "storage", "The object store failed.")

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


def _kept(headers: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in headers.items() if name in ("Allow", "Location")}
