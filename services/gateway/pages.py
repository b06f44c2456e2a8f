"""The viewers' page: its files, its guests, the titles' pictures."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from secrets import token_hex
from typing import Protocol

import aiohttp
from aiohttp import web
from cachetools import LRUCache

from kernel.clock import Clock
from kernel.errors import BadRequest, UpstreamFailed
from kernel.fetch_reasons import UpstreamReason
from services.gateway.origin import OriginClient
from services.http import params
from services.http.caller import COOKIE_NAME, GUEST_COOKIE_SECONDS, Authenticator
from services.http.request_context import request_context
from services.http.route import Access, Parameter, Route, json_response

WEB_FOLDER = Path(__file__).resolve().parents[2] / "web" / "app"
HLS_JS = Path(__file__).resolve().parents[2] / "node_modules" / "hls.js" / "dist" / "hls.min.js"
ASSETS: Mapping[str, Path] = {"hls.min.js": HLS_JS} | {
    path.name: path for path in sorted(WEB_FOLDER.glob("*")) if path.suffix in (".js", ".css", ".svg")
}
CONTENT_TYPES = {".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml"}
MAX_POSTER_BYTES = 4 << 20
MAX_POSTER_CACHE_BYTES = 64 << 20


def content_security_policy(edges: Sequence[str], *, for_development: bool) -> str:
    """What the page may load: its own files, and media from the edges.

    For development `eval` is allowed, which browser drivers' waiting for a condition needs.
    """
    hosts = " ".join(edges)
    scripts = "'self' 'unsafe-eval'" if for_development else "'self'"
    return (
        f"default-src 'none'; script-src {scripts}; style-src 'self'; img-src 'self' data:; "
        f"connect-src 'self' {hosts}; "
        f"media-src 'self' blob: {hosts}; worker-src 'self' blob:; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )


class PosterCatalogue(Protocol):
    """What the gateway needs of the catalogue to show a title's picture."""

    async def thumbnail(self, content_id: str, country: str | None) -> str | None:
        """The picture's path below the title; None where there is none, or it is not licensed there."""


