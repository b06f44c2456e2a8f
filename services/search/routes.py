"""HTTP routes of search."""

from __future__ import annotations

from aiohttp import web

from httpd.openapi import Parameter
from kernel.errors import BadRequest
from services.http import params
from services.http.request_context import viewer_country
from services.http.route import Access, Route, json_response
from services.search.rank import Candidate
from services.search.schema import Filters, genre_key
from services.search.service import SearchService
from services.search.words import MAX_QUERY_LENGTH, MAX_WORDS, snippet, words

MAX_GENRES = 8
_RESULT = {
    "type": "array",
    "items": {
        "type": "object",
        "required": ["contentId", "title", "snippet"],
        "properties": {
            "contentId": {"type": "string"},
            "title": {"type": "string"},
            "snippet": {"type": "string", "description": "Text around the matching words, HTML-escaped."},
            "year": {"type": ["integer", "null"]},
        },
    },
}


class SearchRoutes:
    """GET /search."""

    def __init__(self, service: SearchService) -> None:
        self._service = service

    def routes(self) -> tuple[Route, ...]:
        """Search's route table."""
        parameters = (
            Parameter("query", f"The query, up to {MAX_QUERY_LENGTH} characters; its last word may be a prefix."),
            Parameter("genre", "Only titles of this genre; if repeated, of all these genres."),
            Parameter("limit", "Number of titles, 1 to 100.", schema=params.integer_schema(1, 100, 20)),
            Parameter(
                "country", "Use this country instead of the viewer's own (API key only).", schema=params.COUNTRY_SCHEMA
            ),
        )
        summary = "Titles that match a query, best first; tolerates typos"
        return (
            Route("GET", "/search", self.search, Access.VIEWER, summary, parameters, response=_RESULT, errors=(503,)),
        )

    async def search(self, request: web.Request) -> web.Response:
        """Search the titles licensed in the viewer's country."""
        genres = request.query.getall("genre", [])
        if len(genres) > MAX_GENRES or any(len(genre) > 100 for genre in genres):
            raise BadRequest(400, "genre", f"at most {MAX_GENRES} genres of up to 100 characters")
        limit = params.integer(request, "limit", 20, 1, 100)
        query = (params.text(request, "query") or "").strip()
        if len(query) > MAX_QUERY_LENGTH:
            raise BadRequest(
                400, "query-too-long", f"query parameter `query` is longer than {MAX_QUERY_LENGTH} characters"
            )
        wanted = [genre_key(genre) for genre in genres if genre.strip()]
        if not query and not wanted:
            raise BadRequest(400, "query-empty", "query parameter `query` is required (or `genre` to browse)")
        sought = words(query)[:MAX_WORDS]
        if query and not sought:
            return json_response([])  # A query of punctuation only matches nothing.
        filters = Filters(viewer_country(request), tuple(wanted))
        found = await self._service.search(sought, filters, limit)
        return json_response([_shown(candidate, sought) for candidate in found])


def _shown(candidate: Candidate, sought: list[str]) -> dict[str, object]:
    return {
        "contentId": candidate.content_id,
        "title": candidate.title,
        "snippet": snippet(candidate.text, sought),
        "year": candidate.year or None,
    }
