"""The origin's description of itself, `GET /openapi.json`."""

from __future__ import annotations

from typing import Any

_PROBLEM = {
    "description": "Refused",
    "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}},
}


def _operation(
    summary: str, statuses: dict[str, str], parameters: list[dict[str, Any]] | None = None
) -> dict[str, Any]:
    responses: dict[str, Any] = {status: {"description": text} for status, text in statuses.items()}
    return {"get": {"summary": summary, "parameters": parameters or [], "responses": responses | {"default": _PROBLEM}}}


def _in_path(name: str, sentence: str, pattern: str | None = None) -> dict[str, Any]:
    schema = {"type": "string"} | ({"pattern": pattern} if pattern else {})
    return {"name": name, "in": "path", "required": True, "description": sentence, "schema": schema}


DOCUMENT: dict[str, Any] = {
    "openapi": "3.1.0",
    "info": {"title": "Matinee origin", "version": "1", "description": "Serves the library of packaged titles."},
    "paths": {
        "/cdn/{region}/{contentId}/{file}": _operation(
            "A published file: playlist, manifest, segment, thumbnail (HEAD too)",
            {"200": "The file", "206": "The one range asked for", "304": "Not modified", "412": "A precondition failed",
             "416": "No byte of the range exists"},
            [
                _in_path("region", "Any region; the same files everywhere.", "^[a-z0-9][a-z0-9-]{0,31}$"),
                _in_path("contentId", "The title.", "^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$"),
                _in_path("file", "Path below the title, such as v720/00001.m4s."),
            ],
        ),
        "/library": _operation("All published titles", {"200": "JSON with titles", "304": "Not modified"}),
        "/healthz": _operation("Whether the store can be read", {"200": "It can"}),
        "/readyz": _operation("Whether edges may be sent here", {"200": "They may", "503": "It is stopping"}),
        "/metrics": _operation("Counters in Prometheus' text form", {"200": "Counters"}),
        "/openapi.json": _operation("This document", {"200": "The document"}),
    },
    "components": {
        "schemas": {
            "Problem": {
                "type": "object",
                "required": ["type", "title", "status", "detail", "reason"],
                "properties": {
                    "type": {"type": "string"},
                    "title": {"type": "string"},
                    "status": {"type": "integer"},
                    "detail": {"type": "string"},
                    "reason": {"type": "string", "description": "One word for programs."},
                },
            }
        }
    },
}  # fmt: skip
