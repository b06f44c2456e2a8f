"""HTTP routes of the catalogue: titles licensed in the viewer's country, and licences set by operators."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Annotated, Any

from aiohttp import web
from msgspec import UNSET, Meta, Struct, UnsetType

from httpd.openapi import Parameter
from kernel.clock import Clock
from kernel.errors import BadRequest
from kernel.titles import TITLE_PATTERN
from kernel.vocabulary import CONTENT_ID
from services.catalogue.ages import find_ages
from services.catalogue.licence import MAX_WINDOWS, EmptyWindow
from services.catalogue.store import CatalogueStore, Outcome, Position
from services.catalogue.title import COUNTRY, Kind, Title, is_available, normalise_countries
from services.catalogue.title_json import TITLE_SCHEMA, title_json
from services.catalogue.title_line import LineError, TitleLine, WindowLine, check_line, parse_windows
from services.http import params
from services.http.body_schema import schema_of
from services.http.maturity import MaturityLimit, is_suitable, no_limit
from services.http.request_context import request_context, viewer_country
from services.http.route import Access, Route, json_response

LISTING: dict[str, object] = {
    "type": "object",
    "properties": {
        "titles": {"type": "array", "items": TITLE_SCHEMA},
        "nextCursor": {"type": ["string", "null"]},
    },
}
MAX_CHILDREN = 1000
MAX_IDS = 100
_CURSOR = re.compile(
    rf"[01]~(?:0|[1-9][0-9]{{0,12}})(?:\.[0-9]{{1,20}})?(?:e-[0-9]{{1,3}})?~{CONTENT_ID.pattern}", re.ASCII
)
"""A position in the list: playable, popularity and contentId. Whatever matches can be decoded."""
_ETAG = re.compile(r'"(\d{1,18})"', re.ASCII)
_COUNTRY = Parameter(
    "country", "Use this country instead of the viewer's own (API key only).", schema=params.COUNTRY_SCHEMA
)

_PAGE = (
    Parameter(
        "cursor",
        "The `nextCursor` of the previous page.",
        schema={"type": "string", "pattern": f"^({_CURSOR.pattern})?$"},
    ),
    Parameter(
        "ids",
        "Only these titles: at most 100 contentIds, comma-separated; one page, in no order.",
        schema={"type": "string", "pattern": f"^{CONTENT_ID.pattern}(,{CONTENT_ID.pattern}){{0,99}}$"},
    ),
    Parameter(
        "parent",
        "Only the seasons or episodes of this title, in their order; one page.",
        schema=params.CONTENT_ID_SCHEMA,
    ),
    Parameter("limit", "Titles per page, 1 to 100.", schema=params.integer_schema(1, 100, 50)),
    _COUNTRY,
)


class LicenceBody(Struct, forbid_unknown_fields=True):
    """The body of a licence: `countries` null = everywhere, a list = only there, an empty list = nowhere; or `windows`.

    A window is `{countries, starts, ends}`; `starts` and `ends` are RFC 3339 or Unix seconds.
    """

    countries: Annotated[list[Annotated[str, Meta(pattern=COUNTRY)]], Meta(max_length=300)] | UnsetType | None = UNSET
    windows: Annotated[list[WindowLine], Meta(max_length=MAX_WINDOWS)] | UnsetType = UNSET


_NAME = {"type": "string", "minLength": 1, "maxLength": 500, "pattern": TITLE_PATTERN}
TITLE = schema_of(TitleLine, title=_NAME) | {
    "not": {
        "required": ["countries", "windows"],
        "properties": {"countries": {"type": "array"}, "windows": {"type": "array"}},
    },
    "anyOf": [
        {"properties": {"kind": {"enum": [None, Kind.FILM, Kind.SERIES]}}},
        {"required": ["parent"], "properties": {"parent": {"type": "string"}}},
    ],
}
LICENCE = schema_of(LicenceBody) | {"minProperties": 1, "maxProperties": 1}


class CatalogueRoutes:
    """GET /titles, GET, PUT and DELETE /titles/{id}, PUT /titles/{id}/licence."""

    def __init__(
        self, store: CatalogueStore, changed: Callable[[], None], clock: Clock, maturity: MaturityLimit = no_limit
    ) -> None:
        self._store = store
        self._changed = changed
        self._clock = clock
        self._maturity = maturity

    def routes(self) -> tuple[Route, ...]:
        """The catalogue's route table."""
        one = Parameter("contentId", "The title.", location="path", schema=params.CONTENT_ID_SCHEMA)
        return (
            Route(
                "GET", "/titles", self.list_titles, Access.VIEWER, "Titles licensed in the viewer's country",
                _PAGE, response=LISTING,
            ),
            Route(
                "GET", "/titles/{contentId}", self.get_title, Access.VIEWER, "One title",
                (one, _COUNTRY), response=TITLE_SCHEMA, errors=(404,),
            ),
            Route(
                "PUT", "/titles/{contentId}", self.put_title, Access.OPERATOR,
                "Create or replace a title; If-Match and If-None-Match are honoured", (one,), body=TITLE,
                response=TITLE_SCHEMA, statuses=(200, 201), errors=(409, 412),
            ),
            Route(
                "DELETE", "/titles/{contentId}", self.delete_title, Access.OPERATOR, "Delete an unpublished title",
                (one,), response={"type": "object"}, errors=(404, 409, 412),
            ),
            Route(
                "PUT", "/titles/{contentId}/licence", self.put_licence, Access.OPERATOR,
                "Set where and when a title may be watched", (one,), body=LICENCE, response=TITLE_SCHEMA,
                errors=(404, 409),
            ),
        )  # fmt: skip

    async def list_titles(self, request: web.Request) -> web.Response:
        """A page of titles: playable ones first, then by popularity."""
        limit = params.integer(request, "limit", 50, 1, 100)
        named, parent, cursor = (params.text(request, name) for name in ("ids", "parent", "cursor"))
        if parent is not None:
            params.content_id(parent)
        after = decode_cursor(cursor) if cursor else None
        if named is not None:
            return await self._list_by_ids(request, named)
        if parent is not None:
            return await self._list_children(request, parent)
        country = viewer_country(request)
        page = await self._store.page(country, after, limit + 1, await self._maturity(request))
        more = page[limit - 1][0] if len(page) > limit else None
        operator = request_context(request).caller.operator
        suitable = await self._suitable(request, [title for _, title in page[:limit]])
        shown = [title_json(title, operator=operator) for title in suitable]
        return json_response({"titles": shown, "nextCursor": encode_cursor(more) if more else None})

    async def _list_by_ids(self, request: web.Request, named: str) -> web.Response:
        ids = [params.content_id(part) for part in named.split(",")[: MAX_IDS + 1]]
        if len(ids) > MAX_IDS:
            raise BadRequest(400, "parameter-range", f"query parameter `ids` names more than {MAX_IDS} titles")
        country, operator = viewer_country(request), request_context(request).caller.operator
        found = (await self._store.get_many(ids)).values()
        now = self._clock.wall()
        shown = await self._suitable(request, [title for title in found if is_available(title, country, now)])
        return json_response({"titles": [title_json(title, operator=operator) for title in shown], "nextCursor": None})

    async def _suitable(self, request: web.Request, titles: Sequence[Title]) -> list[Title]:
        """Those of the titles that are for the age of the caller's profile."""
        limit = await self._maturity(request)
        if limit is None:
            return list(titles)
        ages = await find_ages(self._store, titles)
        return [title for title in titles if is_suitable(ages[title.content_id], limit)]

    async def _list_children(self, request: web.Request, parent: str) -> web.Response:
        operator = request_context(request).caller.operator
        found = await self._store.list_children(parent, viewer_country(request), MAX_CHILDREN)
        shown = [title_json(one, operator=operator) for one in await self._suitable(request, found)]
        return json_response({"titles": shown, "nextCursor": None})

    async def get_title(self, request: web.Request) -> web.Response:
        """One title; 404 also if it is not licensed in the viewer's country, or not for the age of their profile."""
        found = await self._store.get_with_seq(params.content_id(request.match_info["contentId"]))
        operator = request_context(request).caller.operator and params.country(request) is None
        if found is None or not (operator or is_available(found[1], viewer_country(request), self._clock.wall())):
            raise BadRequest(404, "title-unknown", "there is no such title in this country")
        if not await self._suitable(request, [found[1]]):
            raise BadRequest(404, "title-unknown", "there is no such title for this profile")
        return _with_etag(title_json(found[1], operator=request_context(request).caller.operator), found[0])

    async def put_title(self, request: web.Request) -> web.Response:
        """Create or replace a title, unless somebody else changed it meanwhile (If-Match, RFC 9110 section 13.1.1)."""
        content_id = params.content_id(request.match_info["contentId"])
        expected = expected_seq(request)
        record = check_line(await params.body(request, TitleLine), content_id)
        if isinstance(record, LineError):
            raise _refuse_body(record)
        outcome, seq = await self._store.put_title(record, self._clock.wall(), expected)
        if outcome is Outcome.CONFLICT:
            raise _conflict(seq)
        title = await self._store.get(content_id)
        if title is None:
            raise BadRequest(404, "title-unknown", "the title was deleted while it was written")
        self._changed()
        status = 201 if outcome is Outcome.CREATED else 200
        return _with_etag(title_json(title, operator=True), seq, status)

    async def delete_title(self, request: web.Request) -> web.Response:
        """Delete a title that is not published."""
        content_id = params.content_id(request.match_info["contentId"])
        expected = expected_seq(request)
        match await self._store.delete_title(content_id, expected):
            case Outcome.UNKNOWN:
                raise BadRequest(404, "title-unknown", "there is no such title")
            case Outcome.CONFLICT:
                raise _conflict(expected or 0)
            case Outcome.PLAYABLE:
                raise BadRequest(409, "title-published", "the origin publishes this title: remove it there first")
            case _:
                self._changed()
        return json_response({"contentId": content_id, "status": "deleted"})

    async def put_licence(self, request: web.Request) -> web.Response:
        """Set a title's countries."""
        content_id = params.content_id(request.match_info["contentId"])
        licence = await params.body(request, LicenceBody)
        if (licence.countries is UNSET) == (licence.windows is UNSET):
            raise BadRequest(400, "body-field", "the body must have one of `countries` and `windows`")
        countries = None if licence.countries is UNSET else licence.countries
        try:
            windows = None if licence.windows is UNSET else parse_windows(licence.windows)
        except ValueError as error:
            raise _refuse_body(LineError("windows", str(error), isinstance(error, EmptyWindow))) from None
        listed = None if countries is None else normalise_countries(countries)
        done = await self._store.set_licence(content_id, listed, windows, self._clock.wall())
        title = await self._store.get(content_id) if done else None
        if title is None:
            raise BadRequest(404, "title-unknown", "there is no such title")
        self._changed()
        return json_response(title_json(title, operator=True))


