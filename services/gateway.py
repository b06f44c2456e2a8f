"""The gateway: content calls go on to the origin, playlists and segments are sent to an edge, the page is served."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from secrets import token_hex
from typing import Protocol

import aiohttp
from aiohttp import web
from cachetools import LRUCache
from multidict import CIMultiDict
from yarl import URL

from kernel.clock import Clock
from kernel.errors import BadRequest, Overloaded, UpstreamFailed
from services.http import reading
from services.http.caller import COOKIE, GUEST_SECONDS, Gate
from services.http.problem import problem
from services.http.route import Access, Parameter, Route, answer
from services.http.visit import visit

WEB = Path(__file__).resolve().parent.parent / "web" / "app"
HLS_JS = Path(__file__).resolve().parent.parent / "node_modules" / "hls.js" / "dist" / "hls.min.js"
ASSETS: Mapping[str, Path] = {"hls.min.js": HLS_JS} | {
    path.name: path for path in sorted(WEB.glob("*")) if path.suffix in (".js", ".css", ".svg")
}
TYPES = {".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml"}
MOST_PROXIED = 64
CONNECT_SECONDS = 5.0
IDLE_SECONDS = 120.0
LARGEST_POSTER = 4 << 20
LONGEST_PATH = 16 * 1024

_HOP_BY_HOP = frozenset(("connection", "keep-alive", "te", "trailer", "transfer-encoding", "upgrade")) | {
    "proxy-connection",
    "proxy-authenticate",
    "proxy-authorization",
}
_NOT_SENT_UP = _HOP_BY_HOP | {"host", "authorization", "cookie", "expect", "content-length", "forwarded"}
_NOT_SENT_DOWN = _HOP_BY_HOP | {"set-cookie", "content-length", "server", "date"}


def content_security_policy(edges: Sequence[str], *, for_development: bool) -> str:
    """What the page may load: its own files, and media from the edges.

    For development `eval` is allowed, which browser drivers' waiting for a condition needs.
    """
    hosts = " ".join(edges)
    scripts = "'self' 'unsafe-eval'" if for_development else "'self'"
    return (
        f"default-src 'none'; script-src {scripts}; style-src 'self'; img-src 'self' data:; connect-src 'self' {hosts}; "
        f"media-src 'self' blob: {hosts}; worker-src 'self' blob:; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )


def edge_for(path: str, edges: Sequence[str]) -> str:
    """The edge that a path is sent to: the same for all of a title, so that relative addresses stay together."""
    parts = path.split("?", maxsplit=1)[0].split("/")
    start = 3 if parts[1] == "t" else 1
    title = "/".join(parts[start : start + 3])
    return max(edges, key=lambda edge: hashlib.blake2b(f"{title}\0{edge}".encode(), digest_size=8).digest())


@dataclass(frozen=True)
class Upstream:
    """The origin as the gateway asks it; `session` is the process's one HTTP client."""

    session: aiohttp.ClientSession
    origin: str | None
    region: str


class Posters(Protocol):
    """What the gateway needs of the catalogue to show a title's picture."""

    async def thumbnail(self, content_id: str, country: str | None) -> str | None:
        """The picture's path below the title; None where there is none, or it is not licensed there."""


