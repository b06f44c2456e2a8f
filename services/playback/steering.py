"""Content steering over HTTP, and top files with absolute addresses for players that cannot clone relative ones."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Protocol

import aiohttp
import msgspec
import structlog
from aiohttp import web
from yarl import URL

from httpd.problem import problem
from kernel.errors import BadRequest, MatineeError, Overloaded, UpstreamFailed
from kernel.fetch_reasons import UpstreamReason
from kernel.media.steering import steered_manifest, steered_playlist, steering_url
from kernel.vocabulary import REGION, OverloadReason
from services.counters import Counters
from services.http import params
from services.http.request_context import request_context
from services.http.route import Access, Parameter, Route
from services.playback import pathways
from services.playback.edges import BUCKETS, EdgeChoice, EdgeFinder, bucket_of
from services.playback.eligibility import PlaybackTitle, denial_for

MAX_MANIFEST_BYTES = 1 << 20
MANIFEST_TIMEOUT = 3.0
CORS_HEADERS = {"Access-Control-Allow-Origin": "*", "Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
HLS_TYPE, DASH_TYPE = "application/vnd.apple.steering-list", "application/json"
_HOST = re.compile(r"[A-Za-z0-9.-]{1,255}(:\d{1,5})?|\[[0-9A-Fa-f:.]{2,45}\](:\d{1,5})?", re.ASCII)
_MANIFEST_NAME = re.compile(r"(?P<kind>master|manifest)(-(sd|hd|uhd))?\.(m3u8|mpd)", re.ASCII)
_TOKEN = re.compile(r"[A-Za-z0-9_.-]{1,8192}", re.ASCII)
_BUCKET = re.compile(r"\d{1,3}", re.ASCII)
_SESSION = re.compile(r"[A-Za-z0-9_-]{1,128}", re.ASCII)

log = structlog.get_logger()


class PlaybackCatalogue(Protocol):
    """What is needed of the catalogue."""

    async def playback_title(self, content_id: str, country: str | None) -> PlaybackTitle | None:
        """A title with its licence in that country."""


class SteeringRoutes:
    """GET /steering/{contentId}, GET /whole/t/{token}/cdn/{region}/{contentId}/{name}."""

    def __init__(
        self,
        films: PlaybackCatalogue,
        finder: EdgeFinder,
        client: aiohttp.ClientSession,
        ttl: float,
        counters: Counters,
    ) -> None:
        self._films = films
        self._finder = finder
        self._client = client
        self._ttl = ttl
        self._counters = counters

    def routes(self) -> tuple[Route, ...]:
        """The table."""
        asked = (
            Parameter("contentId", "The title.", location="path"),
            Parameter("viewer", "What told viewers apart in an earlier answer."),
            Parameter("session", "The session, where the player knows it."),
            Parameter("manifest", "`dash` where an MPD names this address."),
            Parameter("whole", "1 where the top file has absolute addresses."),
        )
        return (
            Route(
                "GET", "/steering/{contentId}", self.get_steering, Access.ANYBODY,
                "Content steering: which edges a player should use, best first",
                asked, response={"type": "object"}, errors=(410, 429),
            ),
            Route(
                "GET", "/whole/t/{token}/cdn/{region}/{contentId}/{name}", self.get_absolute_manifest, Access.ANYBODY,
                "A top file with absolute addresses at each edge", hidden=True,
            ),
        )  # fmt: skip

    async def get_steering(self, request: web.Request) -> web.Response:
        """The steering manifest. 410 tells a player to stop asking, 429 to ask later."""
        try:
            content_id = params.content_id(request.match_info["contentId"])
            viewer = self._bucket(request)
            film = await self._films.playback_title(content_id, request_context(request).country)
            denied = denial_for(film, request_context(request).country)
            if denied is not None:
                self._counters.steered.labels("gone").inc()
                return problem(410, denied.reason, denied.detail, headers=CORS_HEADERS)
            found = await self._finder.find_edges(content_id, request_context(request).country, viewer)
        except Overloaded as error:
            self._counters.steered.labels("later").inc()
            return problem(
                429, error.reason, str(error), headers=CORS_HEADERS | {"Retry-After": str(error.retry_after)}
            )
        except MatineeError as error:
            return problem(
                getattr(error, "status", 500), getattr(error, "reason", "bug"), str(error), headers=CORS_HEADERS
            )
        who = pathways.parse_player(
            request.query.get("_HLS_pathway"),
            request.query.get("_DASH_pathway"),
            manifest=request.query.get("manifest"),
            whole=request.query.get("whole") == "1",
            at=request.query.get("at", ""),
        )
        ttl = max(1, round(min(self._ttl, found.ttl)))
        first = "viewer" not in request.query
        reload = _reload_url(request, content_id, who, viewer)
        body = pathways.steering_manifest(who, found.pathways, ttl, reload, first=first, calm=found.all_healthy)
        self._counters.steered.labels("dash" if who.is_dash else "hls").inc()
        kind = DASH_TYPE if who.is_dash else HLS_TYPE
        return web.Response(body=msgspec.json.encode(body), headers=CORS_HEADERS | {"Content-Type": kind})

    def _bucket(self, request: web.Request) -> str:
        """The bucket of this viewer: as an earlier answer said, of the session, else of the address."""
        known = params.text(request, "viewer")
        if known is not None:
            if not _BUCKET.fullmatch(known):
                raise BadRequest(
                    400, "parameter-value", "query parameter `viewer` is not one that an answer of ours had"
                )
            return str(int(known) % BUCKETS)
        session = request.query.get("session", "")
        named = session if _SESSION.fullmatch(session) else str(request_context(request).address or "")
        return bucket_of(named)

    async def get_absolute_manifest(self, request: web.Request) -> web.Response:
        """The top file as an edge has it, with each edge as a pathway of its own. The edge checks the token."""
        match = request.match_info
        # aiohttp has decoded them: whatever goes into the edge's URL below has a form that holds no `/`, `?` or escape.
        token, region, name = match["token"], match["region"], match["name"]
        top = _MANIFEST_NAME.fullmatch(name)
        content_id = params.content_id(match["contentId"])
        well_formed = _TOKEN.fullmatch(token) and REGION.fullmatch(region)
        if not top or not well_formed or (top["kind"] == "manifest") != name.endswith(".mpd"):
            return problem(404, "no-such-path", "there is no such top file", headers=CORS_HEADERS)
        denied = denial_for(
            await self._films.playback_title(content_id, request_context(request).country),
            request_context(request).country,
        )
        if denied is not None:
            return problem(denied.status, denied.reason, denied.detail, headers=CORS_HEADERS)
        found = await self._finder.find_edges(content_id, request_context(request).country, self._bucket(request))
        if not found.pathways:
            raise Overloaded(OverloadReason.NO_EDGE)
        found = replace(found, pathways=tuple(pathways.preferred_order(found.pathways, request.query.get("at", ""))))
        path = f"/t/{token}/cdn/{region}/{content_id}/"
        status, data = await self._fetch_manifest(found, path + name)
        if status != 200:
            return problem(status, "edge-refused", f"the edge answered {status}", headers=CORS_HEADERS)
        return self._absolute_manifest(request, data, found, path, name, content_id)

    def _absolute_manifest(
        self, request: web.Request, data: bytes, found: EdgeChoice, path: str, name: str, content_id: str
    ) -> web.Response:
        bases = {one.id: one.base + path for one in found.pathways}
        dash = name.endswith(".mpd")
        viewer = self._bucket(request)
        address = steering_url(public_origin(request), content_id, dash=dash)
        server = f"{address}{'&' if dash else '?'}whole=1&viewer={viewer}&at={found.pathways[0].id}"
        try:
            text = steered_manifest(data, server, bases) if dash else steered_playlist(data.decode(), server, bases)
        except ValueError as error:
            raise UpstreamFailed(UpstreamReason.TOP_UNREADABLE, detail=f"{name} cannot be read: {error}") from None
        kind = "application/dash+xml" if dash else "application/vnd.apple.mpegurl"
        body = text if isinstance(text, bytes) else text.encode()
        return web.Response(body=body, headers=CORS_HEADERS | {"Content-Type": kind})

    async def _fetch_manifest(self, found: EdgeChoice, path: str) -> tuple[int, bytes]:
        """The first answer that an edge gives. Raises UpstreamFailed when none does."""
        timeout = aiohttp.ClientTimeout(total=MANIFEST_TIMEOUT, sock_connect=1.0)
        status = 0
        for pathway in found.pathways:
            try:
                url = URL(pathway.base + path, encoded=True)
                plain = {"Accept-Encoding": "identity"}
                async with self._client.get(url, timeout=timeout, allow_redirects=False, headers=plain) as got:
                    status, data = got.status, await _read_bounded(got.content)
            except (aiohttp.ClientError, TimeoutError) as error:
                log.warning("edge-unreachable", edge=pathway.id, error=type(error).__name__)
                continue
            if status < 500:
                if len(data) > MAX_MANIFEST_BYTES:
                    raise UpstreamFailed(UpstreamReason.TOP_TOO_LARGE, detail=f"{len(data)} bytes")
                return status, data
        raise UpstreamFailed(UpstreamReason.NO_EDGE, detail=f"no edge answers{f' but with {status}' if status else ''}")


async def _read_bounded(content: aiohttp.StreamReader) -> bytes:
    """All of a body, or a byte more than is taken."""
    data = b""
    async for piece in content.iter_chunked(64 * 1024):
        data += piece
        if len(data) > MAX_MANIFEST_BYTES:
            break
    return data


def public_origin(request: web.Request) -> str:
    """Scheme and host that the asker used; "" where his Host is none."""
    host = request.headers.get("Host", "")
    if not _HOST.fullmatch(host):
        return ""
    return f"{'https' if request_context(request).secure else 'http'}://{host}"


def _reload_url(request: web.Request, content_id: str, who: pathways.Player, viewer: str) -> str:
    """Absolute, since Shaka resolves it against the top file and not against this address."""
    query: Mapping[str, Any] = {"viewer": viewer}
    query = (
        dict(query) | ({"manifest": "dash"} if who.is_dash else {}) | ({"whole": "1"} if who.has_absolute_urls else {})
    )
    return f"{public_origin(request)}/steering/{content_id}?" + "&".join(
        f"{name}={text}" for name, text in query.items()
    )
