"""The context that the middleware attaches to each request: its id, caller, address and country."""

from __future__ import annotations

from dataclasses import dataclass

from aiohttp import web

from kernel.errors import BadRequest
from services.http import params
from services.http.caller import Caller
from services.http.geo import IPAddress


@dataclass(frozen=True, slots=True)
class RequestContext:
    """The context of one request. `country` is None if unknown; `secure` if the viewer used HTTPS."""

    request_id: str
    caller: Caller
    address: IPAddress | None
    country: str | None
    secure: bool


REQUEST_CONTEXT = web.RequestKey("visit", RequestContext)


def request_context(request: web.Request) -> RequestContext:
    """The context of a request."""
    return request[REQUEST_CONTEXT]


def viewer_country(request: web.Request) -> str | None:
    """The viewer's country; an operator may override it with `country=`. Raises BadRequest (400, 403)."""
    named = params.country(request)
    found = request_context(request)
    if named is None or named == found.country:
        return found.country
    if not found.caller.operator:
        raise BadRequest(403, "country-not-yours", "only an operator may select another country")
    return named
