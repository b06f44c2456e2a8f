"""GET /analytics/…: reports for operators, over the lake and what is not in it yet."""

from __future__ import annotations

import re
from typing import Any

from aiohttp import web

from httpd.openapi import Parameter
from kernel.clock import Clock
from kernel.documents import BadDocument, parse_moment
from kernel.errors import BadRequest
from services.analytics.service import Analytics
from services.analytics.views.quality import DIMENSIONS, Sums, describe_quality
from services.http import params
from services.http.route import Access, Route, json_response

DAY = 86_400.0
MAX_DAYS = 400
MAX_BY = 2
MAX_SESSIONS = 1_000

_NUMBER: dict[str, object] = {"type": ["number", "null"]}
_ROW: dict[str, Any] = {
    "type": "object",
    "properties": {
        name: {"type": "object"} if isinstance(value, dict) else _NUMBER
        for name, value in describe_quality(Sums()).items()
    },
}
ROWS: dict[str, object] = {"type": "array", "items": _ROW}
_OBJECTS: dict[str, object] = {"type": "array", "items": {"type": "object"}}

_BY = Parameter(
    "by",
    f"The dimension of the rows, or {MAX_BY} separated by a comma: {', '.join(DIMENSIONS)}.",
    schema={"type": "string", "enum": list(DIMENSIONS), "default": "title"},
)
_MOMENT = {"type": "integer", "minimum": 0, "maximum": 4_000_000_000}
_RANGE = (
    Parameter("from", "Views that started from then on: ISO 8601 or Unix seconds; a day ago.", schema=_MOMENT),
    Parameter("to", "Views that started before then; now.", schema=_MOMENT),
)
_WHERE = tuple(Parameter(name, f"Only views of this {name}.") for name in DIMENSIONS)
_SHARE_OF_LENGTH = Parameter(
    "share", "Early: before this share of the length.", schema={"type": "number", "enum": [0.25]}
)
_LEAST = Parameter("least", "Only titles with so many views.", schema=params.integer_schema(1, 1_000_000, 20))
_LIVE = (
    _BY,
    Parameter("seconds", "How far back.", schema=params.integer_schema(10, 900, 60)),
    Parameter("value", "One row a bucket of ten seconds, of this value of the dimension."),
)
_SECONDS = re.compile(r"\d{1,10}(?:\.\d{1,6})?", re.ASCII)
_SHARE = re.compile(r"0\.\d{1,4}|1|1\.0", re.ASCII)


class AnalyticsRoutes:
    """The operators' reports."""

    def __init__(self, analytics: Analytics, clock: Clock) -> None:
        self._analytics = analytics
        self._clock = clock

    def routes(self) -> tuple[Route, ...]:
        """The table."""
        operator = Access.OPERATOR
        return (
            Route(
                "GET", "/analytics/qoe", self.quality, operator, "Quality of experience by title, region, edge, …",
                (_BY, *_RANGE, *_WHERE), response=ROWS, errors=(503,),
            ),
            Route(
                "GET", "/analytics/live", self.live, operator, "Quality of experience of the last seconds",
                _LIVE,
                response=ROWS,
            ),
            Route(
                "GET", "/analytics/dropoff", self.drop_off, operator, "Who still watched at each minute of a title",
                (Parameter("contentId", "The title.", required=True, schema=params.CONTENT_ID_SCHEMA), *_RANGE),
                response={"type": "object"}, errors=(503,),
            ),
            Route(
                "GET", "/analytics/left-early", self.left_early, operator, "Titles that many viewers leave early",
                (
                    _SHARE_OF_LENGTH,
                    _LEAST,
                    *_RANGE,
                ),
                response=_OBJECTS, errors=(503,),
            ),
            Route(
                "GET", "/analytics/views", self.view_counts, operator,
                "Each title's views by players' events and by edges' logs, side by side",
                _RANGE, response=_OBJECTS, errors=(503,),
            ),
            Route(
                "GET", "/analytics/sessions", self.sessions, operator, "The views behind a number, newest first",
                (*_RANGE, *_WHERE, Parameter("limit", schema=params.integer_schema(1, MAX_SESSIONS, 100))),
                response=_OBJECTS, errors=(503,),
            ),
        )  # fmt: skip

    async def quality(self, request: web.Request) -> web.Response:
        """Rows by dimension."""
        since, until = self._range(request)
        return json_response(await self._analytics.quality(_dimensions(request), since, until, _where(request)))

    async def live(self, request: web.Request) -> web.Response:
        """Rows of the last seconds, or the buckets of one value."""
        [dimension, *more] = _dimensions(request)
        if more:
            raise BadRequest(400, "parameter-value", "query parameter `by` must be one dimension")
        value = params.text(request, "value")
        if value is not None:
            return json_response(self._analytics.live.series(dimension, value))
        seconds = params.integer(request, "seconds", 60, 10, 900)
        return json_response(self._analytics.live.report(dimension, seconds, self._clock.wall()))

    async def drop_off(self, request: web.Request) -> web.Response:
        """A title's minutes."""
        content_id = params.content_id(params.required(request, "contentId"))
        return json_response(await self._analytics.drop_off(content_id, *self._range(request)))

    async def left_early(self, request: web.Request) -> web.Response:
        """The worst titles first."""
        share = params.text(request, "share") or "0.25"
        if not _SHARE.fullmatch(share):
            raise BadRequest(400, "parameter-value", "query parameter `share` must be a number from 0 to 1")
        least = params.integer(request, "least", 20, 1, 1_000_000)
        return json_response(await self._analytics.left_early(*self._range(request), float(share), least))

    async def view_counts(self, request: web.Request) -> web.Response:
        """Counts by title."""
        return json_response(await self._analytics.view_counts(*self._range(request)))

    async def sessions(self, request: web.Request) -> web.Response:
        """View rows."""
        most = params.integer(request, "limit", 100, 1, MAX_SESSIONS)
        return json_response(await self._analytics.sessions(*self._range(request), _where(request), most))

    def _range(self, request: web.Request) -> tuple[float, float]:
        now = self._clock.wall()
        until = _moment(request, "to", now + 60)
        since = _moment(request, "from", min(now, until) - DAY)
        if not since < until:
            raise BadRequest(400, "parameter-range", "query parameter `from` must be before `to`")
        if until - since > MAX_DAYS * DAY:
            raise BadRequest(400, "parameter-range", f"`from` and `to` may be {MAX_DAYS} days apart")
        return since, until


def _moment(request: web.Request, name: str, default: float) -> float:
    value = params.text(request, name)
    if value is None:
        return default
    if _SECONDS.fullmatch(value):
        return float(value)
    try:
        # A plus sign in a query is a space.
        return max(0.0, min(4e9, parse_moment(value.replace(" ", "+"))))
    except BadDocument as error:
        raise BadRequest(400, "parameter-value", f"query parameter `{name}`: {error.why}") from None


def _dimensions(request: web.Request) -> list[str]:
    names = (params.text(request, "by") or "title").split(",")
    if not 0 < len(names) <= MAX_BY or len(set(names)) < len(names) or not set(names) <= set(DIMENSIONS):
        raise BadRequest(
            400, "parameter-value", f"query parameter `by` must be at most {MAX_BY} of {', '.join(DIMENSIONS)}"
        )
    return names


def _where(request: web.Request) -> dict[str, str]:
    found = {name: params.text(request, name) for name in DIMENSIONS}
    return {name: value for name, value in found.items() if value is not None}
