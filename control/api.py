"""Control's HTTP door for operators: the same verbs as gRPC, JSON, an API key, problems (RFC 9457)."""

from __future__ import annotations

import hmac
import json
from collections.abc import Awaitable, Callable
from ipaddress import ip_address
from typing import Any

import structlog
from aiohttp import web

from control import changes
from control.access_log import recorded
from control.changes import TooMany
from control.fanout import Edge
from control.metrics import metrics_text
from control.openapi import ROUTES, document
from control.plane import Plane
from kernel.documents import BadDocument, load_json, moment_text, parse_object
from kernel.errors import Overloaded, StorageFailed
from kernel.licence import parse_content_id

BODY_MOST = 1 << 20
PAGE = 100
PAGE_MOST = 1_000
REASON_MOST = 1_000

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
log = structlog.get_logger("control")


def make_app(plane: Plane, api_key: str, ready: Callable[[], bool]) -> web.Application:
    """The application; `ready` says whether control takes changes and edges."""
    app = web.Application(client_max_size=BODY_MOST, middlewares=[recorded(plane.clock), _middleware(api_key)])
    app.on_response_prepare.append(_sign)
    api = _Api(plane, ready)
    for route in ROUTES:
        app.router.add_route(route.method, route.path, getattr(api, route.handler))
    return app


class _Api:
    """The handlers; `control.openapi.ROUTES` says which route is whose."""

    def __init__(self, plane: Plane, ready: Callable[[], bool]) -> None:
        self._plane = plane
        self._ready = ready

    async def health(self, _: web.Request) -> web.Response:
        return web.json_response({"status": "ok"})

    async def readiness(self, _: web.Request) -> web.Response:
        if not self._ready():
            return problem(503, "stopping", "control is starting or stopping")
        return web.json_response({"status": "ready"})

    async def metrics(self, _: web.Request) -> web.Response:
        return web.Response(text=metrics_text(self._plane), headers={"Content-Type": "text/plain; version=0.0.4"})

    async def openapi(self, _: web.Request) -> web.Response:
        return web.json_response(document())

    async def list_titles(self, request: web.Request) -> web.Response:
        desired = self._plane.store.desired
        after, limit = request.query.get("cursor", ""), _limit(request)
        names = [name for name in changes.titles(desired) if name > after]
        page = [{"contentId": name} | (changes.licence(desired, name) or {}) for name in names[:limit]]
        following = names[limit - 1] if len(names) > limit else None
        return web.json_response({"titles": page, "next": following, "revision": desired.revision})

    async def get_title(self, request: web.Request) -> web.Response:
        name = parse_content_id(request.match_info["contentId"])
        held = changes.licence(self._plane.store.desired, name)
        if held is None:
            return problem(404, "not-found", f"control holds no licence for {name}")
        return web.json_response({"contentId": name} | held)

    async def put_title(self, request: web.Request) -> web.Response:
        name = parse_content_id(request.match_info["contentId"])
        licence = await _body(request)
        done = await self._plane.put_titles({name: licence}, author="operator", reason=_reason(request))
        held = changes.licence(self._plane.store.desired, name) or {}
        return web.json_response({"contentId": name} | held | {"revision": done.revision})

    async def delete_title(self, request: web.Request) -> web.Response:
        name = parse_content_id(request.match_info["contentId"])
        if changes.licence(self._plane.store.desired, name) is None:
            return problem(404, "not-found", f"control holds no licence for {name}")
        done = await self._plane.put_titles({}, [name], author="operator", reason=_reason(request))
        return web.json_response({"contentId": name, "revision": done.revision})

    async def get_keys(self, _: web.Request) -> web.Response:
        return web.json_response(changes.jwks(self._plane.store.desired))

    async def put_keys(self, request: web.Request) -> web.Response:
        done = await self._plane.put_keys(await _body(request), author="operator", reason=_reason(request))
        return web.json_response(changes.jwks(self._plane.store.desired) | {"revision": done.revision})

    async def revoke(self, request: web.Request) -> web.Response:
        members = parse_object(await _body(request), "", ("sid", "until"))
        sid, until = members.get("sid"), members.get("until")
        done = await self._plane.revoke(sid, until, author="operator", reason=_reason(request))
        return web.json_response({"sid": sid, "until": until, "revision": done.revision}, status=201)

    async def list_edges(self, request: web.Request) -> web.Response:
        after, limit = request.query.get("cursor", ""), _limit(request)
        names = sorted(name for name in self._plane.fanout.edges if name > after)
        page = [edge_json(self._plane.fanout.edges[name]) for name in names[:limit]]
        following = names[limit - 1] if len(names) > limit else None
        return web.json_response({"edges": page, "next": following, "revision": self._plane.store.desired.revision})

    async def list_revisions(self, request: web.Request) -> web.Response:
        rows = await self._plane.store.history(_limit(request))
        return web.json_response(
            {
                "revisions": [
                    {
                        "revision": row["number"],
                        "at": moment_text(row["at"]),
                        "author": row["author"],
                        "reason": row["reason"],
                    }
                    | json.loads(row["touched"])
                    for row in rows
                ]
            }
        )


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


