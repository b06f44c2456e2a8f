"""Control's HTTP door: which edge and shield a URL goes to, what is cached where, and why it would be refused."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

import aiohttp
from aiohttp import web

from control.door import body
from control.fanout import Edge
from control.plane import Plane
from kernel.documents import BadDocument, parse_object

SECONDS = 2.0
"""Within which an edge must have answered."""
MOST_EDGES = 64
"""Asked for one URL; of a larger fleet those that are named, or the first by name."""
MOST_URL = 16 << 10


class WhyApi:
    """The handlers; `control.openapi.ROUTES` says which route is whose."""

    def __init__(self, plane: Plane) -> None:
        self._plane = plane

    async def why(self, request: web.Request) -> web.Response:
        asked = parse_object(await body(request), "", ("url", "country", "address", "edges"))
        wanted = asked.get("edges")
        if wanted is not None and (not isinstance(wanted, list) or not all(isinstance(one, str) for one in wanted)):
            raise BadDocument("edges", "must be a list of nodes' ids")
        said = {name: _text(asked, name) for name in ("url", "country", "address")}
        if not said["url"]:
            raise BadDocument("url", "is missing")
        edges = [edge for name, edge in sorted(self._plane.fanout.edges.items()) if wanted is None or name in wanted]
        shown = edges[:MOST_EDGES]
        told = await ask_edges(shown, said)
        return web.json_response({"edges": told, "notAsked": len(edges) - len(shown)})


def _text(members: Mapping[str, object], name: str) -> str:
    value = members.get(name, "")
    if not isinstance(value, str) or len(value) > MOST_URL:
        raise BadDocument(name, f"must be a text of at most {MOST_URL} characters")
    return value


async def ask_edges(edges: list[Edge], said: Mapping[str, str]) -> list[dict[str, Any]]:
    """What each says at its admin port; who does not answer is named with why."""
    timeout = aiohttp.ClientTimeout(total=SECONDS)
    async with aiohttp.ClientSession(timeout=timeout) as session:
        return list(await asyncio.gather(*(_ask(session, edge, said) for edge in edges)))


async def _ask(session: aiohttp.ClientSession, edge: Edge, said: Mapping[str, str]) -> dict[str, Any]:
    hello = edge.hello
    known = {"id": hello.id, "role": hello.role, "region": hello.region, "connected": edge.connected}
    if not edge.connected or not hello.admin:
        return known | {"error": "is not connected" if not edge.connected else "has no admin port"}
    try:
        async with session.post(f"http://{hello.admin}/why", json=dict(said)) as answer:
            told = await answer.json(content_type=None)
            if answer.status != 200 or not isinstance(told, dict):
                return known | {"error": f"answers {answer.status}"}
            return told | known
    except (aiohttp.ClientError, TimeoutError, ValueError) as error:
        return known | {"error": f"cannot be asked at {hello.admin}: {type(error).__name__}"}
