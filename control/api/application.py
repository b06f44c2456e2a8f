"""Control's HTTP door for operators: the same verbs as gRPC, JSON, API keys with roles, problems (RFC 9457)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from aiohttp import web

from control.api.access_log import access_log
from control.api.explain import ExplainApi
from control.api.fleet import FleetApi
from control.api.hot import HotApi
from control.api.http import CALLER, Handler, check_parameters, is_local, problem_of
from control.api.jobs import JobsApi
from control.api.join import JoinApi
from control.api.keys import KeysApi
from control.api.openapi import ROUTES
from control.api.process import ProcessApi
from control.api.route import RouteApi
from control.api.settings import SettingsApi
from control.api.state import StateApi
from control.commands import ControlService
from control.trust.api_keys import ROLES, ApiKeys, Caller
from control.trust.node_admin_keys import NodeAdminKeys
from httpd.guard import door_refusal, sentence
from httpd.problem import problem
from kernel.http.door_rules import LOOPBACK_DOOR, DoorRules
from kernel.vocabulary import DOOR_REFUSAL_STATUS

MAX_BODY_BYTES = 1 << 20
NO_KEYS = NodeAdminKeys()


def make_app(
    plane: ControlService,
    keys: ApiKeys,
    ready: Callable[[], bool],
    rules: DoorRules = LOOPBACK_DOOR,
    node_keys: NodeAdminKeys = NO_KEYS,
) -> web.Application:
    """The application. `ready`: whether control accepts changes and edges; `rules`: the hosts it answers to;
    `node_keys`: what it presents at nodes' admin ports."""
    middlewares = [access_log(plane.clock), _middleware(plane, keys, rules)]
    app = web.Application(client_max_size=MAX_BODY_BYTES, middlewares=middlewares)
    app.on_response_prepare.append(_sign)
    groups = _groups(plane, keys, ready, node_keys)
    for route in ROUTES:
        app.router.add_route(route.method, route.path, _handler(groups, route.handler))
    return app


def _groups(plane: ControlService, keys: ApiKeys, ready: Callable[[], bool], node_keys: NodeAdminKeys) -> list[object]:
    """The objects whose methods are the handlers that `control.api.openapi.ROUTES` names."""
    return [
        ProcessApi(plane, ready),
        RouteApi(plane),
        StateApi(plane),
        FleetApi(plane),
        KeysApi(plane, keys),
        JobsApi(plane),
        JoinApi(plane),
        ExplainApi(plane, node_keys),
        SettingsApi(plane),
        HotApi(plane),
    ]


def _handler(groups: list[object], name: str) -> Any:
    (found,) = [getattr(group, name) for group in groups if hasattr(group, name)]
    return found


def _middleware(plane: ControlService, keys: ApiKeys, rules: DoorRules) -> Any:
    routes = {(route.method, route.path): route for route in ROUTES}

    @web.middleware
    async def answer(request: web.Request, handler: Handler) -> web.StreamResponse:
        try:
            if (refused := door_refusal(request, rules)) is not None:
                return problem(DOOR_REFUSAL_STATUS[refused], refused.value, sentence(refused))
            resource = request.match_info.route.resource
            route = routes.get((request.method, resource.canonical if resource is not None else ""))
            if route is None or not (route.open or (route.local and is_local(request))):
                who = await _who(request, keys, plane.clock.wall())
                if who is None:
                    told_how = {"WWW-Authenticate": "Bearer"}
                    return problem(401, "api-key", "send Authorization: Bearer and the API key", told_how)
                if route is not None and who.role < ROLES[route.role]:
                    return problem(
                        403, "role", f"this needs the role {route.role}; this key has {who.role.name.lower()}"
                    )
                request[CALLER] = who
            check_parameters(request)
            return await handler(request)
        except Exception as error:  # noqa: BLE001 (whatever it is becomes an answer)
            return problem_of(error)

    return answer


async def _who(request: web.Request, keys: ApiKeys, now: float) -> Caller | None:
    scheme, _, given = request.headers.get("Authorization", "").partition(" ")
    return await keys.caller(given.strip(), now) if scheme.lower() == "bearer" else None


async def _sign(_: web.Request, response: web.StreamResponse) -> None:
    response.headers["Server"] = "matinee"
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["Cache-Control"] = "no-store"
