"""Generate the OpenAPI description from the route table. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from services.http.route import Access, Parameter, Route

PROBLEM = {
    "type": "object",
    "required": ["type", "title", "status", "detail", "reason"],
    "properties": {
        "type": {"type": "string", "format": "uri"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "reason": {"type": "string", "description": "One word for programs."},
    },
}
_WORDS = {
    400: "A parameter or field is missing or invalid",
    401: "No valid API key or guest cookie",
    403: "Not allowed for this caller",
    404: "Not found",
    409: "Conflicts with the current state",
    410: "Gone: stop asking",
    413: "Body too large",
    415: "Body is not JSON",
    429: "Too many requests: retry later",
    451: "Not licensed in the viewer's country",
    502: "The origin failed",
    503: "Temporarily unavailable",
}


def describe(routes: Sequence[Route], version: str) -> dict[str, Any]:
    """An OpenAPI 3.1 document of the routes."""
    paths: dict[str, dict[str, Any]] = {}
    for route in routes:
        if not route.hidden:
            paths.setdefault(route.path, {})[route.method.lower()] = _operation(route)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Matinee",
            "version": version,
            "description": "A video-on-demand platform built around its own CDN.",
        },
        "paths": paths,
        "components": {
            "schemas": {"Problem": PROBLEM},
            "securitySchemes": {
                "apiKey": {"type": "http", "scheme": "bearer"},
                "guest": {"type": "apiKey", "in": "cookie", "name": "matinee_guest"},
            },
        },
    }


def _operation(route: Route) -> dict[str, Any]:
    refusals = set(route.errors)
    refusals |= {401} if route.access is not Access.ANYBODY else set()
    refusals |= {400} if route.parameters or route.body else set()
    refusals |= {413, 415} if route.body else set()
    content = {"application/json": {"schema": route.response}} if route.response else None
    responses: dict[str, Any] = {"200": {"description": "OK"} | ({"content": content} if content else {})}
    for status in sorted(refusals):
        schema = {"$ref": "#/components/schemas/Problem"}
        responses[str(status)] = {
            "description": _WORDS[status],
            "content": {"application/problem+json": {"schema": schema}},
        }
    made: dict[str, Any] = {"summary": route.summary, "responses": responses, "security": _security(route.access)}
    if route.parameters:
        made["parameters"] = [_parameter(parameter) for parameter in route.parameters]
    if route.body:
        made["requestBody"] = {"required": True, "content": {"application/json": {"schema": route.body}}}
    return made


def _parameter(parameter: Parameter) -> dict[str, Any]:
    return {
        "name": parameter.name,
        "in": parameter.location,
        "required": parameter.required or parameter.location == "path",
        "description": parameter.description,
        "schema": parameter.schema,
    }


def _security(access: Access) -> list[dict[str, list[str]]]:
    match access:
        case Access.ANYBODY:
            return []
        case Access.VIEWER:
            return [{"guest": []}, {"apiKey": []}]
        case Access.OPERATOR | Access.INTERNAL:
            return [{"apiKey": []}]
