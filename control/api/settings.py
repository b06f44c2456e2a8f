"""Control's HTTP door: settings in layers, how far they are rolled out, and back."""

from __future__ import annotations

from typing import Any

from aiohttp import web

from control.api.http import body, call, caller, reason
from control.commands import ControlService
from control.rollout.rollout import STAGES, has_new_settings
from control.rollout.settings_state import RolloutConflict, SettingsState
from httpd.problem import problem
from kernel.documents import BadDocument, moment_text, parse_object


class SettingsApi:
    """The handlers; `control.api.openapi.ROUTES` says which route is whose."""

    def __init__(self, plane: ControlService) -> None:
        self._plane = plane

    async def get_settings(self, _: web.Request) -> web.Response:
        return web.json_response(self._shown(self._plane.settings.current()))

    async def put_settings(self, request: web.Request) -> web.Response:
        edits = _edits(await body(request))
        held = await self._plane.settings.push(
            edits, author=caller(request).name, reason=reason(request), call=call(request)
        )
        return web.json_response(self._shown(held), status=202)

    async def diff_settings(self, request: web.Request) -> web.Response:
        edits, told = _edits(await body(request)), []
        for name, edge in sorted(self._plane.fanout.edges.items()):
            before, after = self._plane.settings.preview(edge.hello, edits)
            if before != after:
                names = sorted(one for one in {*before, *after} if before.get(one) != after.get(one))
                told.append({"edge": name, "settings": {one: [before.get(one), after.get(one)] for one in names}})
        return web.json_response({"edges": told})

    async def move_rollout(self, request: web.Request) -> web.Response:
        push, who, why = self._plane.settings, caller(request).name, reason(request)
        verb = request.match_info["verb"]
        moves = {"hold": push.hold, "go-on": push.resume, "back": push.roll_back}
        if verb not in moves:
            return problem(404, "not-found", f"a rollout can be told {', '.join(moves)}")
        try:
            held = await moves[verb](author=who, reason=why, call=call(request))
        except RolloutConflict as error:
            return problem(409, "conflict", str(error))
        return web.json_response(self._shown(held))

    def _shown(self, held: SettingsState) -> dict[str, Any]:
        rollout, edges = held.rollout, self._plane.fanout.edges
        told: dict[str, Any] = {"number": held.number, "layers": held.layers, "rollout": None}
        if rollout is not None:
            having = sorted(name for name in edges if not held.under_way or has_new_settings(name, rollout))
            told["rollout"] = {
                "number": rollout.number,
                "before": rollout.before,
                "state": rollout.state.value,
                "stage": STAGES[rollout.stage].name,
                "since": moment_text(rollout.since),
                "why": rollout.why,
                "edges": having,
                "of": len(edges),
            }
        return told


def _edits(sent: object) -> dict[str, object]:
    layers = parse_object(sent, "", ("layers",)).get("layers")
    if not isinstance(layers, dict) or not layers:
        raise BadDocument("layers", 'must name the layers that change, as {"all": {…}}; null takes one away')
    return layers