def _with_etag(body: dict[str, Any], seq: int, status: int = 200) -> web.Response:
    response = json_response(body, status=status)
    response.headers["ETag"] = f'"{seq}"'
    return response


def _refuse_body(error: LineError) -> BadRequest:
    """400 for a field that is wrong by itself, 409 for fields that contradict one another."""
    return BadRequest(*((409, "contradiction") if error.contradicts else (400, "body-field")), str(error))


def _conflict(seq: int) -> BadRequest:
    return BadRequest(412, "title-changed", f"somebody else changed the title (it is at {seq}): read it again")


def expected_seq(request: web.Request) -> int | None:
    """The sequence number that the caller saw, by If-Match; 0 by `If-None-Match: *`; None for whatever there is.

    Raises BadRequest for a field that no ETag of ours can satisfy.
    """
    if request.headers.get("If-None-Match", "").strip() == "*":
        return 0
    match = request.headers.get("If-Match", "").strip()
    if match in ("", "*"):
        return None
    found = _ETAG.fullmatch(match)
    if found is None:
        raise BadRequest(412, "title-changed", "If-Match names no version of this title: send the ETag of GET")
    return int(found[1])


def encode_cursor(position: Position) -> str:
    """Encode a position in the list as a cursor."""
    playable, popularity, content_id = position
    return f"{playable}~{popularity!r}~{content_id}"


def decode_cursor(text: str) -> Position:
    """Decode a cursor. Raises BadRequest if `encode_cursor` cannot have made it."""
    if not _CURSOR.fullmatch(text):
        raise BadRequest(400, "cursor", "query parameter `cursor` is not a `nextCursor` of this API")
    playable, popularity, content_id = text.split("~")
    return int(playable), float(popularity), content_id
