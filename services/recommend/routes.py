"""Recommendations over HTTP."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Literal

import structlog
from aiohttp import web
from msgspec import Meta, Struct

from httpd.openapi import Parameter
from kernel.clock import Clock
from kernel.errors import BadRequest, Overloaded, StorageFailed
from services.http import params
from services.http.body_schema import schema_of
from services.http.request_context import request_context, viewer_country
from services.http.route import Access, Route, json_response
from services.recommend.clicks import FeedbackLog
from services.recommend.curation import ROW_ID, CuratedRow, CurationStore
from services.recommend.events import Action, FeedbackEvent
from services.recommend.experiments.assignment import Assignment
from services.recommend.experiments.routes import shown_assignments
from services.recommend.experiments.showing import read_showing
from services.recommend.experiments.treated_lists import TreatedLists
from services.recommend.service import RecommendService
from services.recommend.serving.lists import Ranked
from services.recommend.titles import Audience
from services.recommend.viewers import ViewerDirectory, ViewerRules

log = structlog.get_logger()

MODEL_HEADER = "X-Recommend-Model"
EXPERIMENTS_HEADER = "X-Recommend-Experiments"
MAX_ROW = 60
_ITEM: dict[str, Any] = {
    "type": "object",
    "required": ["contentId", "rankScore"],
    "properties": {"contentId": {"type": "string"}, "rankScore": {"type": "number"}},
}
_LIST: dict[str, Any] = {"type": "array", "items": _ITEM}
_ROWS: dict[str, Any] = {
    "type": "array",
    "items": {
        "type": "object",
        "required": ["id", "title", "reason", "items"],
        "properties": {
            "id": {"type": "string"},
            "title": {"type": "string"},
            "reason": {"type": "string"},
            "items": _LIST,
        },
    },
}


class Feedback(Struct, rename="camel"):
    """The body of feedback.

    `value`: the share watched, 0 to 1, with WATCH. `event_id`: the app's own name of the event; sending it twice counts
    once.
    """

    user_id: str
    content_id: str
    action: Literal["VIEW", "LIKE", "DISLIKE", "WATCH", "CLICK", "START"]
    value: Annotated[float, Meta(ge=0, le=1)] | None = None
    event_id: Annotated[str, Meta(max_length=64, pattern=r"^[\x21-\x7e]*\Z")] = ""


FEEDBACK = schema_of(Feedback, userId=params.USER_ID_SCHEMA, contentId=params.CONTENT_ID_SCHEMA)
_USER = Parameter(
    "userId",
    "The profile. Viewers may omit it or name themselves. With `profile` it is the account or another name of the "
    "viewer: the list is the profile's.",
    required=True,
    schema=params.USER_ID_SCHEMA,
)
_COUNTRY = Parameter(
    "country", "Use this country instead of the viewer's own (API key only).", schema=params.COUNTRY_SCHEMA
)
_PLAYABLE = Parameter("playable", "Only titles that can be played now.", schema={"type": "boolean", "default": False})
_MATURITY = Parameter(
    "maturity",
    "The highest minimum age shown, besides the profile's own limit.",
    schema=params.integer_schema(0, 21, 21),
)
_PROFILE = Parameter(
    "profile",
    "The profile, where `userId` does not name it; it decides if both are given.",
    schema=params.USER_ID_SCHEMA,
)
_CONTEXT = Parameter(
    "context",
    "Where the list is shown: `device=tv,hour=21` with the viewer's own hour, or one of them.",
    schema={"type": "string", "maxLength": 200},
)
_SURFACE = Parameter("surface", "The part of the app that shows it.", schema={"type": "string", "maxLength": 64})


class RecommendRoutes:
    """The lists and rows of viewers, their feedback, and the rows of operators."""

    def __init__(
        self,
        service: RecommendService,
        lists: TreatedLists,
        viewers: ViewerDirectory,
        curation: CurationStore,
        feedback_log: FeedbackLog | None,
        clock: Clock,
    ) -> None:
        self._service = service
        self._lists = lists
        self._viewers = viewers
        self._curation = curation
        self._feedback_log = feedback_log
        self._clock = clock

    def routes(self) -> tuple[Route, ...]:
        """The route table of recommendations."""
        shown = (_COUNTRY, _PLAYABLE, _MATURITY)
        viewer = (_USER, _PROFILE, _CONTEXT, _SURFACE)
        limit = Parameter("limit", "Number of titles, 1 to 100.", schema=params.integer_schema(1, 100, 20))
        wide = Parameter("limit", "Titles of a row, 1 to 60.", schema=params.integer_schema(1, MAX_ROW, 20))
        content = Parameter("contentId", "The title.", required=True, schema=params.CONTENT_ID_SCHEMA)
        return (
            Route(
                "GET", "/recommendations", self.list_recommendations, Access.VIEWER, "What to watch next, best first",
                (*viewer, limit, *shown), response=_LIST, errors=(403,),
            ),
            Route(
                "GET", "/recommendations/rows", self.list_rows, Access.VIEWER, "The rows of the home page",
                (*viewer, wide, *shown), response=_ROWS, errors=(403,),
            ),
            Route(
                "GET", "/recommendations/assignments", self.list_assignments, Access.VIEWER,
                "The arms of the experiments that a viewer is in", (*viewer, *shown), response={"type": "array"},
                errors=(403,),
            ),
            Route(
                "GET", "/recommendations/similar", self.list_similar, Access.VIEWER, "Titles like one title",
                (content, limit, *shown), response=_LIST, errors=(403, 404),
            ),
            Route(
                "POST", "/recommendations/feedback", self.post_feedback, Access.VIEWER, "Record what a viewer did",
                body=FEEDBACK, response={"type": "object"}, errors=(403, 404),
            ),
            *self._curated_routes(),
        )  # fmt: skip

    def _curated_routes(self) -> tuple[Route, ...]:
        row = Parameter(
            "rowId", "The row.", location="path", schema={"type": "string", "pattern": f"^{ROW_ID.pattern}$"}
        )
        return (
            Route(
                "GET", "/recommendations/curated", self.list_curated, Access.OPERATOR, "The rows of operators",
                response={"type": "array"},
            ),
            Route(
                "PUT", "/recommendations/curated/{rowId}", self.put_curated, Access.OPERATOR, "Make a row",
                (row,), body=schema_of(CuratedRow), response={"type": "object"}, errors=(409,),
            ),
            Route(
                "DELETE", "/recommendations/curated/{rowId}", self.delete_curated, Access.OPERATOR, "Delete such a row",
                (row,), response={"type": "object"}, errors=(404,),
            ),
        )  # fmt: skip

    def _user(self, request: web.Request) -> str:
        named = params.text(request, "userId")
        profile = params.text(request, "profile")
        caller = request_context(request).caller
        if profile is None or named is None:
            given = named if profile is None else profile
            return caller.acting_user(None if given is None else params.user_id(given))
        if caller.account is None or params.user_id(named) != caller.account.account_id:
            caller.acting_user(params.user_id(named))
        return caller.acting_user(params.user_id(profile))

    async def _audience(self, request: web.Request, user: str | None) -> tuple[Audience, ViewerRules]:
        rules = ViewerRules() if user is None else await self._viewers.rules_of(user)
        asked = params.integer(request, "maturity", -1, 0, 21) if params.text(request, "maturity") is not None else None
        limits = [one for one in (asked, rules.maturity) if one is not None]
        audience = Audience(
            viewer_country(request), params.boolean(request, "playable"), min(limits) if limits else None
        )
        return audience, rules

    async def list_recommendations(self, request: web.Request) -> web.Response:
        """A viewer's recommendations, best first."""
        user = self._user(request)
        limit = params.integer(request, "limit", 20, 1, 100)
        audience, rules = await self._audience(request, user)
        treated = await self._lists.list_for(user, audience, limit, read_showing(request), consent=rules.consent)
        answer = treated.answer
        body = [{"contentId": content, "rankScore": score} for content, score in answer.items]
        return self._with_model(json_response(body), answer.source.value, treated.assignments)

    async def list_rows(self, request: web.Request) -> web.Response:
        """The rows of a viewer's home page."""
        user = self._user(request)
        size = params.integer(request, "limit", 20, 1, MAX_ROW)
        audience, rules = await self._audience(request, user)
        curated = await self._curation.list_rows()
        rows, source, arms = await self._lists.rows_for(
            user, audience, size, curated, read_showing(request), consent=rules.consent
        )
        body = [
            {"id": row.row_id, "title": row.title, "reason": row.reason.value, "items": self._items(row.items)}
            for row in rows
        ]
        return self._with_model(json_response(body), source.value, arms)

    async def list_assignments(self, request: web.Request) -> web.Response:
        """The arms of the experiments that a viewer is in; asking is no exposure."""
        user = self._user(request)
        audience, rules = await self._audience(request, user)
        arms = self._lists.assignments(user, audience.country, read_showing(request), consent=rules.consent)
        return json_response(shown_assignments(arms))

    async def list_similar(self, request: web.Request) -> web.Response:
        """The titles most like one."""
        content = params.content_id(params.required(request, "contentId"))
        limit = params.integer(request, "limit", 20, 1, 100)
        audience, _ = await self._audience(request, request_context(request).caller.subject)
        at = self._service.table.position.get(content)
        if at is None or not self._service.table.may_show(at, audience):
            raise BadRequest(404, "title-unknown", "there is no such title")
        return self._with_model(json_response(self._items(self._service.similar(content, audience, limit))), "similar")

    def _items(self, ranked: Ranked) -> list[dict[str, Any]]:
        titles = self._service.table.titles
        return [{"contentId": titles[at].content_id, "rankScore": round(score, 6)} for at, score in ranked]

    def _with_model(self, response: web.Response, source: str, arms: Sequence[Assignment] = ()) -> web.Response:
        if arms:
            response.headers[EXPERIMENTS_HEADER] = ", ".join(f"{one.experiment_id}={one.arm}" for one in arms)
        response.headers[MODEL_HEADER] = f"{source}; version={self._service.version or 'none'}"
        return response

    async def post_feedback(self, request: web.Request) -> web.Response:
        """Store what a viewer did; responds once it is durable."""
        feedback = await params.body(request, Feedback)
        context = request_context(request)
        user = context.caller.acting_user(params.user_id(feedback.user_id))
        content = params.content_id(feedback.content_id)
        rules = await self._viewers.rules_of(user)
        action = Action(feedback.action)
        if not rules.consent and action not in (Action.LIKE, Action.DISLIKE):
            # What they say is a wish and is kept; what they watch is not.
            return json_response({"status": "not-stored", "reason": "no-consent"})
        event = FeedbackEvent(
            user, content, action, feedback.value, self._clock.wall(), context.country, feedback.event_id
        )
        if not await self._service.store_feedback(event):
            raise BadRequest(404, "title-unknown", "there is no such title")
        await self._log_feedback(event)
        return json_response({"status": "stored"})

    async def _log_feedback(self, event: FeedbackEvent) -> None:
        """Let the event log's other readers know; the store has it already, and reads its own record as a repeat."""
        if self._feedback_log is None:
            return
        try:
            await self._feedback_log.append_feedback(event)
        except (Overloaded, StorageFailed) as error:
            log.warning("feedback-not-in-event-log", error=str(error))

    async def list_curated(self, _: web.Request) -> web.Response:
        """The rows of operators."""
        return json_response([{"id": row_id, "row": row} for row_id, row in await self._curation.list_rows()])

    async def put_curated(self, request: web.Request) -> web.Response:
        """Create or replace a row."""
        row_id = _row_id(request)
        row = await params.body(request, CuratedRow)
        if not await self._curation.put_row(row_id, row):
            raise BadRequest(409, "too-many-rows", "there are too many rows: delete one first")
        return json_response({"id": row_id, "row": row})

    async def delete_curated(self, request: web.Request) -> web.Response:
        """Delete a row."""
        if not await self._curation.delete_row(_row_id(request)):
            raise BadRequest(404, "row-unknown", "there is no such row")
        return json_response({"status": "deleted"})


def _row_id(request: web.Request) -> str:
    row_id = request.match_info["rowId"]
    if not ROW_ID.fullmatch(row_id):
        raise BadRequest(400, "row-id", "the id of a row has 1 to 40 lower-case letters, digits and hyphens")
    return row_id
