"""What operators do with search over HTTP: pins, synonyms, queries without results, a rebuild."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

from aiohttp import web
from msgspec import Meta, Struct

from httpd.openapi import Parameter
from kernel.errors import BadRequest
from services.http import params
from services.http.body_schema import schema_of
from services.http.route import Access, Route, json_response
from services.search.index import stages
from services.search.learning.learning import MAX_GROUPS, MAX_PINS, Learning
from services.search.service import SearchService
from services.search.text.fold import key

Name = Annotated[str, Meta(min_length=1, max_length=100)]


class Pins(Struct, rename="camel"):
    """The body of a change of pins: the titles in front of the results of a query, in order; none unpins."""

    query: Annotated[str, Meta(min_length=1, max_length=256)]
    content_ids: Annotated[list[str], Meta(max_length=MAX_PINS)]


class Nothing(Struct):
    """The body of a request that says all by its path: an object, whose fields are ignored."""


class Synonyms(Struct):
    """The body of a change of synonyms: groups of words or short phrases that mean the same."""

    groups: Annotated[list[Annotated[list[Name], Meta(min_length=2, max_length=8)]], Meta(max_length=MAX_GROUPS)]


_PINNED = {"type": "array", "maxItems": MAX_PINS, "items": params.CONTENT_ID_SCHEMA}


class SearchOperatorRoutes:
    """`/search/pins`, `/search/synonyms`, `/search/empty`, `/search/rebuild`; all need an API key."""

    def __init__(self, service: SearchService, learning: Learning) -> None:
        self._service = service
        self._learning = learning

    def routes(self) -> tuple[Route, ...]:
        """The route table."""
        query = Parameter("query", "The query.", required=True, schema={"type": "string", "minLength": 1})
        limit = Parameter("limit", "Number of queries, 1 to 1000.", schema=params.integer_schema(1, 1000, 100))
        groups = {"type": "object", "properties": {"groups": {"type": "array"}}}
        pinned = {"type": "object", "properties": {"query": {"type": "string"}, "contentIds": {"type": "array"}}}
        return (
            Route(
                "GET", "/search/pins", self.get_pins, Access.OPERATOR, "The titles pinned for a query",
                (query,), response=pinned,
            ),
            Route(
                "PUT", "/search/pins", self.put_pins, Access.OPERATOR, "Replace the titles pinned for a query",
                body=schema_of(Pins, contentIds=_PINNED), response=pinned, errors=(404, 503),
            ),
            Route(
                "GET", "/search/synonyms", self.get_synonyms, Access.OPERATOR, "The groups of synonyms", response=groups
            ),
            Route(
                "PUT", "/search/synonyms", self.put_synonyms, Access.OPERATOR, "Replace the groups of synonyms",
                body=schema_of(Synonyms), response=groups, errors=(409, 503),
            ),
            Route(
                "GET", "/search/empty", self.get_empty, Access.OPERATOR, "Queries without results, most frequent first",
                (limit,), response={"type": "array", "items": {"type": "object"}}, errors=(503,),
            ),
            Route(
                "POST", "/search/rebuild", self.post_rebuild, Access.OPERATOR,
                "Build the index from the catalogue again; the present one serves meanwhile",
                body={"type": "object"}, response={"type": "object"}, statuses=(202,),
            ),
        )  # fmt: skip

    async def get_pins(self, request: web.Request) -> web.Response:
        """The pins of a query."""
        line = key(params.required(request, "query"))
        return json_response({"query": line, "contentIds": self._learning.pins(line)})

    async def put_pins(self, request: web.Request) -> web.Response:
        """Replace the pins of a query; responds once they are durable and in use."""
        pins = await params.body(request, Pins)
        ids = list(dict.fromkeys(params.content_id(name) for name in pins.content_ids))
        known = {row.content_id for row in stages.fetch_titles(self._service.snapshot, ids)}
        if unknown := [name for name in ids if name not in known]:
            raise BadRequest(404, "title-unknown", f"there is no title {unknown[0]}")
        line = key(pins.query)
        if not line:
            raise BadRequest(400, "body-field", "field `query`: has no letter, digit or sign")
        await self._learning.set_pins(line, ids)
        return json_response({"query": line, "contentIds": ids})

    async def get_synonyms(self, _: web.Request) -> web.Response:
        """The groups of synonyms."""
        return json_response({"groups": self._learning.groups})

    async def put_synonyms(self, request: web.Request) -> web.Response:
        """Replace the synonyms; responds once they are durable and in use."""
        body = await params.body(request, Synonyms)
        for place, group in enumerate(body.groups):
            if len({key(name) for name in group if key(name)}) < 2:
                raise BadRequest(409, "contradiction", f"field `groups[{place}]`: needs two different words")
        await self._learning.set_synonyms([tuple(group) for group in body.groups])
        return json_response({"groups": self._learning.groups})

    async def get_empty(self, request: web.Request) -> web.Response:
        """Queries that found nothing."""
        found = await self._learning.read_empty(params.integer(request, "limit", 100, 1, 1000))
        return json_response(
            [
                {"query": query, "count": count, "last": datetime.fromtimestamp(at, UTC).isoformat()}
                for query, count, at in found
            ]
        )

    async def post_rebuild(self, request: web.Request) -> web.Response:
        """Start a rebuild of the index."""
        await params.body(request, Nothing)
        self._service.rebuild()
        return json_response({"status": "rebuilding"}, status=202)