def problem(status: int, reason: str, detail: str, **headers: str) -> web.Response:
    """An error as RFC 9457 has it, with our `reason` word."""
    body = {"type": f"urn:matinee:problem:{reason}", "title": _TITLES.get(status, "Error"), "status": status}
    return web.Response(
        status=status,
        text=json.dumps(body | {"detail": detail, "reason": reason}),
        content_type="application/problem+json",
        headers=headers,
    )


_TITLES = {
    400: "Bad request",
    401: "Not authenticated",
    404: "Not found",
    405: "Method not allowed",
    413: "Too large",
    500: "Our mistake",
    503: "Not now",
    507: "No room",
}


def _middleware(api_key: str) -> Any:
    open_routes = {(route.method, route.path) for route in ROUTES if route.open}
    local_routes = {(route.method, route.path) for route in ROUTES if route.local}

    @web.middleware
    async def answer(request: web.Request, handler: Handler) -> web.StreamResponse:
        try:
            resource = request.match_info.route.resource
            route = (request.method, resource.canonical if resource is not None else "")
            may = route in open_routes or (route in local_routes and _is_local(request))
            if not may and not _knows(request, api_key):
                return problem(
                    401, "api-key", "send Authorization: Bearer and the API key", **{"WWW-Authenticate": "Bearer"}
                )
            return await handler(request)
        except Exception as error:  # noqa: BLE001 (whatever it is becomes an answer)
            return _told(error)

    return answer


def _knows(request: web.Request, api_key: str) -> bool:
    scheme, _, given = request.headers.get("Authorization", "").partition(" ")
    return scheme.lower() == "bearer" and hmac.compare_digest(given.strip().encode(), api_key.encode())


async def _sign(_: web.Request, response: web.StreamResponse) -> None:
    response.headers["Server"] = "matinee"
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["Cache-Control"] = "no-store"


def _is_local(request: web.Request) -> bool:
    try:
        return ip_address(request.remote or "").is_loopback and "X-Forwarded-For" not in request.headers
    except ValueError:
        return False


def _told(error: Exception) -> web.Response:
    match error:
        case web.HTTPException(status=status):
            allow = {"Allow": error.headers["Allow"]} if "Allow" in error.headers else {}
            return problem(status, (error.reason or "error").lower().replace(" ", "-"), error.reason or "", **allow)
        case TooMany():
            return problem(507, "full", str(error))
        case ValueError():
            return problem(400, "bad-document", str(error))
        case Overloaded():
            return problem(503, "overloaded", error.reason, **{"Retry-After": str(error.retry_after)})
        case StorageFailed():
            log.error("a change was not kept", error=str(error))
            return problem(503, "storage", str(error), **{"Retry-After": "5"})
        case _:
            log.error("a bug", exc_info=error)
            return problem(500, "bug", "control failed; its log has the trace")


async def _body(request: web.Request) -> object:
    data = await request.read()
    if not data:
        raise BadDocument("", "the request has no body; JSON is expected")
    return load_json(data)


def _limit(request: web.Request) -> int:
    text = request.query.get("limit", str(PAGE))
    limit = int(text) if text.isascii() and text.isdigit() and len(text) <= 9 else 0
    if not 1 <= limit <= PAGE_MOST:
        raise BadDocument("limit", f"must be a number from 1 to {PAGE_MOST}")
    return limit


def _reason(request: web.Request) -> str:
    return request.query.get("reason", "")[:REASON_MOST]
