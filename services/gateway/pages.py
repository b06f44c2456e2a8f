"""The viewers' page: its files, its guest cookie, and the titles' posters."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from secrets import token_hex
from typing import Protocol

import aiohttp
from aiohttp import web
from cachetools import LRUCache

from httpd.bounded_body import read_at_most
from httpd.openapi import Parameter
from kernel.clock import Clock
from kernel.errors import BadRequest, UpstreamFailed
from kernel.fetch_reasons import UpstreamReason
from services.gateway.assets import BRIEFLY, FOREVER, AssetLibrary
from services.gateway.origin import OriginClient
from services.http import params
from services.http.caller import COOKIE_NAME, GUEST_COOKIE_SECONDS, Authenticator
from services.http.request_context import request_context
from services.http.route import Access, Route, json_response

ARTWORK_NAME = re.compile(r"[0-9a-f]{32}\.(?:jpg|png|webp|avif)", re.ASCII)
PICTURE_HEADERS = {"Content-Security-Policy": "default-src 'none'; sandbox"}
PREVIEW_INDEX = "thumbnails.vtt"
MAX_POSTER_BYTES = 4 << 20
MAX_POSTER_CACHE_BYTES = 64 << 20
_VIEWER = {
    "type": "object",
    "properties": {
        "userId": {"type": "string"},
        "country": {"type": ["string", "null"]},
        "logInProvider": {"type": ["string", "null"], "description": "Through whom viewers may log in, too."},
    },
}


def content_security_policy(edges: Sequence[str], *, for_development: bool) -> str:
    """The page's Content-Security-Policy: it may load its own files, and media from the edges.

    Media from `data:` are the empty tracks that hls.js makes for subtitles.

    `for_development` allows `eval`, which browser drivers need to wait for a condition.
    """
    hosts = " ".join(edges)
    scripts = "'self' 'unsafe-eval'" if for_development else "'self'"
    return (
        f"default-src 'none'; script-src {scripts}; style-src 'self'; img-src 'self' data: blob: https: {hosts}; "
        f"connect-src 'self' {hosts}; "
        f"media-src 'self' blob: data: {hosts}; worker-src 'self' blob:; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )


class PosterCatalogue(Protocol):
    """The part of the catalogue that knows posters."""

    async def thumbnail(self, content_id: str, country: str | None) -> str | None:
        """The poster's path relative to the title; None if it has none or is not licensed in the country."""


