"""HTTP routes of content steering, and of playlists and manifests with absolute URLs.

Players that cannot clone pathways of relative URLs (Shaka) use the latter.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Protocol
from urllib.parse import urlencode

import aiohttp
import msgspec
import structlog
from aiohttp import web
from yarl import URL

from httpd.bounded_body import read_at_most
from httpd.openapi import Parameter
from httpd.problem import problem
from kernel.errors import BadRequest, MatineeError, Overloaded, UpstreamFailed
from kernel.fetch_reasons import UpstreamReason
from kernel.media.steering import steered_manifest, steered_playlist, steering_url
from kernel.vocabulary import REGION, OverloadReason
from services.counters import Counters
from services.http import params
from services.http.request_context import request_context
from services.http.route import Access, Route
from services.playback.routing import pathways
from services.playback.routing.edges import BUCKETS, EdgeChoice, EdgeFinder, bucket_of
from services.playback.start.eligibility import Denial, PlaybackTitle, licence_denial

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
    """The part of the catalogue that playback uses."""

    async def playback_title(self, content_id: str, country: str | None) -> PlaybackTitle | None:
        """A title as it may be watched in the country (None = unknown) now; None if there is no such title."""


class SteeringRoutes:
    """GET /steering/{contentId}, GET /whole/t/{token}/cdn/{region}/{contentId}/{name}."""

    def __init__(
        self,
        catalogue: PlaybackCatalogue,
        finder: EdgeFinder,
        client: aiohttp.ClientSession,
        ttl: float,
        counters: Counters,
    ) -> None:
        self._catalogue = catalogue
        self._finder = finder
        self._client = client
        self._ttl = ttl
        self._counters = counters

    def routes(self) -> tuple[Route, ...]:
        """The route table of steering."""
        parameters = (
            Parameter("contentId", "The title.", location="path", schema=params.CONTENT_ID_SCHEMA),
            Parameter(
                "viewer",
                "The viewer's bucket, from an earlier response.",
                schema={"type": "string", "pattern": "^[0-9]{1,3}$"},
            ),
            Parameter("session", "The session, if the player knows it."),
            Parameter("manifest", "`dash` if an MPD contains this URL."),
            Parameter("whole", "1 if the playlist or MPD has absolute URLs."),
        )
        return (
            Route(
                "GET", "/steering/{contentId}", self.get_steering, Access.ANYBODY,
                "Content steering: which edges a player should use, best first",
                parameters, response={"type": "object"}, errors=(410, 429),
            ),
            Route(
                "GET", "/whole/t/{token}/cdn/{region}/{contentId}/{name}", self.get_absolute_manifest, Access.ANYBODY,
                "A playlist or MPD with absolute URLs for each edge", hidden=True,
            ),
        )  # fmt: skip

    async def get_steering(self, request: web.Request) -> web.Response:
        """The steering manifest. 410 makes a player stop asking, 429 makes it ask later."""
        try:
            content_id = params.content_id(request.match_info["contentId"])
            edges = await self._licensed_edges(request, content_id)
        except Overloaded as error:
            self._counters.steered.labels("later").inc()
            headers = CORS_HEADERS | {"Retry-After": str(error.retry_after)}
            return problem(429, error.reason, str(error), headers=headers)
        except MatineeError as error:
            status, reason = getattr(error, "status", 500), getattr(error, "reason", "bug")
            return problem(status, reason, str(error), headers=CORS_HEADERS)
        if isinstance(edges, Denial):
            self._counters.steered.labels("gone").inc()
            return problem(410, edges.reason, edges.detail, headers=CORS_HEADERS)
        return self._steering_response(request, content_id, edges)

    async def _licensed_edges(self, request: web.Request, content_id: str) -> EdgeChoice | Denial:
        """The edges for the viewer; a Denial if they may not play the title. Raises BadRequest, Overloaded."""
        bucket, country = self._bucket(request), request_context(request).country
        denial = licence_denial(await self._catalogue.playback_title(content_id, country), country)
        return denial or await self._finder.find_edges(content_id, country, bucket)

    def _steering_response(self, request: web.Request, content_id: str, edges: EdgeChoice) -> web.Response:
        query = request.query
        player = pathways.parse_player(
            query.get("_HLS_pathway"),
            query.get("_DASH_pathway"),
            manifest=query.get("manifest"),
            whole=query.get("whole") == "1",
            at=query.get("at", ""),
        )
        ttl = max(1, round(min(self._ttl, edges.ttl)))
        reload = _reload_url(request, content_id, player, self._bucket(request))
        first = "viewer" not in query
        body = pathways.steering_manifest(player, edges.pathways, ttl, reload, first=first, calm=edges.all_healthy)
        self._counters.steered.labels("dash" if player.is_dash else "hls").inc()
        content_type = DASH_TYPE if player.is_dash else HLS_TYPE
        return web.Response(body=msgspec.json.encode(body), headers=CORS_HEADERS | {"Content-Type": content_type})

    def _bucket(self, request: web.Request) -> str:
        """The viewer's bucket: from an earlier response, else by the session, else by the address."""
        known = params.text(request, "viewer")
        if known is not None:
            if not _BUCKET.fullmatch(known):
                raise BadRequest(400, "parameter-value", "query parameter `viewer` must be a bucket number")
            return str(int(known) % BUCKETS)
        session = request.query.get("session", "")
        return bucket_of(session if _SESSION.fullmatch(session) else str(request_context(request).address or ""))

    async def get_absolute_manifest(self, request: web.Request) -> web.Response:
        """The edge's playlist or MPD, with each edge as a pathway with absolute URLs. The edge checks the token."""
        match = request.match_info
        # aiohttp has percent-decoded these: the patterns below must admit no `/`, `?` or `%` into the edge's URL.
        token, region, name = match["token"], match["region"], match["name"]
        file = _MANIFEST_NAME.fullmatch(name)
        content_id = params.content_id(match["contentId"])
        well_formed = _TOKEN.fullmatch(token) and REGION.fullmatch(region)
        if not file or not well_formed or (file["kind"] == "manifest") != name.endswith(".mpd"):
            return problem(404, "no-such-path", "there is no such playlist or manifest", headers=CORS_HEADERS)
        edges = await self._licensed_edges(request, content_id)
        if isinstance(edges, Denial):
            return problem(edges.status, edges.reason, edges.detail, headers=CORS_HEADERS)
        if not edges.pathways:
            raise Overloaded(OverloadReason.NO_EDGE)
        edges = replace(edges, pathways=tuple(pathways.preferred_order(edges.pathways, request.query.get("at", ""))))
        path = f"/t/{token}/cdn/{region}/{content_id}/"
        status, data = await self._fetch_manifest(edges, path + name)
        if status != 200:
            return problem(status, "edge-refused", f"the edge answered {status}", headers=CORS_HEADERS)
        return self._absolute_manifest(request, data, edges, path, name, content_id)

    def _absolute_manifest(
        self, request: web.Request, data: bytes, edges: EdgeChoice, path: str, name: str, content_id: str
    ) -> web.Response:
        bases = {one.id: one.base + path for one in edges.pathways}
        dash = name.endswith(".mpd")
        viewer = self._bucket(request)
        address = steering_url(public_origin(request), content_id, dash=dash)
        server = f"{address}{'&' if dash else '?'}whole=1&viewer={viewer}&at={edges.pathways[0].id}"
        try:
            text = steered_manifest(data, server, bases) if dash else steered_playlist(data.decode(), server, bases)
        except ValueError as error:
            raise UpstreamFailed(UpstreamReason.TOP_UNREADABLE, detail=f"{name} cannot be read: {error}") from None
        kind = "application/dash+xml" if dash else "application/vnd.apple.mpegurl"
        body = text if isinstance(text, bytes) else text.encode()
        return web.Response(body=body, headers=CORS_HEADERS | {"Content-Type": kind})

    async def _fetch_manifest(self, edges: EdgeChoice, path: str) -> tuple[int, bytes]:
        """(status, body) from the first edge that responds with a status below 500. Raises UpstreamFailed."""
        timeout = aiohttp.ClientTimeout(total=MANIFEST_TIMEOUT, sock_connect=1.0)
        status = 0
        for pathway in edges.pathways:
            try:
                url = URL(pathway.base + path, encoded=True)
                plain = {"Accept-Encoding": "identity"}
                async with self._client.get(url, timeout=timeout, allow_redirects=False, headers=plain) as got:
                    status, data = got.status, await read_at_most(got.content, MAX_MANIFEST_BYTES + 1)
            except (aiohttp.ClientError, TimeoutError) as error:
                log.warning("edge-unreachable", edge=pathway.id, error=type(error).__name__)
                continue
            if status < 500:
                if len(data) > MAX_MANIFEST_BYTES:
                    raise UpstreamFailed(UpstreamReason.TOP_TOO_LARGE, detail=f"{len(data)} bytes")
                return status, data
        raise UpstreamFailed(
            UpstreamReason.NO_EDGE, detail=f"no edge responded{f' except with {status}' if status else ''}"
        )


def public_origin(request: web.Request) -> str:
    """The scheme and host of the request's URL; "" if its Host field is invalid."""
    host = request.headers.get("Host", "")
    if not _HOST.fullmatch(host):
        return ""
    return f"{'https' if request_context(request).secure else 'http'}://{host}"


def _reload_url(request: web.Request, content_id: str, player: pathways.Player, viewer: str) -> str:
    """The URL of the next request. Absolute, because Shaka resolves it against the playlist's URL."""
    query = {"viewer": viewer}
    if player.is_dash:
        query["manifest"] = "dash"
    if player.has_absolute_urls:
        query["whole"] = "1"
    return f"{public_origin(request)}/steering/{content_id}?{urlencode(query)}"
