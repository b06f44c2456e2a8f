"""Control's HTTP door: which edges a session would be sent to, and how each edge stands."""

from __future__ import annotations

from typing import Any

from aiohttp import web

from control.commands import ControlService
from control.routing.ranking import MAX_EDGES, Choice, RouteQuery
from kernel.auth.licence import parse_content_id
from kernel.documents import BadDocument

_MAX_LENGTH = 128


class RouteApi:
    """The handlers; `control.api.openapi.ROUTES` says which route is whose."""

    def __init__(self, plane: ControlService) -> None:
        self._plane = plane

    async def route(self, request: web.Request) -> web.Response:
        """As `Route` in gRPC, with those passed over and why."""
        routed = self._plane.routing.route(ask_of(request))
        edges, passed = ([_shown(one) for one in group] for group in (routed.edges, routed.passed))
        return web.json_response({"edges": edges, "passed": passed, "ttl": routed.ttl})

    async def list_standings(self, _: web.Request) -> web.Response:
        """How each edge stands, and why."""
        routing = self._plane.routing
        shown = [
            {"id": name, "standing": one.standing.value, "why": one.why, "share": round(one.share, 3)}
            | {"viewers": routing.viewer_trouble(name)}
            for name, one in sorted(routing.verdicts().items())
        ]
        return web.json_response({"edges": shown})


def ask_of(request: web.Request) -> RouteQuery:
    """The question of a query. Raises BadDocument."""
    query = request.query
    texts = {name: query.get(name, "") for name in ("rendition", "country", "region", "session")}
    for name, text in texts.items():
        if len(text) > _MAX_LENGTH or not text.isprintable():
            raise BadDocument(name, f"must be at most {_MAX_LENGTH} printable characters")
    most = query.get("most", "")
    if most and not (most.isascii() and most.isdigit() and len(most) <= 9 and 1 <= int(most) <= MAX_EDGES):
        raise BadDocument("most", f"must be a number from 1 to {MAX_EDGES}")
    without = frozenset(part for text in query.getall("without", [])[:MAX_EDGES] for part in text.split(",") if part)
    return RouteQuery(parse_content_id(query.get("contentId", "")), **texts, without=without, most=int(most or 0))


def _shown(choice: Choice) -> dict[str, Any]:
    return {"id": choice.id, "address": choice.address, "region": choice.region, "why": choice.why}
