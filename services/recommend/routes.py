"""Recommendations over HTTP."""

from __future__ import annotations

from typing import Literal

from aiohttp import web
from msgspec import Struct

from kernel.clock import Clock
from kernel.errors import BadRequest
from services.http import params
from services.http.request_context import request_context, watching_country
from services.http.route import Access, Parameter, Route, answer
from services.recommend.events import Action, Event
from services.recommend.service import RecommendService

_LIST = {
    "type": "array",
    "items": {
        "type": "object",
        "required": ["contentId", "rankScore"],
        "properties": {"contentId": {"type": "string"}, "rankScore": {"type": "number"}},
    },
}
_FEEDBACK = {
    "type": "object",
    "required": ["userId", "contentId", "action"],
    "properties": {
        "userId": {"type": "string"},
        "contentId": {"type": "string"},
        "action": {"enum": ["VIEW", "LIKE", "DISLIKE"]},
    },
}


class Feedback(Struct, rename="camel"):
    """The body of feedback."""

    user_id: str
    content_id: str
    action: Literal["VIEW", "LIKE", "DISLIKE"]


class RecommendRoutes:
    """GET /recommendations, POST /recommendations/feedback."""

    def __init__(self, service: RecommendService, clock: Clock) -> None:
        self._service = service
        self._clock = clock

    def routes(self) -> tuple[Route, ...]:
        """The table of recommendations."""
        parameters = (
            Parameter("userId", "The profile; a guest may leave it out or name itself."),
            Parameter("limit", "How many, 1 to 100.", schema={"type": "integer", "default": 20}),
            Parameter("playable", "Only titles that can be played now.", schema={"type": "boolean", "default": False}),
            Parameter("country", "Another country than the viewer's own (API key only)."),
        )
        listing = Route(
            "GET", "/recommendations", self.listing, Access.VIEWER, "What to watch next, best first",
            parameters, answer=_LIST, refusals=(403,),
        )  # fmt: skip
        feedback = Route(
            "POST", "/recommendations/feedback", self.feedback, Access.VIEWER, "Say what a viewer did with a title",
            body=_FEEDBACK, answer={"type": "object"}, refusals=(403, 404),
        )  # fmt: skip
        return listing, feedback

    async def listing(self, request: web.Request) -> web.Response:
        """A viewer's list."""
        named = params.text(request, "userId")
        user = request_context(request).caller.speaks_for(params.user_id(named) if named is not None else None)
        limit = params.whole(request, "limit", 20, 1, 100)
        playable = params.switch(request, "playable")
        found = await self._service.recommend(user, watching_country(request), limit, playable=playable)
        return answer([{"contentId": content, "rankScore": score} for content, score in found])

    async def feedback(self, request: web.Request) -> web.Response:
        """Keep what a viewer did; answered when it is durable."""
        told = await params.body(request, Feedback)
        found = request_context(request)
        user = found.caller.speaks_for(params.user_id(told.user_id))
        content = params.content_id(told.content_id)
        event = Event(user, content, Action(told.action), None, self._clock.wall(), found.country)
        if not await self._service.add(event):
            raise BadRequest(404, "title-unknown", "there is no such title")
        return answer({"status": "stored"})
