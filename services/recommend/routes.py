"""Recommendations over HTTP."""

from __future__ import annotations

from typing import Literal

from aiohttp import web
from msgspec import Struct

from httpd.openapi import Parameter
from kernel.clock import Clock
from kernel.errors import BadRequest
from services.http import params
from services.http.body_schema import schema_of
from services.http.request_context import request_context, viewer_country
from services.http.route import Access, Route, json_response
from services.recommend.events import Action, FeedbackEvent
from services.recommend.service import RecommendService

_LIST = {
    "type": "array",
    "items": {
        "type": "object",
        "required": ["contentId", "rankScore"],
        "properties": {"contentId": {"type": "string"}, "rankScore": {"type": "number"}},
    },
}


class Feedback(Struct, rename="camel"):
    """The body of feedback."""

    user_id: str
    content_id: str
    action: Literal["VIEW", "LIKE", "DISLIKE"]


FEEDBACK = schema_of(Feedback, userId=params.USER_ID_SCHEMA, contentId=params.CONTENT_ID_SCHEMA)


class RecommendRoutes:
    """GET /recommendations, POST /recommendations/feedback."""

    def __init__(self, service: RecommendService, clock: Clock) -> None:
        self._service = service
        self._clock = clock

    def routes(self) -> tuple[Route, ...]:
        """The route table of recommendations."""
        parameters = (
            Parameter(
                "userId",
                "The profile. Viewers may omit it or name themselves.",
                required=True,
                schema=params.USER_ID_SCHEMA,
            ),
            Parameter("limit", "Number of titles, 1 to 100.", schema=params.integer_schema(1, 100, 20)),
            Parameter("playable", "Only titles that can be played now.", schema={"type": "boolean", "default": False}),
            Parameter(
                "country", "Use this country instead of the viewer's own (API key only).", schema=params.COUNTRY_SCHEMA
            ),
        )
        get_list = Route(
            "GET", "/recommendations", self.list_recommendations, Access.VIEWER, "What to watch next, best first",
            parameters, response=_LIST, errors=(403,),
        )  # fmt: skip
        feedback = Route(
            "POST", "/recommendations/feedback", self.post_feedback, Access.VIEWER, "Record what a viewer did",
            body=FEEDBACK, response={"type": "object"}, errors=(403, 404),
        )  # fmt: skip
        return get_list, feedback

    async def list_recommendations(self, request: web.Request) -> web.Response:
        """A viewer's recommendations, best first."""
        named = params.text(request, "userId")
        user = request_context(request).caller.acting_user(params.user_id(named) if named is not None else None)
        limit = params.integer(request, "limit", 20, 1, 100)
        playable = params.boolean(request, "playable")
        found = await self._service.recommend(user, viewer_country(request), limit, playable=playable)
        return json_response([{"contentId": content, "rankScore": score} for content, score in found])

    async def post_feedback(self, request: web.Request) -> web.Response:
        """Store what a viewer did; responds once it is durable."""
        feedback = await params.body(request, Feedback)
        context = request_context(request)
        user = context.caller.acting_user(params.user_id(feedback.user_id))
        content = params.content_id(feedback.content_id)
        event = FeedbackEvent(user, content, Action(feedback.action), None, self._clock.wall(), context.country)
        if not await self._service.store_feedback(event):
            raise BadRequest(404, "title-unknown", "there is no such title")
        return json_response({"status": "stored"})
