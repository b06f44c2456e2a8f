"""The gateway proxies /content/* to the origin, and redirects playlists and segments to an edge."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Mapping, Sequence

import aiohttp
from aiohttp import web
from multidict import CIMultiDict
from yarl import URL

from httpd.problem import problem
from kernel.errors import Overloaded, UpstreamFailed
from kernel.fetch_reasons import UpstreamReason
from kernel.http.paths import normalise
from kernel.vocabulary import OverloadReason, Refusal
from services.gateway.origin import OriginClient
from services.http.request_context import request_context
from services.http.route import Access, Route

MAX_PROXIED_REQUESTS = 64
CONNECT_SECONDS = 5.0
IDLE_SECONDS = 120.0
MAX_PATH_LENGTH = 16 * 1024

_HOP_BY_HOP = frozenset(("connection", "keep-alive", "te", "trailer", "transfer-encoding", "upgrade")) | {
    "proxy-connection",
    "proxy-authenticate",
    "proxy-authorization",
}
_REQUEST_FIELDS_DROPPED = _HOP_BY_HOP | {"host", "authorization", "cookie", "expect", "content-length", "forwarded"}
_RESPONSE_FIELDS_DROPPED = _HOP_BY_HOP | {"set-cookie", "content-length", "server", "date"}


def edge_for_path(path: str, edges: Sequence[str]) -> str:
    """The edge for a path: the same for all paths of a title, so that relative URLs stay on one edge."""
    parts = path.split("?", maxsplit=1)[0].split("/")
    start = 3 if parts[1] == "t" else 1
    title = "/".join(parts[start : start + 3])
    return max(edges, key=lambda edge: hashlib.blake2b(f"{title}\0{edge}".encode(), digest_size=8).digest())


def is_proxyable(target: str) -> bool:
    """Whether the origin parses the path as we do: no dot segments, encoded slashes, backslashes or broken escapes."""
    path = target.partition("?")[0]
    normalised = normalise(path.encode("utf-8", "surrogateescape"))
    return not isinstance(normalised, Refusal) and normalised.path.startswith(b"/content/")


class Gateway:
    """Routes to what other programs answer."""

    def __init__(self, origin: OriginClient, edges: Sequence[str]) -> None:
        self._origin = origin
        self._edges = edges
        self._free = asyncio.Semaphore(MAX_PROXIED_REQUESTS)

    def routes(self) -> tuple[Route, ...]:
        """The gateway's route table."""
        proxied = "Ingest and transcode, proxied to the origin"
        return (
            Route(
                "*", "/content/{rest:.*}", self.proxy_content, Access.OPERATOR, proxied, content_types=None, hidden=True
            ),
            Route("*", "/cdn/{rest:.*}", self.redirect_to_edge, Access.ANYBODY, "Sent to an edge", hidden=True),
            Route("*", "/t/{rest:.*}", self.redirect_to_edge, Access.ANYBODY, "Sent to an edge", hidden=True),
        )

    async def redirect_to_edge(self, request: web.Request) -> web.StreamResponse:
        """Redirect (307) to an edge, with the path exactly as received."""
        path = request.raw_path
        if (
            not path.startswith(("/cdn/", "/t/"))
            or len(path) > MAX_PATH_LENGTH
            or not path.isascii()
            or not path.isprintable()
        ):
            return problem(400, "path", "this path cannot be forwarded unchanged")
        if not self._edges:
            raise Overloaded(OverloadReason.NO_EDGE)
        headers = {"Location": edge_for_path(path, self._edges) + path, "Cache-Control": "no-store"}
        headers |= {"Access-Control-Allow-Origin": "*"}
        return web.Response(status=307, headers=headers)

    async def proxy_content(self, request: web.Request) -> web.StreamResponse:
        """Proxy a request to the origin; streams both bodies."""
        origin = self._origin
        if origin.base_url is None:
            raise Overloaded(OverloadReason.NO_ORIGIN)
        path = request.raw_path
        if not is_proxyable(path):
            return problem(400, "path", "this path cannot be forwarded unchanged")
        if self._free.locked():
            raise Overloaded(OverloadReason.PROXIED_REQUESTS)
        async with self._free:
            return await self._forward(request, origin.base_url + path)

    async def _forward(self, request: web.Request, url: str) -> web.StreamResponse:
        body = request.content if request.can_read_body else None
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_SECONDS, sock_read=IDLE_SECONDS)
        sent = None
        try:
            async with self._origin.session.request(
                request.method,
                URL(url, encoded=True),
                headers=self._request_headers(request),
                data=body,
                allow_redirects=False,
                timeout=timeout,
            ) as got:
                sent = web.StreamResponse(status=got.status, reason=got.reason, headers=_response_headers(got.headers))
                if got.content_length is not None and "Content-Encoding" not in got.headers:
                    sent.content_length = got.content_length
                await sent.prepare(request)
                async for piece in got.content.iter_chunked(64 * 1024):
                    await sent.write(piece)
                await sent.write_eof()
                return sent
        except TimeoutError as error:
            raise self._failure(
                sent,
                request,
                UpstreamFailed(UpstreamReason.ORIGIN_TIMEOUT, detail="the origin did not respond in time"),
            ) from error
        except aiohttp.ClientError as error:
            failed = UpstreamFailed(
                UpstreamReason.ORIGIN_UNREACHABLE, detail=f"the origin cannot be reached: {type(error).__name__}"
            )
            raise self._failure(sent, request, failed) from error

    def _failure(self, sent: web.StreamResponse | None, request: web.Request, failed: UpstreamFailed) -> Exception:
        """The error to raise. Once the response has begun, only a cut connection shows that it is incomplete."""
        if sent is None or not sent.prepared:
            late = request.content.exception()  # Set if the client is at fault: its request body did not arrive.
            return late if isinstance(late, web.HTTPException) else failed
        if request.transport is not None:
            request.transport.abort()
        return ConnectionResetError("the origin closed the connection during its response")

    def _request_headers(self, request: web.Request) -> CIMultiDict[str]:
        named = {name.strip().lower() for line in request.headers.getall("Connection", []) for name in line.split(",")}
        headers = CIMultiDict(
            (name, value)
            for name, value in request.headers.items()
            if name.lower() not in _REQUEST_FIELDS_DROPPED | named and not name.lower().startswith("x-forwarded-")
        )
        length = request.headers.get("Content-Length")
        if length is not None and request.can_read_body:
            headers["Content-Length"] = length
        if self._origin.api_key:
            headers["Authorization"] = f"Bearer {self._origin.api_key}"
        headers["X-Request-Id"] = request_context(request).request_id
        headers["X-Forwarded-For"] = str(request_context(request).address or "unknown")
        return headers


def _response_headers(headers: Mapping[str, str]) -> CIMultiDict[str]:
    named = {name.strip().lower() for name in headers.get("Connection", "").split(",")}
    return CIMultiDict(
        (name, value) for name, value in headers.items() if name.lower() not in _RESPONSE_FIELDS_DROPPED | named
    )
