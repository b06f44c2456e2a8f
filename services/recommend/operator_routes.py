"""What operators see of the recommendations, over HTTP and on a page: how lists do, and what is left early."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from aiohttp import web

from httpd.openapi import Parameter
from kernel.clock import Clock
from kernel.errors import BadRequest
from services.http import params
from services.http.route import Access, Route, json_response
from services.recommend.marks import LEFT_EARLY
from services.recommend.service import RecommendService
from services.recommend.serving.census import Census, judge_lists
from services.recommend.store import FeedbackStore
from services.recommend.titles import Audience

PAGE_FOLDER = Path(__file__).resolve().parents[2] / "web" / "operator"
PAGE = "/recommendations/console"
FILES = {
    "index.html": "text/html",
    "recommendations.js": "text/javascript",
    "recommendations.css": "text/css",
}
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


class RecommendOperatorRoutes:
    """`/recommendations/overview`, `/recommendations/early-exits` and the page that shows them."""

    def __init__(self, service: RecommendService, store: FeedbackStore, census: Census, clock: Clock) -> None:
        self._service = service
        self._store = store
        self._census = census
        self._clock = clock

    def routes(self) -> tuple[Route, ...]:
        """The route table."""
        least = Parameter(
            "viewers", "Only titles that so many viewers began.", schema=params.integer_schema(1, 1_000_000, 20)
        )
        limit = Parameter("limit", "Number of titles, 1 to 200.", schema=params.integer_schema(1, 200, 50))
        country = Parameter("country", "Only viewers in this country.", schema=params.COUNTRY_SCHEMA)
        return (
            Route(
                "GET", "/recommendations/overview", self.overview, Access.OPERATOR,
                "Coverage, concentration, cold titles and fallbacks of lists by country, and the model's age",
                response={"type": "object"},
            ),
            Route(
                "GET", "/recommendations/early-exits", self.early_exits, Access.OPERATOR,
                "Titles that many leave early, the most often left first", (country, least, limit),
                response={"type": "array"},
            ),
            Route("GET", PAGE, self.get_page, Access.ANYBODY, "The operators' page", hidden=True),
            Route("GET", f"{PAGE}/{{name}}", self.get_file, Access.ANYBODY, "Its files", hidden=True),
        )  # fmt: skip

    async def overview(self, _: web.Request) -> web.Response:
        """How lists of the last hour or two of this process did, and the model's age."""
        service, table = self._service, self._service.table
        size = len(table)
        viewers = np.zeros(size, np.float32)
        artefact = service.artefact
        if artefact is not None:
            numbers = service.candidates.numbers()[:size]
            viewers[numbers >= 0] = artefact.model.viewers[numbers[numbers >= 0]]
        countries = []
        for name in self._census.countries():
            lists, shown = self._census.of_country(name, size)
            allowed = table.shown_mask(Audience(name or None))
            countries.append({"country": name or None} | judge_lists(lists, shown, allowed, viewers))
        return json_response({"model": await self._model(), "countries": countries})

    async def _model(self) -> dict[str, Any]:
        artefact = self._service.artefact
        if artefact is None:
            return {"version": None, "made": None, "ageSeconds": None, "eventsSince": await self._store.head()}
        made = artefact.manifest
        return {
            "version": made.version,
            "made": made.made,
            "ageSeconds": round(max(0.0, self._clock.wall() - made.made), 1),
            "newestInteraction": made.until,
            "eventsSince": await self._store.count_after(made.cursor),
            "interactions": made.interactions,
            "weights": made.weights,
            "metrics": made.metrics.get("blend"),
        }

    async def early_exits(self, request: web.Request) -> web.Response:
        """Titles that many leave within the first tenth."""
        least = params.integer(request, "viewers", 20, 1, 1_000_000)
        limit = params.integer(request, "limit", 50, 1, 200)
        rows = await self._store.read_early_exits(LEFT_EARLY, least, limit, params.country(request))
        position, titles = self._service.table.position, self._service.table.titles
        return json_response(
            [
                {
                    "contentId": content,
                    "title": titles[position[content]].name if content in position else None,
                    "viewers": count,
                    "leftEarly": early,
                    "share": round(early / count, 6),
                    "meanShareWatched": round(mean, 6),
                }
                for content, count, early, mean in rows
            ]
        )

    async def get_page(self, _: web.Request) -> web.Response:
        """The page; it asks for the API key, and keeps it for the tab."""
        return _file("index.html")

    async def get_file(self, request: web.Request) -> web.Response:
        """A file of the page."""
        name = request.match_info["name"]
        if name not in FILES or name == "index.html":
            raise BadRequest(404, "not-found", "there is no such file")
        return _file(name)


def _file(name: str) -> web.Response:
    body = (PAGE_FOLDER / name).read_bytes()
    response = web.Response(body=body, content_type=FILES[name], charset="utf-8")
    response.headers.update({"Content-Security-Policy": POLICY, "X-Frame-Options": "DENY", "Cache-Control": "no-cache"})
    return response
