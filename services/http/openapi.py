"""The OpenAPI description of the services, from their route table. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from http import HTTPStatus
from typing import Any

from httpd.openapi import API_KEY, Operation, Parameter, make_document
from kernel.http.door_rules import JSON
from services.http.body_schema import NO_NUL
from services.http.route import Access, Route

_ERRORS = {
    400: "A parameter or field is missing or invalid",
    401: "No valid API key, access token or guest cookie",
    403: "Not allowed for this caller",
    404: "Not found",
    409: "Conflicts with the current state, or fields contradict one another",
    410: "Gone: stop asking",
    412: "Changed by somebody else: read it again",
    413: "Body too large",
    415: "Body is not JSON",
    422: "The document cannot be answered",
    429: "Too many requests: retry later",
    451: "Not licensed in the viewer's country",
    502: "The origin failed",
    503: "Temporarily unavailable",
}
_SECURITY: dict[Access, tuple[str, ...]] = {
    Access.ANYBODY: (),
    Access.VIEWER: ("accessToken", "apiKey"),
    Access.ACCOUNT: ("accessToken",),
    Access.OPERATOR: ("apiKey",),
    Access.INTERNAL: ("apiKey",),
}


def describe(routes: Sequence[Route], version: str) -> dict[str, Any]:
    """An OpenAPI 3.1 document of the routes that are not hidden."""
    return make_document(
        "Matinee",
        version,
        [_operation(route) for route in routes if not route.hidden],
        description=(
            "A video-on-demand platform built around its own CDN. The page's guests have a cookie in place of a token."
        ),
        security_schemes={
            "apiKey": API_KEY,
            "accessToken": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"},
        },
    )


def _operation(route: Route) -> Operation:
    # An Authorization field that holds no valid key or token is refused everywhere, where none is needed too.
    errors = {401, *route.errors}
    # Only operators may name another country than the caller's own (`viewer_country`).
    errors |= {403} if any(one.name == "country" for one in route.parameters) else set()
    errors |= {400} if route.parameters or route.body else set()
    errors |= {413, 415} if route.body else set()
    return Operation(
        route.method,
        route.path,
        route.summary,
        tuple(_without_nul(one) for one in route.parameters),
        route.body,
        body_types=tuple(sorted(route.content_types or JSON)),
        responses={str(status): HTTPStatus(status).phrase for status in route.statuses},
        response_schema=route.response,
        errors={str(status): _ERRORS[status] for status in sorted(errors)},
        security=_SECURITY[route.access],
    )


def _without_nul(parameter: Parameter) -> Parameter:
    """The parameter with the pattern that the middleware holds every text to."""
    schema = parameter.schema
    if schema.get("type") != "string" or "enum" in schema or "pattern" in schema:
        return parameter
    return replace(parameter, schema={**schema, "pattern": NO_NUL})
