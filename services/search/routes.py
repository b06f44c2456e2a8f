"""Search over HTTP."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from ipaddress import IPv6Address, IPv6Network
from typing import Annotated, Any

import msgspec
from aiohttp import web
from cachetools import LRUCache
from msgspec import Meta, Struct

from httpd.openapi import Parameter
from kernel.errors import BadRequest, Overloaded, StorageFailed
from services.http import params
from services.http.body_schema import schema_of
from services.http.geo import IPAddress
from services.http.maturity import MaturityLimit, no_limit
from services.http.request_context import request_context, viewer_country
from services.http.route import Access, Route, json_response
from services.search.index import stages
from services.search.index.entry import TitleRow
from services.search.index.facets import count_facets
from services.search.index.title_index import Snapshot
from services.search.learning.learning import MAX_STORED_QUERY, Learning
from services.search.query.filters import Filters, filter_clauses, passes
from services.search.query.parse import ParsedQuery, parse_query, read_hints
from services.search.query.request import Boosts, Hit, Results, SearchRequest, Stage
from services.search.query.request_params import PARAMETERS, SearchParameters, read_parameters
from services.search.service import SearchService
from services.search.text.fold import key
from services.search.text.snippet import highlight, snippet

MAX_CACHE_BYTES = 32 << 20
"""Responses kept until the index or what search has learnt changes."""
MAX_PREFIX_LENGTH = 100
TRENDING = 200
"""Titles that viewers watch now, of which those licensed and suitable are shown."""
_ITEM = {
    "type": "object",
    "required": ["contentId", "title", "snippet"],
    "properties": {
        "contentId": {"type": "string"},
        "title": {"type": "string"},
        "snippet": {"type": "string", "description": "Text around the matching words, HTML-escaped."},
        "year": {"type": ["integer", "null"]},
        "playable": {"type": "boolean"},
        "kind": {"type": "string"},
        "highlight": {"type": "string"},
        "match": {"type": "object"},
    },
}
_LIST = {"type": "array", "items": _ITEM}
_PAGE = {
    "type": "object",
    "required": ["items", "facets", "total", "nextCursor"],
    "properties": {
        "items": _LIST,
        "facets": {"type": "object"},
        "total": {"type": "integer"},
        "nextCursor": {"type": ["string", "null"]},
        "didYouMean": {"type": ["string", "null"]},
        "partial": {"type": "boolean"},
    },
}
_SUGGESTION = {
    "type": "object",
    "required": ["text", "kind"],
    "properties": {
        "text": {"type": "string"},
        "kind": {"enum": ["title", "person", "genre"]},
        "contentId": {"type": "string"},
    },
}

Taste = Callable[[str, str | None], Awaitable[Mapping[str, float]]]
"""The titles that a profile would like in a country, 0 to 1."""
ReportClick = Callable[[str, str, str | None], Awaitable[None]]
"""Tells who opened what, and in which country."""
Watched = Callable[[str | None, int], Mapping[str, float]]
"""The titles that viewers of a country watch now, at most so many, 0 to 1."""


class Click(Struct, rename="camel"):
    """The body of feedback: the title that a viewer chose among the results of a query."""

    query: Annotated[str, Meta(min_length=1, max_length=256)]
    content_id: str


class SearchRoutes:
    """GET /search, /search/suggest, /search/trending, POST /search/feedback."""

    def __init__(
        self,
        service: SearchService,
        learning: Learning,
        maturity: MaturityLimit = no_limit,
    ) -> None:
        self._service = service
        self._learning = learning
        self._maturity = maturity
        self.taste: Taste | None = None
        """Set where recommendations run in the same process; without it all viewers get the same order."""
        self.report_click: ReportClick | None = None
        """Set there too: what a viewer opens from a search says something of their taste."""
        self.watched: Watched | None = None
        """Set likewise; without it clicks and popularity alone make trends."""
        self._cache: LRUCache[object, bytes] = LRUCache(MAX_CACHE_BYTES, getsizeof=len)

    def routes(self) -> tuple[Route, ...]:
        """Search's route table."""
        country = next(one for one in PARAMETERS if one.name == "country")
        limit = Parameter("limit", "Number of results, 1 to 50.", schema=params.integer_schema(1, 50, 10))
        prefix = Parameter(
            "prefix",
            "What the viewer has typed so far; nothing yet gets an empty list.",
            schema={"type": "string", "maxLength": MAX_PREFIX_LENGTH},
        )
        search = Route(
            "GET", "/search", self.search, Access.VIEWER,
            "Titles that match a query, best first; tolerates typos; without a query what is watched now",
            PARAMETERS, response={"anyOf": [_LIST, _PAGE]}, errors=(503,),
        )  # fmt: skip
        suggest = Route(
            "GET", "/search/suggest", self.suggest, Access.VIEWER, "Titles, people and genres that begin so",
            (prefix, limit, country), response={"type": "array", "items": _SUGGESTION}, errors=(503,),
        )  # fmt: skip
        trending = Route(
            "GET", "/search/trending", self.trending, Access.VIEWER, "What viewers of a country choose now",
            (country, limit), response=_LIST, errors=(503,),
        )  # fmt: skip
        feedback = Route(
            "POST", "/search/feedback", self.post_feedback, Access.VIEWER, "Say which result a viewer chose",
            body=schema_of(Click, contentId=params.CONTENT_ID_SCHEMA), response={"type": "object"}, errors=(404, 503),
        )  # fmt: skip
        return search, suggest, trending, feedback

    async def search(self, request: web.Request) -> web.Response:
        """Search the titles licensed in the viewer's country."""
        country, maturity = viewer_country(request), await self._maturity(request)
        snapshot = self._service.snapshot
        taste = await self._taste_of(request, country)
        versions = (snapshot.version, self._service.table.version, self._learning.version)
        mark = (request.query_string, country, maturity, versions)
        if not taste and (body := self._cache.get(mark)) is not None:
            return _json_bytes(body)
        asked = read_parameters(request, country, maturity)
        shown = await self._answer(asked, snapshot, taste)
        body = msgspec.json.encode(shown)
        # What is watched now changes without a version.
        if not taste and asked.text and len(body) < MAX_CACHE_BYTES // 64:
            self._cache[mark] = body
        return _json_bytes(body)

    async def _taste_of(self, request: web.Request, country: str | None) -> Mapping[str, float]:
        """What the viewer would like; nothing for guests and operators, nor while it cannot be read."""
        account = request_context(request).caller.account
        if self.taste is None or account is None:
            return {}
        try:
            return await self.taste(account.profile_id, country)
        except (StorageFailed, Overloaded):
            return {}

    async def _answer(self, asked: SearchParameters, snapshot: Snapshot, taste: Mapping[str, float]) -> Any:
        synonyms = self._learning.synonyms
        query = parse_query(asked.text, synonyms)
        if asked.text and not query.lines:
            return _page(asked, [], {}, 0, None) if asked.paged else []
        if not query.lines and not asked.paged and asked.filters == Filters(asked.filters.country):
            rows = await self._service.run_query(self._trending_rows, snapshot, asked.filters, asked.limit)
            return [_item(Hit(row, Stage.BROWSE), query, asked) for row in rows]
        line = query.line[:MAX_STORED_QUERY]
        request = SearchRequest(
            query,
            asked.filters,
            read_hints(asked.text, self._service.table.genres, synonyms) if query.words else None,
            asked.limit,
            asked.offset,
            asked.sort,
            asked.typos,
            Boosts(self._learning.lifts(line), taste, self._learning.pins(line)),
        )
        results = await self._service.search(request)
        if not results.hits and not asked.offset and query.line:
            self._learning.count_empty(query.line)
        items = [_item(hit, query, asked) for hit in results.hits]
        if not asked.paged:
            return items
        facets, total = await self._service.run_query(self._count, snapshot, asked, results)
        return _page(asked, items, facets, total, results)

    def _count(self, snapshot: Snapshot, asked: SearchParameters, results: Results) -> tuple[dict[str, Any], int]:
        clauses = filter_clauses(asked.filters)
        everything = results.everything()
        facets = count_facets(snapshot, everything, clauses, asked.facets, self._service.table.names)
        return facets, stages.count_titles(snapshot, everything, clauses)

    def _trending_rows(self, snapshot: Snapshot, filters: Filters, limit: int) -> list[TitleRow]:
        """The titles that viewers watch and choose now, then the most popular ones."""
        clicked = self._learning.trending(filters.country)
        watched = self.watched(filters.country, TRENDING) if self.watched is not None else {}
        most = max(clicked.values(), default=1.0)
        scores = {name: watched.get(name, 0.0) + clicked.get(name, 0.0) / most for name in (*watched, *clicked)}
        ids = sorted(scores, key=lambda name: (-scores[name], name))[: max(TRENDING, 4 * limit)]
        rows = {row.content_id: row for row in stages.fetch_titles(snapshot, ids)}
        found = [rows[name] for name in ids if name in rows and passes(rows[name], filters)]
        popular = stages.fetch_popular(snapshot, stages.all_titles(), filter_clauses(filters), limit + len(found))
        return list({row.content_id: row for row in (*found, *popular)}.values())[:limit]

    async def trending(self, request: web.Request) -> web.Response:
        """What viewers of a country choose now."""
        filters = Filters(viewer_country(request), maturity=await self._maturity(request))
        limit = params.integer(request, "limit", 10, 1, 50)
        rows = await self._service.run_query(self._trending_rows, self._service.snapshot, filters, limit)
        return json_response([_plain_item(row) for row in rows])

    async def suggest(self, request: web.Request) -> web.Response:
        """Completions of what the viewer has typed."""
        prefix = params.text(request, "prefix") or ""
        if len(prefix) > MAX_PREFIX_LENGTH:
            raise BadRequest(
                400, "query-too-long", f"query parameter `prefix` is longer than {MAX_PREFIX_LENGTH} characters"
            )
        country, limit = viewer_country(request), params.integer(request, "limit", 10, 1, 50)
        found = self._service.suggest(prefix, country, await self._maturity(request), limit)
        return json_response(
            [
                {"text": one.text, "kind": one.kind} | ({"contentId": one.content_id} if one.content_id else {})
                for one in found
            ]
        )

    async def post_feedback(self, request: web.Request) -> web.Response:
        """Remember which result a viewer chose; responds once it is durable."""
        click = await params.body(request, Click)
        content = params.content_id(click.content_id)
        if not stages.fetch_titles(self._service.snapshot, [content]):
            raise BadRequest(404, "title-unknown", "there is no such title")
        if not key(click.query):
            raise BadRequest(400, "body-field", "field `query`: has no letter, digit or sign")
        context = request_context(request)
        # Guests get as many cookies as they like, so that those of one address count as one viewer.
        account = context.caller.account
        subject = account.profile_id if account is not None else f"address {_network(context.address)}"
        await self._learning.remember_click(click.query, content, subject, context.country)
        if self.report_click is not None and context.caller.subject is not None:
            await self.report_click(context.caller.subject, content, context.country)
        return json_response({"status": "stored"})


