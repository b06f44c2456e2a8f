"""The types of the route table, which drives routing, access checks and /openapi.json."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any

import msgspec
from aiohttp import web

from httpd.openapi import Parameter
from kernel.http.door_rules import JSON

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Access(Enum):
    """The access level of a route."""

    ANYBODY = "anybody"
    VIEWER = "viewer"
    """A viewer who has logged in, a guest with the page's cookie, or an API key."""
    ACCOUNT = "account"
    """A viewer who has logged in."""
    OPERATOR = "operator"
    """An API key."""
    INTERNAL = "internal"
    """An API key, or anybody on this machine."""


@dataclass(frozen=True)
class Route:
    """One route of a service."""

    method: str
    path: str
    handler: Handler
    access: Access
    summary: str
    parameters: tuple[Parameter, ...] = ()
    body: Mapping[str, Any] | None = None
    """JSON schema of the request body."""
    response: Mapping[str, Any] | None = None
    """JSON schema of the body of a response that is not a problem."""
    statuses: tuple[int, ...] = (200,)
    """The statuses of responses that are not problems."""
    errors: tuple[int, ...] = ()
    content_types: frozenset[str] | None = JSON
    """The content types allowed for request bodies; None if another program checks them."""
    hidden: bool = False
    """Not part of /openapi.json: pages and images."""


def json_response(value: Any, *, status: int = 200, cache: str = "no-store") -> web.Response:
    """Make a JSON response; `cache` is its Cache-Control."""
    response = web.Response(status=status, body=msgspec.json.encode(value), content_type="application/json")
    response.headers["Cache-Control"] = cache
    return response
