"""Control's HTTP door: tokens that nodes join the fleet with."""

from __future__ import annotations

from aiohttp import web

from control.api.http import body, call, caller, reason
from control.commands import ControlService
from control.trust.enrolment import parse_invitation
from httpd.problem import problem
from kernel.documents import moment_text


class JoinApi:
    """The handlers; `control.api.openapi.ROUTES` says which route is whose."""

    def __init__(self, plane: ControlService) -> None:
        self._plane = plane

    async def make_enrolment(self, request: web.Request) -> web.Response:
        """The token is shown this once; only its secret's hash is kept."""
        if self._plane.enrolment is None:
            return problem(
                409, "no-mtls", "this control asks nodes for no certificate (--tls): there is nothing to join"
            )
        asked = parse_invitation(await body(request))
        made = await self._plane.enrolment.invite(
            asked,
            author=caller(request).name,
            reason=reason(request),
            call=call(request),
        )
        told = {"id": asked.id, "role": asked.role, "region": asked.region, "expires": moment_text(made.expires)}
        return web.json_response(told | {"token": made.text}, status=201, headers={"Cache-Control": "no-store"})
