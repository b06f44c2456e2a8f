"""Routes as a table: what a service answers, who may ask, and what of it stands in /openapi.json."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

import msgspec
from aiohttp import web

from kernel.http.door_rules import JSON

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Access(Enum):
    """Who may ask."""

    ANYBODY = "anybody"
    VIEWER = "viewer"
    """A viewer with the page's guest cookie, or an API key."""
    OPERATOR = "operator"
    """An API key."""
    INTERNAL = "internal"
    """An API key, or anybody on this machine."""


@dataclass(frozen=True)
class Parameter:
    """A query or path parameter, for the description."""

    name: str
    sentence: str
    required: bool = False
    schema: Mapping[str, Any] = field(default_factory=lambda: {"type": "string"})
    place: str = "query"


@dataclass(frozen=True)
class Route:
    """One entry of a service's table."""

    method: str
    path: str
    handler: Handler
    access: Access
    summary: str
    parameters: tuple[Parameter, ...] = ()
    body: Mapping[str, Any] | None = None
    """JSON schema of the request's body."""
    answer: Mapping[str, Any] | None = None
    """JSON schema of a good answer's body."""
    refusals: tuple[int, ...] = ()
    takes: frozenset[str] | None = JSON
    """The content types of a request that changes something; None where another program judges that."""
    hidden: bool = False
    """Not in the description: pages and pictures."""


def answer(value: Any, *, status: int = 200, cache: str = "no-store") -> web.Response:
    """A JSON answer; `cache` is its Cache-Control."""
    response = web.Response(status=status, body=msgspec.json.encode(value), content_type="application/json")
    response.headers["Cache-Control"] = cache
    return response
