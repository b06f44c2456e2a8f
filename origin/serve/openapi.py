"""The OpenAPI description of the origin, `GET /openapi.json`."""

from __future__ import annotations

from httpd.openapi import API_KEY, Operation, Parameter, make_document
from origin.jobs.service.operations import OPERATIONS as CONTENT_OPERATIONS

_MEDIA_PARAMETERS = (
    Parameter(
        "region",
        "Any region; the files are the same everywhere.",
        schema={"type": "string", "pattern": "^[a-z0-9][a-z0-9-]{0,31}$"},
        location="path",
    ),
    Parameter(
        "contentId",
        "The title.",
        schema={"type": "string", "pattern": "^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$"},
        location="path",
    ),
    Parameter("file", "The path relative to the title, such as v720/00001.m4s.", location="path"),
)

_OPERATIONS = (
    Operation(
        "GET",
        "/cdn/{region}/{contentId}/{file}",
        "A published file: playlist, manifest, segment, thumbnail (also with HEAD)",
        _MEDIA_PARAMETERS,
        responses={
            "200": "The file",
            "206": "The requested range",
            "304": "Not modified",
            "412": "A precondition failed",
            "416": "No byte of the range exists",
            "503": "The store does not answer; Retry-After says when to try again",
        },
    ),
    Operation("GET", "/library", "All published titles", responses={"200": "JSON with titles", "304": "Not modified"}),
    Operation("GET", "/healthz", "Whether the store can be read", responses={"200": "It can be read"}),
    Operation("GET", "/readyz", "Whether edges may send requests here", responses={"200": "Ready", "503": "Stopping"}),
    Operation("GET", "/metrics", "Counters in Prometheus' text format", responses={"200": "Counters"}),
    Operation("GET", "/openapi.json", "This document", responses={"200": "The document"}),
)

DOCUMENT = make_document(
    "Matinee origin",
    "1",
    (*_OPERATIONS, *CONTENT_OPERATIONS),
    description="Serves the library of packaged titles, and takes films in.",
    security_schemes={"apiKey": API_KEY},
)
