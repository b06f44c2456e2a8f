"""Control's HTTP door: the fleet's nodes."""

from __future__ import annotations

from typing import Any

from aiohttp import web

from control.door import limit
from control.fanout import Edge
from control.plane import Plane
from kernel.documents import moment_text


class FleetApi:
    """The handlers; `control.openapi.ROUTES` says which route is whose."""

    def __init__(self, plane: Plane) -> None:
        self._plane = plane

    async def list_edges(self, request: web.Request) -> web.Response:
        after, most = request.query.get("cursor", ""), limit(request)
        names = sorted(name for name in self._plane.fanout.edges if name > after)
        page = [edge_json(self._plane.fanout.edges[name]) for name in names[:most]]
        following = names[most - 1] if len(names) > most else None
        return web.json_response({"edges": page, "next": following, "revision": self._plane.store.desired.revision})


def edge_json(edge: Edge) -> dict[str, Any]:
    """An edge as the API shows it."""
    hello = edge.hello
    return {
        "id": hello.id,
        "role": hello.role,
        "region": hello.region,
        "address": hello.address,
        "admin": hello.admin,
        "connected": edge.connected,
        "lastSeen": moment_text(edge.last_seen),
        "acked": edge.acked,
        "applied": edge.applied,
        "errors": edge.errors,
    }
