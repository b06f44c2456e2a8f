"""The OpenAPI operations of `/content/*`."""

from __future__ import annotations

from typing import Any

import msgspec

from httpd.openapi import Operation, Parameter
from origin.jobs.job_states import JobState
from origin.jobs.service.ingest_service import IngestBody, TranscodeBody

_KEY = ("apiKey",)
_BAD = {"400": "A field is missing or invalid", "401": "No valid API key", "503": "The job queue is not open, or full"}
_NONE = _BAD | {"404": "There is none"}
_TEXT: dict[str, Any] = {"type": "string"}
_JOB: dict[str, Any] = {
    "type": "object",
    "required": ["jobId", "contentId", "status", "progress", "step"],
    "properties": {
        "jobId": _TEXT,
        "contentId": _TEXT,
        "status": {"type": "string", "enum": list(JobState)},
        "progress": {"type": "number", "minimum": 0, "maximum": 1},
        "step": _TEXT,
        "etaSeconds": {"type": "number"},
        "reason": _TEXT,
        "warnings": {"type": "array", "items": {"type": "object", "additionalProperties": _TEXT}},
    },
}


def schema_of(kind: type[msgspec.Struct]) -> dict[str, Any]:
    """The JSON schema of a body without nested structs."""
    _, components = msgspec.json.schema_components([kind], ref_template="{name}")
    return {name: value for name, value in components[kind.__name__].items() if name != "title"}


def _of(*names: str) -> dict[str, Any]:
    return {"type": "object", "required": list(names), "properties": dict.fromkeys(names, _TEXT)}


_TAKEN_DOWN = _of("contentId", "status", "purged")
_TAKEN_DOWN["properties"] |= {"purged": {"type": "boolean"}}


def _list(item: dict[str, Any]) -> dict[str, Any]:
    items = {"type": "array", "items": item}
    return {"type": "object", "properties": {"items": items, "nextCursor": {"type": ["string", "null"]}}}


def _page(*more: Parameter) -> tuple[Parameter, ...]:
    limit = Parameter("limit", "Rows of a page.", schema={"type": "integer", "minimum": 1, "maximum": 200})
    return (*more, limit, Parameter("cursor", "The `nextCursor` of the page before."))


OPERATIONS = (
    Operation(
        "POST", "/content/ingest", "Take a film in: from `fileLocation`, or by an upload that names the contentId",
        body=schema_of(IngestBody), responses={"201": "The title"}, response_schema=_of("contentId", "status"),
        errors=_BAD | {"403": "The location is not allowed", "409": "An ingest of the title is running"},
        security=_KEY,
    ),
    Operation(
        "POST", "/content/transcode", "Encode a title, again if it is published",
        body=schema_of(TranscodeBody), responses={"202": "The job"}, response_schema=_of("jobId", "status"),
        errors=_NONE | {"409": "Its upload is not complete", "410": "Its film is not kept"}, security=_KEY,
    ),
    Operation(
        "GET", "/content/{contentId}", "The status of a title", response_schema=_of("contentId", "status"),
        errors=_NONE, security=_KEY,
    ),
    Operation(
        "DELETE", "/content/{contentId}", "Take a title down: it is not deleted", response_schema=_TAKEN_DOWN,
        errors=_NONE | {"502": "The catalogue or control was not told: repeat it"}, security=_KEY,
    ),
    Operation(
        "POST", "/content/{contentId}/restore", "Put a title back that was taken down", response_schema=_TAKEN_DOWN,
        errors=_NONE | {"502": "The catalogue or control was not told: repeat it"}, security=_KEY,
    ),
    Operation(
        "GET", "/content/jobs", "Jobs, the latest first",
        _page(Parameter("status", "Only these states, separated by commas.")), response_schema=_list(_JOB),
        errors=_BAD, security=_KEY,
    ),
    Operation(
        "GET", "/content/jobs/{jobId}", "A job: progress, step, estimate, reason",
        (Parameter("steps", "1: with its steps.", schema={"type": "string", "enum": ["0", "1"]}),),
        response_schema=_JOB, errors=_NONE, security=_KEY,
    ),
    Operation(
        "DELETE", "/content/jobs/{jobId}", "Cancel a job", response_schema=_of("jobId", "status"),
        errors=_NONE | {"409": "It has ended"}, security=_KEY,
    ),
    Operation(
        "POST", "/content/jobs/{jobId}/retry", "Queue a failed or cancelled job again; what is done is kept",
        responses={"202": "It is queued"}, response_schema=_of("jobId", "status"),
        errors=_NONE | {"409": "It has not failed"}, security=_KEY,
    ),
    Operation(
        "GET", "/content/jobs/{jobId}/events", "Server-sent events: the job whenever it changes, `end` at its end",
        responses={"200": "text/event-stream"}, errors=_NONE, security=_KEY,
    ),
    Operation(
        "GET", "/content/alerts", "Alerts after a cursor, the oldest first", _page(),
        response_schema=_list(_of("kind", "detail", "at")), errors=_BAD, security=_KEY,
    ),
    Operation(
        "GET", "/content/workers", "Workers seen in the last two minutes",
        response_schema=_list(_of("worker", "host", "seen")), errors=_BAD, security=_KEY,
    ),
    Operation(
        "POST", "/content/uploads", "Create an upload (tus 1.0)", responses={"201": "Location names the upload"},
        errors=_BAD | {"412": "Another tus version", "413": "Too large"}, security=_KEY,
    ),
    Operation(
        "PATCH", "/content/uploads/{upload}", "Add bytes (tus 1.0)",
        responses={"204": "Upload-Offset is the next byte"},
        errors=_NONE | {"409": "Another offset", "415": "Another content type", "460": "Another checksum"},
        security=_KEY,
    ),
    Operation(
        "DELETE", "/content/uploads/{upload}", "End an upload (tus 1.0)", responses={"204": "It is gone"},
        errors=_NONE, security=_KEY,
    ),
)  # fmt: skip