class Gateway:
    """Routes of the gateway."""

    def __init__(
        self,
        upstream: Upstream,
        posters: Posters,
        edges: Sequence[str],
        gate: Gate,
        clock: Clock,
    ) -> None:
        self._upstream = upstream
        self._posters = posters
        self._edges = edges
        self._gate = gate
        self._clock = clock
        self._free = asyncio.Semaphore(MOST_PROXIED)
        self._pictures: LRUCache[tuple[str, str], tuple[str, bytes]] = LRUCache(
            64 << 20, getsizeof=lambda kept: len(kept[1])
        )
        self._tags = {name: _tag(path) for name, path in ASSETS.items() if path.is_file()}

    def routes(self) -> tuple[Route, ...]:
        """The gateway's table."""
        poster = (Parameter("contentId", "The title.", place="path"),)
        viewer = {
            "type": "object",
            "properties": {"userId": {"type": "string"}, "country": {"type": ["string", "null"]}},
        }
        proxied = "Ingest and transcode: answered by the origin"
        return (
            Route("GET", "/", self.page, Access.ANYBODY, "The viewers' page", hidden=True),
            Route("GET", "/favicon.ico", self.icon, Access.ANYBODY, "The page's icon", hidden=True),
            Route("GET", "/assets/{name}", self.asset, Access.ANYBODY, "The page's files", hidden=True),
            Route("GET", "/viewer", self.viewer, Access.ANYBODY, "Who the viewer is; makes it a guest", answer=viewer),
            Route(
                "GET",
                "/posters/{contentId}",
                self.poster,
                Access.VIEWER,
                "A title's picture",
                poster,
                refusals=(404, 502),
            ),
            Route("*", "/content/{rest:.*}", self.content, Access.OPERATOR, proxied, hidden=True),
            Route("*", "/cdn/{rest:.*}", self.to_edge, Access.ANYBODY, "Sent to an edge", hidden=True),
            Route("*", "/t/{rest:.*}", self.to_edge, Access.ANYBODY, "Sent to an edge", hidden=True),
        )

    async def page(self, request: web.Request) -> web.StreamResponse:
        """The page; its visitor becomes a guest."""
        body = await asyncio.to_thread((WEB / "index.html").read_bytes)
        response = web.Response(body=body, content_type="text/html", charset="utf-8")
        response.headers["Content-Security-Policy"] = content_security_policy(
            self._edges, for_development=self._gate.insecure_dev
        )
        response.headers["X-Frame-Options"] = "DENY"
        response.headers["Cache-Control"] = "no-cache"
        self._greet(request, response)
        return response

    async def viewer(self, request: web.Request) -> web.StreamResponse:
        """The viewer's own userId and country, for the page."""
        response = answer({})
        guest = self._greet(request, response)
        body = answer({"userId": guest, "country": visit(request).country})
        response.body = body.body
        return response

    def _greet(self, request: web.Request, response: web.Response) -> str:
        found = visit(request)
        guest = found.caller.guest
        if guest is None:
            guest = f"guest-{token_hex(16)}"
            cookie = self._gate.make_cookie(guest, self._clock.wall())
            response.set_cookie(
                COOKIE, cookie, max_age=GUEST_SECONDS, httponly=True, samesite="Lax", secure=found.secure, path="/"
            )
        return guest

    async def icon(self, request: web.Request) -> web.StreamResponse:
        """Browsers ask for it unasked."""
        return await self._file(request, "icon.svg")

    async def asset(self, request: web.Request) -> web.StreamResponse:
        """One of the page's files."""
        return await self._file(request, request.match_info["name"])

    async def _file(self, request: web.Request, name: str) -> web.StreamResponse:
        path, tag = ASSETS.get(name), self._tags.get(name)
        if path is None or tag is None:
            raise BadRequest(404, "no-such-file", "the page has no such file")
        headers = {"ETag": tag, "Cache-Control": "public, max-age=3600, must-revalidate"}
        if tag in request.headers.get("If-None-Match", ""):
            return web.Response(status=304, headers=headers)
        body = await asyncio.to_thread(path.read_bytes)
        return web.Response(body=body, content_type=TYPES[path.suffix], charset="utf-8", headers=headers)

    async def poster(self, request: web.Request) -> web.StreamResponse:
        """A title's picture, fetched from the origin and kept."""
        content_id = reading.content_id(request.match_info["contentId"])
        path = await self._posters.thumbnail(content_id, visit(request).country)
        if path is None or self._upstream.origin is None:
            raise BadRequest(404, "no-picture", "there is no picture of this title here")
        if (content_id, path) not in self._pictures:
            self._pictures[content_id, path] = await self._fetch_picture(content_id, path)
        kind, body = self._pictures[content_id, path]
        headers = {"Cache-Control": "private, max-age=300", "Content-Security-Policy": "default-src 'none'; sandbox"}
        return web.Response(body=body, content_type=kind, headers=headers)

    async def _fetch_picture(self, content_id: str, path: str) -> tuple[str, bytes]:
        upstream = self._upstream
        url = f"{upstream.origin}/cdn/{upstream.region}/{content_id}/{path}"
        try:
            async with upstream.session.get(url, allow_redirects=False, timeout=aiohttp.ClientTimeout(10)) as got:
                body = await got.content.read(LARGEST_POSTER + 1)
                while len(body) <= LARGEST_POSTER and (more := await got.content.read(LARGEST_POSTER)):
                    body += more
        except (aiohttp.ClientError, TimeoutError) as error:
            raise UpstreamFailed(
                "origin-unreachable", detail=f"the origin cannot be asked: {type(error).__name__}"
            ) from error
        kind = got.content_type
        if got.status != 200 or not kind.startswith("image/") or len(body) > LARGEST_POSTER:
            raise UpstreamFailed("origin-answer", detail=f"the origin answered {got.status} {kind} for a picture")
        return kind, body

    async def to_edge(self, request: web.Request) -> web.StreamResponse:
        """307 to an edge, with the path exactly as it came."""
        path = request.raw_path
        if (
            not path.startswith(("/cdn/", "/t/"))
            or len(path) > LONGEST_PATH
            or not path.isascii()
            or not path.isprintable()
        ):
            return problem(400, "path", "this path cannot be sent on as it is")
        if not self._edges:
            raise Overloaded("no-edge", retry_after=5)
        headers = {"Location": edge_for(path, self._edges) + path, "Cache-Control": "no-store"}
        headers |= {"Access-Control-Allow-Origin": "*"}
        return web.Response(status=307, headers=headers)

    async def content(self, request: web.Request) -> web.StreamResponse:
        """Pass a request on to the origin and its answer back, both as they flow."""
        upstream = self._upstream
        if upstream.origin is None:
            raise Overloaded("no-origin", retry_after=30)
        path = request.raw_path
        if not path.startswith("/content/") or "/../" in path or "%2e" in path.lower():
            return problem(400, "path", "this path cannot be sent on as it is")
        if self._free.locked():
            raise Overloaded("proxied-requests", retry_after=2)
        async with self._free:
            return await self._pass_on(request, upstream.origin + path)

    async def _pass_on(self, request: web.Request, url: str) -> web.StreamResponse:
        body = request.content if request.can_read_body else None
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_SECONDS, sock_read=IDLE_SECONDS)
        sent = None
        try:
            async with self._upstream.session.request(
                request.method,
                URL(url, encoded=True),
                headers=self._headers_up(request),
                data=body,
                allow_redirects=False,
                timeout=timeout,
            ) as got:
                sent = web.StreamResponse(status=got.status, reason=got.reason, headers=_headers_down(got.headers))
                if got.content_length is not None and "Content-Encoding" not in got.headers:
                    sent.content_length = got.content_length
                await sent.prepare(request)
                async for piece in got.content.iter_chunked(64 * 1024):
                    await sent.write(piece)
                await sent.write_eof()
                return sent
        except TimeoutError as error:
            raise self._broken(
                sent, request, UpstreamFailed("origin-timeout", status=504, detail="the origin is silent")
            ) from error
        except aiohttp.ClientError as error:
            failed = UpstreamFailed("origin-unreachable", detail=f"the origin cannot be asked: {type(error).__name__}")
            raise self._broken(sent, request, failed) from error

    def _broken(self, sent: web.StreamResponse | None, request: web.Request, failed: UpstreamFailed) -> Exception:
        """What to raise: once an answer has begun, only a cut connection can say that it is not whole."""
        if sent is None or not sent.prepared:
            return failed
        if request.transport is not None:
            request.transport.abort()
        return ConnectionResetError("the origin broke off in the middle of its answer")

    def _headers_up(self, request: web.Request) -> CIMultiDict[str]:
        named = {name.strip().lower() for line in request.headers.getall("Connection", []) for name in line.split(",")}
        headers = CIMultiDict(
            (name, value)
            for name, value in request.headers.items()
            if name.lower() not in _NOT_SENT_UP | named and not name.lower().startswith("x-forwarded-")
        )
        length = request.headers.get("Content-Length")
        if length is not None and request.can_read_body:
            headers["Content-Length"] = length
        headers["X-Request-Id"] = visit(request).request_id
        headers["X-Forwarded-For"] = str(visit(request).address or "unknown")
        return headers


def _headers_down(headers: Mapping[str, str]) -> CIMultiDict[str]:
    named = {name.strip().lower() for name in headers.get("Connection", "").split(",")}
    return CIMultiDict((name, value) for name, value in headers.items() if name.lower() not in _NOT_SENT_DOWN | named)


def _tag(path: Path) -> str:
    return f'"{hashlib.blake2b(path.read_bytes(), digest_size=12).hexdigest()}"'
