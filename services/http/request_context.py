"""A request as the services see it: id, caller and place, kept on aiohttp's request by the middleware."""

from __future__ import annotations

from dataclasses import dataclass

from aiohttp import web

from kernel.errors import BadRequest
from services.http import params
from services.http.caller import Caller
from services.http.geo import Address


@dataclass(frozen=True, slots=True)
class RequestContext:
    """Who asks, from where. `country` None = unknown; `secure` = the viewer came by HTTPS."""

    request_id: str
    caller: Caller
    address: Address | None
    country: str | None
    secure: bool


VISIT = web.RequestKey("visit", RequestContext)


def request_context(request: web.Request) -> RequestContext:
    """The visit that a request belongs to."""
    return request[VISIT]


def watching_country(request: web.Request) -> str | None:
    """The viewer's country; operators may name another by `country=`. Raises BadRequest (400, 403)."""
    named = params.country(request)
    found = request_context(request)
    if named is None or named == found.country:
        return found.country
    if not found.caller.operator:
        raise BadRequest(403, "country-not-yours", "only an API key may ask for another country than the viewer's own")
    return named
