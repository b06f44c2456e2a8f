"""HTTP routes of the catalogue: titles licensed in the viewer's country, and licences set by operators."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable
from typing import Annotated, Any

import msgspec
from aiohttp import web
from msgspec import Meta, Struct

from httpd.openapi import Parameter
from kernel.errors import BadRequest
from kernel.vocabulary import CONTENT_ID
from services.catalogue.store import CatalogueStore, Position
from services.catalogue.title import COUNTRY, MAX_POPULARITY, Title, is_licensed, normalise_countries
from services.http import params
from services.http.request_context import request_context, viewer_country
from services.http.route import Access, Route, json_response

TITLE_SCHEMA = {
    "type": "object",
    "required": ["contentId", "title", "playable"],
    "properties": {
        "contentId": {"type": "string"},
        "title": {"type": "string"},
        "year": {"type": ["integer", "null"]},
        "genres": {"type": "array", "items": {"type": "string"}},
        "cast": {"type": "array", "items": {"type": "string"}},
        "description": {"type": "string"},
        "playable": {"type": "boolean"},
        "durationSeconds": {"type": ["number", "null"]},
        "thumbnail": {"type": ["string", "null"]},
        "rating": {"type": ["number", "null"]},
        "popularity": {"type": "number"},
        "attribution": {"type": "string"},
    },
}
MAX_IDS = 100
MAX_CURSOR_LENGTH = 300
_COUNTRY = Parameter("country", "Use this country instead of the viewer's own (API key only).")


class LicenceBody(Struct, forbid_unknown_fields=True):
    """The body of a licence: null = everywhere, a list = only there, an empty list = nowhere."""

    countries: Annotated[list[Annotated[str, Meta(pattern=COUNTRY)]], Meta(max_length=300)] | None


class CatalogueRoutes:
    """GET /titles, GET /titles/{id}, PUT /titles/{id}/licence."""

    def __init__(self, store: CatalogueStore, changed: Callable[[], None]) -> None:
        self._store = store
        self._changed = changed

    def routes(self) -> tuple[Route, ...]:
        """The catalogue's route table."""
        one = Parameter("contentId", "The title.", location="path")
        page = (
            Parameter("cursor", "The `nextCursor` of the previous page."),
            Parameter("ids", "Only these titles: at most 100 contentIds, comma-separated; one page, in no order."),
            Parameter("limit", "Titles per page, 1 to 100.", schema={"type": "integer", "default": 50}),
            _COUNTRY,
        )
        listing = {
            "type": "object",
            "properties": {
                "titles": {"type": "array", "items": TITLE_SCHEMA},
                "nextCursor": {"type": ["string", "null"]},
            },
        }
        body = {"type": "object", "properties": {"countries": {"type": ["array", "null"], "items": {"type": "string"}}}}
        return (
            Route(
                "GET", "/titles", self.list_titles, Access.VIEWER, "Titles licensed in the viewer's country",
                page, response=listing,
            ),
            Route(
                "GET", "/titles/{contentId}", self.get_title, Access.VIEWER, "One title",
                (one, _COUNTRY), response=TITLE_SCHEMA, errors=(404,),
            ),
            Route(
                "PUT", "/titles/{contentId}/licence", self.put_licence, Access.OPERATOR,
                "Set the countries of a title's licence", (one,), body=body, response=TITLE_SCHEMA, errors=(404,),
            ),
        )  # fmt: skip

    async def list_titles(self, request: web.Request) -> web.Response:
        """A page of titles: playable ones first, then by popularity."""
        named = params.text(request, "ids")
        if named is not None:
            return await self._list_by_ids(request, named)
        limit = params.integer(request, "limit", 50, 1, 100)
        cursor = params.text(request, "cursor")
        country = viewer_country(request)
        after = decode_cursor(cursor) if cursor else None
        page = await self._store.page(country, after, limit + 1)
        more = page[limit - 1][0] if len(page) > limit else None
        operator = request_context(request).caller.operator
        shown = [title_json(title, operator=operator) for _, title in page[:limit]]
        return json_response({"titles": shown, "nextCursor": encode_cursor(more) if more else None})

    async def _list_by_ids(self, request: web.Request, named: str) -> web.Response:
        ids = [params.content_id(part) for part in named.split(",")[: MAX_IDS + 1]]
        if len(ids) > MAX_IDS:
            raise BadRequest(400, "parameter-range", f"query parameter `ids` names more than {MAX_IDS} titles")
        country, operator = viewer_country(request), request_context(request).caller.operator
        found = (await self._store.get_many(ids)).values()
        shown = [title_json(title, operator=operator) for title in found if is_licensed(title.countries, country)]
        return json_response({"titles": shown, "nextCursor": None})

    async def get_title(self, request: web.Request) -> web.Response:
        """One title; 404 also if it is not licensed in the viewer's country."""
        title = await self._store.get(params.content_id(request.match_info["contentId"]))
        operator = request_context(request).caller.operator and params.country(request) is None
        if title is None or not (operator or is_licensed(title.countries, viewer_country(request))):
            raise BadRequest(404, "title-unknown", "there is no such title in this country")
        return json_response(title_json(title, operator=request_context(request).caller.operator))

    async def put_licence(self, request: web.Request) -> web.Response:
        """Set a title's countries."""
        content_id = params.content_id(request.match_info["contentId"])
        countries = (await params.body(request, LicenceBody)).countries
        done = await self._store.set_licence(content_id, None if countries is None else normalise_countries(countries))
        title = await self._store.get(content_id) if done else None
        if title is None:
            raise BadRequest(404, "title-unknown", "there is no such title")
        self._changed()
        return json_response(title_json(title, operator=True))


def title_json(title: Title, *, operator: bool) -> dict[str, Any]:
    """A title as JSON; only operators see its countries."""
    film = title.playable
    shown = {
        "contentId": title.content_id,
        "title": title.title,
        "year": title.year,
        "genres": title.genres,
        "cast": title.cast,
        "description": title.description,
        "playable": film is not None,
        "durationSeconds": film.duration if film else None,
        "thumbnail": f"/posters/{title.content_id}" if film and film.thumbnail else None,
        "rating": title.rating,
        "popularity": title.popularity,
        "attribution": title.attribution,
    }
    return shown | {"countries": title.countries} if operator else shown


_Position = tuple[
    Annotated[int, Meta(ge=0, le=1)],
    Annotated[float, Meta(ge=0, le=MAX_POPULARITY)],
    Annotated[str, Meta(pattern=rf"^{CONTENT_ID.pattern}\Z")],
]
"""The values that a decoded cursor may have: no others reach the database."""


def encode_cursor(position: Position) -> str:
    """Encode a position in the list as an opaque cursor."""
    return base64.urlsafe_b64encode(msgspec.json.encode(position)).decode().rstrip("=")


def decode_cursor(text: str) -> Position:
    """Decode a cursor. Raises BadRequest if `encode_cursor` cannot have made it."""
    try:
        if len(text) > MAX_CURSOR_LENGTH:
            raise ValueError("too long")
        raw = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
        position: Position = msgspec.json.decode(raw, type=_Position)
    except (ValueError, binascii.Error, msgspec.DecodeError):
        raise BadRequest(400, "cursor", "query parameter `cursor` is not a `nextCursor` of this API") from None
    return position