class PageRoutes:
    """Serves the page, its files and the posters. `log_in_provider` is the name of one that viewers may use, too.

    `artwork` is the folder of pictures that came with imports, each under a name made of its content.
    """

    def __init__(
        self,
        origin: OriginClient,
        posters: PosterCatalogue,
        assets: AssetLibrary,
        edges: Sequence[str],
        authenticator: Authenticator,
        clock: Clock,
        artwork: Path,
        log_in_provider: str | None = None,
    ) -> None:
        self._origin = origin
        self._posters = posters
        self._assets = assets
        self._edges = edges
        self._authenticator = authenticator
        self._clock = clock
        self._artwork = artwork
        self._log_in_provider = log_in_provider
        self._poster_cache: LRUCache[tuple[str, str], tuple[str, bytes]] = LRUCache(
            MAX_POSTER_CACHE_BYTES, getsizeof=lambda poster: len(poster[1])
        )

    def routes(self) -> tuple[Route, ...]:
        """The page's route table."""
        poster = (Parameter("contentId", "The title.", location="path", schema=params.CONTENT_ID_SCHEMA),)
        return (
            Route("GET", "/", self.get_page, Access.ANYBODY, "The viewers' page", hidden=True),
            Route("GET", "/favicon.ico", self.get_icon, Access.ANYBODY, "The page's icon", hidden=True),
            Route("GET", "/assets/{name}", self.get_asset, Access.ANYBODY, "The page's files", hidden=True),
            Route("GET", "/assets/{digest}/{name}", self.get_asset, Access.ANYBODY, "The page's files", hidden=True),
            Route(
                "GET",
                "/viewer",
                self.get_viewer,
                Access.ANYBODY,
                "The viewer's userId and country; sets the guest cookie",
                response=_VIEWER,
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
            Route("GET", "/artwork/{name}", self.get_artwork, Access.ANYBODY, "Imported pictures", hidden=True),
            Route(
                "GET",
                "/previews/{contentId}",
                self.get_previews,
                Access.VIEWER,
                "Where a title's seek thumbnails are, below its folder on the edges; null if it has none",
                poster,
                response={"type": "object", "properties": {"index": {"type": ["string", "null"]}}},
            ),
        )

    async def get_page(self, request: web.Request) -> web.StreamResponse:
        """The page; sets the guest cookie."""
        response = web.Response(body=self._assets.page(), content_type="text/html", charset="utf-8")
        response.headers["Content-Security-Policy"] = content_security_policy(
            self._edges, for_development=self._authenticator.insecure_dev
        )
        response.headers["X-Frame-Options"] = "DENY"
        response.headers["Cache-Control"] = "no-cache"
        self._ensure_guest(request, response)
        return response

    async def get_viewer(self, request: web.Request) -> web.StreamResponse:
        """The viewer's own userId and country, for the page."""
        response = json_response({})
        guest = self._ensure_guest(request, response)
        country = request_context(request).country
        body = json_response({"userId": guest, "country": country, "logInProvider": self._log_in_provider})
        response.body = body.body
        return response

    def _ensure_guest(self, request: web.Request, response: web.Response) -> str:
        context = request_context(request)
        guest = context.caller.guest
        if guest is None:
            guest = f"guest-{token_hex(16)}"
            cookie = self._authenticator.make_cookie(guest, self._clock.wall())
            response.set_cookie(
                COOKIE_NAME,
                cookie,
                max_age=GUEST_COOKIE_SECONDS,
                httponly=True,
                samesite="Lax",
                secure=context.secure,
                path="/",
            )
        return guest

    async def get_icon(self, request: web.Request) -> web.StreamResponse:
        """The icon at the path that browsers request by default."""
        return await self._serve_file(request, "icon.svg", None)

    async def get_asset(self, request: web.Request) -> web.StreamResponse:
        """One of the page's files; at the address with its digest it may be cached for ever."""
        return await self._serve_file(request, request.match_info["name"], request.match_info.get("digest"))

    async def _serve_file(self, request: web.Request, name: str, digest: str | None) -> web.StreamResponse:
        asset = self._assets.find(name, digest)
        if asset is None:
            raise BadRequest(404, "no-such-file", "the page has no such file")
        encoding, body = await self._assets.encode(asset, request.headers.get("Accept-Encoding", ""))
        tag = f'"{asset.tag}-{encoding}"' if encoding else f'"{asset.tag}"'
        headers = {"ETag": tag, "Cache-Control": FOREVER if digest else BRIEFLY, "Vary": "Accept-Encoding"}
        if tag in request.headers.get("If-None-Match", ""):
            return web.Response(status=304, headers=headers)
        if encoding:
            headers["Content-Encoding"] = encoding
        return web.Response(body=body, content_type=asset.content_type, charset="utf-8", headers=headers)

    async def get_previews(self, request: web.Request) -> web.StreamResponse:
        """The WebVTT index of a title's seek thumbnails, which the origin publishes next to the poster."""
        content_id = params.content_id(request.match_info["contentId"])
        path = await self._posters.thumbnail(content_id, request_context(request).country)
        folder, slash, _ = (path or "").rpartition("/")
        return json_response({"index": f"{folder}/{PREVIEW_INDEX}" if slash else None})

    async def get_artwork(self, request: web.Request) -> web.StreamResponse:
        """A picture that came with an import; its address changes with its content."""
        name = request.match_info["name"]
        path = self._artwork / name
        if ARTWORK_NAME.fullmatch(name) is None or not path.is_file():
            raise BadRequest(404, "no-picture", "there is no such picture")
        return web.FileResponse(path, headers={"Cache-Control": FOREVER, **PICTURE_HEADERS})

    async def get_poster(self, request: web.Request) -> web.StreamResponse:
        """A title's poster, fetched from the origin and cached."""
        content_id = params.content_id(request.match_info["contentId"])
        path = await self._posters.thumbnail(content_id, request_context(request).country)
        if path is None or self._origin.base_url is None:
            raise BadRequest(404, "no-picture", "this title has no poster in this country")
        if (content_id, path) not in self._poster_cache:
            self._poster_cache[content_id, path] = await self._fetch_poster(content_id, path)
        kind, body = self._poster_cache[content_id, path]
        headers = {"Cache-Control": "private, max-age=300", **PICTURE_HEADERS}
        return web.Response(body=body, content_type=kind, headers=headers)

    async def _fetch_poster(self, content_id: str, path: str) -> tuple[str, bytes]:
        origin = self._origin
        url = f"{origin.base_url}/cdn/{origin.region}/{content_id}/{path}"
        try:
            async with origin.session.get(url, allow_redirects=False, timeout=aiohttp.ClientTimeout(10)) as got:
                body = await read_at_most(got.content, MAX_POSTER_BYTES + 1)
        except (aiohttp.ClientError, TimeoutError) as error:
            raise UpstreamFailed(
                UpstreamReason.ORIGIN_UNREACHABLE, detail=f"the origin cannot be reached: {type(error).__name__}"
            ) from error
        kind = got.content_type
        if got.status != 200 or not kind.startswith("image/") or len(body) > MAX_POSTER_BYTES:
            raise UpstreamFailed(
                UpstreamReason.ORIGIN_ANSWER, detail=f"the origin answered {got.status} {kind} for a poster"
            )
        return kind, body