class PageRoutes:
    """Routes of the page and its files."""

    def __init__(
        self, upstream: OriginClient, posters: PosterCatalogue, edges: Sequence[str], gate: Authenticator, clock: Clock
    ) -> None:
        self._upstream = upstream
        self._posters = posters
        self._edges = edges
        self._gate = gate
        self._clock = clock
        self._pictures: LRUCache[tuple[str, str], tuple[str, bytes]] = LRUCache(
            MAX_POSTER_CACHE_BYTES, getsizeof=lambda kept: len(kept[1])
        )
        self._tags = {name: _etag(path) for name, path in ASSETS.items() if path.is_file()}

    def routes(self) -> tuple[Route, ...]:
        """The page's table."""
        poster = (Parameter("contentId", "The title.", location="path"),)
        viewer = {
            "type": "object",
            "properties": {"userId": {"type": "string"}, "country": {"type": ["string", "null"]}},
        }
        return (
            Route("GET", "/", self.get_page, Access.ANYBODY, "The viewers' page", hidden=True),
            Route("GET", "/favicon.ico", self.get_icon, Access.ANYBODY, "The page's icon", hidden=True),
            Route("GET", "/assets/{name}", self.get_asset, Access.ANYBODY, "The page's files", hidden=True),
            Route(
                "GET",
                "/viewer",
                self.get_viewer,
                Access.ANYBODY,
                "Who the viewer is; makes it a guest",
                response=viewer,
            ),
            Route(
                "GET",
                "/posters/{contentId}",
                self.get_poster,
                Access.VIEWER,
                "A title's picture",
                poster,
                errors=(404, 502),
            ),
        )

    async def get_page(self, request: web.Request) -> web.StreamResponse:
        """The page; its visitor becomes a guest."""
        body = await asyncio.to_thread((WEB_FOLDER / "index.html").read_bytes)
        response = web.Response(body=body, content_type="text/html", charset="utf-8")
        response.headers["Content-Security-Policy"] = content_security_policy(
            self._edges, for_development=self._gate.insecure_dev
        )
        response.headers["X-Frame-Options"] = "DENY"
        response.headers["Cache-Control"] = "no-cache"
        self._ensure_guest(request, response)
        return response

    async def get_viewer(self, request: web.Request) -> web.StreamResponse:
        """The viewer's own userId and country, for the page."""
        response = json_response({})
        guest = self._ensure_guest(request, response)
        body = json_response({"userId": guest, "country": request_context(request).country})
        response.body = body.body
        return response

    def _ensure_guest(self, request: web.Request, response: web.Response) -> str:
        found = request_context(request)
        guest = found.caller.guest
        if guest is None:
            guest = f"guest-{token_hex(16)}"
            cookie = self._gate.make_cookie(guest, self._clock.wall())
            response.set_cookie(
                COOKIE_NAME,
                cookie,
                max_age=GUEST_COOKIE_SECONDS,
                httponly=True,
                samesite="Lax",
                secure=found.secure,
                path="/",
            )
        return guest

    async def get_icon(self, request: web.Request) -> web.StreamResponse:
        """Browsers ask for it unasked."""
        return await self._serve_file(request, "icon.svg")

    async def get_asset(self, request: web.Request) -> web.StreamResponse:
        """One of the page's files."""
        return await self._serve_file(request, request.match_info["name"])

    async def _serve_file(self, request: web.Request, name: str) -> web.StreamResponse:
        path, tag = ASSETS.get(name), self._tags.get(name)
        if path is None or tag is None:
            raise BadRequest(404, "no-such-file", "the page has no such file")
        headers = {"ETag": tag, "Cache-Control": "public, max-age=3600, must-revalidate"}
        if tag in request.headers.get("If-None-Match", ""):
            return web.Response(status=304, headers=headers)
        body = await asyncio.to_thread(path.read_bytes)
        return web.Response(body=body, content_type=CONTENT_TYPES[path.suffix], charset="utf-8", headers=headers)

    async def get_poster(self, request: web.Request) -> web.StreamResponse:
        """A title's picture, fetched from the origin and kept."""
        content_id = params.content_id(request.match_info["contentId"])
        path = await self._posters.thumbnail(content_id, request_context(request).country)
        if path is None or self._upstream.base_url is None:
            raise BadRequest(404, "no-picture", "there is no picture of this title here")
        if (content_id, path) not in self._pictures:
            self._pictures[content_id, path] = await self._fetch_picture(content_id, path)
        kind, body = self._pictures[content_id, path]
        headers = {"Cache-Control": "private, max-age=300", "Content-Security-Policy": "default-src 'none'; sandbox"}
        return web.Response(body=body, content_type=kind, headers=headers)

    async def _fetch_picture(self, content_id: str, path: str) -> tuple[str, bytes]:
        upstream = self._upstream
        url = f"{upstream.base_url}/cdn/{upstream.region}/{content_id}/{path}"
        try:
            async with upstream.session.get(url, allow_redirects=False, timeout=aiohttp.ClientTimeout(10)) as got:
                body = await got.content.read(MAX_POSTER_BYTES + 1)
                while len(body) <= MAX_POSTER_BYTES and (more := await got.content.read(MAX_POSTER_BYTES)):
                    body += more
        except (aiohttp.ClientError, TimeoutError) as error:
            raise UpstreamFailed(
                UpstreamReason.ORIGIN_UNREACHABLE, detail=f"the origin cannot be asked: {type(error).__name__}"
            ) from error
        kind = got.content_type
        if got.status != 200 or not kind.startswith("image/") or len(body) > MAX_POSTER_BYTES:
            raise UpstreamFailed(
                UpstreamReason.ORIGIN_ANSWER, detail=f"the origin answered {got.status} {kind} for a picture"
            )
        return kind, body


def _etag(path: Path) -> str:
    return f'"{hashlib.blake2b(path.read_bytes(), digest_size=12).hexdigest()}"'
