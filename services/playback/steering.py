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
from services.playback.edges import BUCKETS, EdgeFinder, Found, bucket_of
from services.playback.eligibility import Film, denial

MAX_TOP = 1 << 20
TOP_SECONDS = 3.0
ANYBODY = {"Access-Control-Allow-Origin": "*", "Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
HLS_TYPE, DASH_TYPE = "application/vnd.apple.steering-list", "application/json"
_HOST = re.compile(r"[A-Za-z0-9.-]{1,255}(:\d{1,5})?|\[[0-9A-Fa-f:.]{2,45}\](:\d{1,5})?", re.ASCII)
_TOP = re.compile(r"(?P<kind>master|manifest)(-(sd|hd|uhd))?\.(m3u8|mpd)", re.ASCII)
_TOKEN = re.compile(r"[A-Za-z0-9_.-]{1,8192}", re.ASCII)
_BUCKET = re.compile(r"\d{1,3}", re.ASCII)
_VIEWER = re.compile(r"[A-Za-z0-9_-]{1,128}", re.ASCII)

log = structlog.get_logger()


class Films(Protocol):
    """What is needed of the catalogue."""

    async def film(self, content_id: str, country: str | None) -> Film | None:
        """A title with its licence in that country."""


class Steering:
    """GET /steering/{contentId}, GET /whole/t/{token}/cdn/{region}/{contentId}/{name}."""

    def __init__(
        self, films: Films, finder: EdgeFinder, client: aiohttp.ClientSession, ttl: float, counters: Counters
    ) -> None:
        self._films = films
        self._finder = finder
        self._client = client
        self._ttl = ttl
        self._counters = counters

    def routes(self) -> tuple[Route, ...]:
        """The table."""
        asked = (
            Parameter("contentId", "The title.", place="path"),
            Parameter("viewer", "What told viewers apart in an earlier answer."),
            Parameter("session", "The session, where the player knows it."),
            Parameter("manifest", "`dash` where an MPD names this address."),
            Parameter("whole", "1 where the top file has absolute addresses."),
        )
        return (
            Route(
                "GET", "/steering/{contentId}", self.steer, Access.ANYBODY,
                "Content steering: which edges a player should use, best first",
                asked, answer={"type": "object"}, refusals=(410, 429),
            ),
            Route(
                "GET", "/whole/t/{token}/cdn/{region}/{contentId}/{name}", self.whole, Access.ANYBODY,
                "A top file with absolute addresses at each edge", hidden=True,
            ),
        )  # fmt: skip

    async def steer(self, request: web.Request) -> web.Response:
        """The steering manifest. 410 tells a player to stop asking, 429 to ask later."""
        try:
            content_id = params.content_id(request.match_info["contentId"])
            viewer = self._viewer(request)
            film = await self._films.film(content_id, request_context(request).country)
            denied = denial(film, request_context(request).country)
            if denied is not None:
                self._counters.steered.labels("gone").inc()
                return problem(410, denied.reason, denied.detail, headers=ANYBODY)
            found = await self._finder.find(content_id, request_context(request).country, viewer)
        except Overloaded as error:
            self._counters.steered.labels("later").inc()
            return problem(429, error.reason, str(error), headers=ANYBODY | {"Retry-After": str(error.retry_after)})
        except MatineeError as error:
            return problem(getattr(error, "status", 500), getattr(error, "reason", "bug"), str(error), headers=ANYBODY)
        who = pathways.asker(
            request.query.get("_HLS_pathway"),
            request.query.get("_DASH_pathway"),
            manifest=request.query.get("manifest"),
            whole=request.query.get("whole") == "1",
            at=request.query.get("at", ""),
        )
        ttl = max(1, round(min(self._ttl, found.ttl)))
        first = "viewer" not in request.query
        reload = _reload(request, content_id, who, viewer)
        body = pathways.manifest(who, found.pathways, ttl, reload, first=first, calm=found.calm)
        self._counters.steered.labels("dash" if who.dash else "hls").inc()
        kind = DASH_TYPE if who.dash else HLS_TYPE
        return web.Response(body=msgspec.json.encode(body), headers=ANYBODY | {"Content-Type": kind})

    def _viewer(self, request: web.Request) -> str:
        """The bucket of this viewer: as an earlier answer said, of the session, else of the address."""
        known = params.text(request, "viewer")
        if known is not None:
            if not _BUCKET.fullmatch(known):
                raise BadRequest(
                    400, "parameter-value", "query parameter `viewer` is not one that an answer of ours had"
                )
            return str(int(known) % BUCKETS)
        session = request.query.get("session", "")
        named = session if _VIEWER.fullmatch(session) else str(request_context(request).address or "")
        return bucket_of(named)

    async def whole(self, request: web.Request) -> web.Response:
        """The top file as an edge has it, with each edge as a pathway of its own. The edge checks the token."""
        match = request.match_info
        # aiohttp has decoded them: whatever goes into the edge's URL below has a form that holds no `/`, `?` or escape.
        token, region, name = match["token"], match["region"], match["name"]
        top = _TOP.fullmatch(name)
        content_id = params.content_id(match["contentId"])
        well_formed = _TOKEN.fullmatch(token) and REGION.fullmatch(region)
        if not top or not well_formed or (top["kind"] == "manifest") != name.endswith(".mpd"):
            return problem(404, "no-such-path", "there is no such top file", headers=ANYBODY)
        denied = denial(
            await self._films.film(content_id, request_context(request).country), request_context(request).country
        )
        if denied is not None:
            return problem(denied.status, denied.reason, denied.detail, headers=ANYBODY)
        found = await self._finder.find(content_id, request_context(request).country, self._viewer(request))
        if not found.pathways:
            raise Overloaded(OverloadReason.NO_EDGE)
        found = replace(found, pathways=tuple(pathways.preferred(found.pathways, request.query.get("at", ""))))
        path = f"/t/{token}/cdn/{region}/{content_id}/"
        status, data = await self._top(found, path + name)
        if status != 200:
            return problem(status, "edge-refused", f"the edge answered {status}", headers=ANYBODY)
        return self._absolute(request, data, found, path, name, content_id)

    def _absolute(
        self, request: web.Request, data: bytes, found: Found, path: str, name: str, content_id: str
    ) -> web.Response:
        bases = {one.id: one.base + path for one in found.pathways}
        dash = name.endswith(".mpd")
        viewer = self._viewer(request)
        address = steering_url(origin_of(request), content_id, dash=dash)
        server = f"{address}{'&' if dash else '?'}whole=1&viewer={viewer}&at={found.pathways[0].id}"
        try:
            text = steered_manifest(data, server, bases) if dash else steered_playlist(data.decode(), server, bases)
        except ValueError as error:
            raise UpstreamFailed(UpstreamReason.TOP_UNREADABLE, detail=f"{name} cannot be read: {error}") from None
        kind = "application/dash+xml" if dash else "application/vnd.apple.mpegurl"
        body = text if isinstance(text, bytes) else text.encode()
        return web.Response(body=body, headers=ANYBODY | {"Content-Type": kind})

    async def _top(self, found: Found, path: str) -> tuple[int, bytes]:
        """The first answer that an edge gives. Raises UpstreamFailed when none does."""
        timeout = aiohttp.ClientTimeout(total=TOP_SECONDS, sock_connect=1.0)
        status = 0
        for pathway in found.pathways:
            try:
                url = URL(pathway.base + path, encoded=True)
                plain = {"Accept-Encoding": "identity"}
                async with self._client.get(url, timeout=timeout, allow_redirects=False, headers=plain) as got:
                    status, data = got.status, await _bounded(got.content)
            except (aiohttp.ClientError, TimeoutError) as error:
                log.warning("edge-unreachable", edge=pathway.id, error=type(error).__name__)
                continue
            if status < 500:
                if len(data) > MAX_TOP:
                    raise UpstreamFailed(UpstreamReason.TOP_TOO_LARGE, detail=f"{len(data)} bytes")
                return status, data
        raise UpstreamFailed(UpstreamReason.NO_EDGE, detail=f"no edge answers{f' but with {status}' if status else ''}")


async def _bounded(content: aiohttp.StreamReader) -> bytes:
    """All of a body, or a byte more than is taken."""
    data = b""
    async for piece in content.iter_chunked(64 * 1024):
        data += piece
        if len(data) > MAX_TOP:
            break
    return data


def origin_of(request: web.Request) -> str:
    """Scheme and host that the asker used; "" where his Host is none."""
    host = request.headers.get("Host", "")
    if not _HOST.fullmatch(host):
        return ""
    return f"{'https' if request_context(request).secure else 'http'}://{host}"


def _reload(request: web.Request, content_id: str, who: pathways.Asker, viewer: str) -> str:
    """Absolute, since Shaka resolves it against the top file and not against this address."""
    query: Mapping[str, Any] = {"viewer": viewer}
    query = dict(query) | ({"manifest": "dash"} if who.dash else {}) | ({"whole": "1"} if who.whole else {})
    return f"{origin_of(request)}/steering/{content_id}?" + "&".join(f"{name}={text}" for name, text in query.items())