def _network(address: IPAddress | None) -> str:
    """The address of one client: of IPv6 the first 64 bits, within which it may choose (RFC 4291 §2.5.4)."""
    if isinstance(address, IPv6Address):
        return str(IPv6Network((address, 64), strict=False))
    return str(address)


def _json_bytes(body: bytes) -> web.Response:
    response = web.Response(body=body, content_type="application/json")
    response.headers["Cache-Control"] = "no-store"
    return response


def _page(
    asked: SearchParameters, items: list[Any], facets: Mapping[str, Any], total: int, results: Results | None
) -> dict[str, Any]:
    page: dict[str, Any] = {
        "items": items,
        "facets": facets,
        "total": total,
        "nextCursor": asked.next_cursor(total, len(items)),
        "didYouMean": results.suggestion if results else None,
    }
    return page | ({"partial": True} if results and results.partial else {})


def _plain_item(row: TitleRow) -> dict[str, Any]:
    return {
        "contentId": row.content_id,
        "title": row.title,
        "snippet": snippet(row.text, ()),
        "year": row.year or None,
        "playable": row.playable,
        "kind": row.kind,
    }


def _item(hit: Hit, query: ParsedQuery, asked: SearchParameters) -> dict[str, Any]:
    row = hit.row
    sought = [word.text for word in query.words]
    item = _plain_item(row) | {"snippet": snippet(row.text, sought)}
    if asked.highlight:
        item["highlight"] = highlight(row.title, [*sought, *(other for word in query.words for other in word.others)])
    if asked.explain:
        item["match"] = {"stage": hit.stage, "where": hit.grade.name.lower(), "typos": hit.typos}
    return item
