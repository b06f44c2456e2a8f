"""Make OpenAPI 3.1 documents: origin, control and services describe their operations with the same types. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

Schema = Mapping[str, Any]

PROBLEM: Schema = {
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
API_KEY: Schema = {"type": "http", "scheme": "bearer"}
_PATH_PARAMETER = re.compile(r"{(\w+)}")


@dataclass(frozen=True)
class Parameter:
    """A parameter of an operation; `location` is `query` or `path`."""

    name: str
    description: str = ""
    required: bool = False
    schema: Schema = field(default_factory=lambda: {"type": "string"})
    location: str = "query"


@dataclass(frozen=True)
class Operation:
    """One method of one path. Path parameters that `parameters` does not describe are added by name."""

    method: str
    path: str
    summary: str
    parameters: tuple[Parameter, ...] = ()
    body: Schema | None = None
    """JSON schema of the request body."""
    body_types: tuple[str, ...] = ("application/json",)
    responses: Mapping[str, str] = field(default_factory=lambda: {"200": "OK"})
    """Descriptions of the responses that are not problems, by status."""
    response_schema: Schema | None = None
    """JSON schema of the body of 200, 201 and 202."""
    errors: Mapping[str, str] = field(default_factory=lambda: {"default": "A problem (RFC 9457)"})
    """Descriptions of the problem responses, by status or `default`."""
    security: tuple[str, ...] = ()
    """The security schemes, any of which admits the caller; none: open to anybody."""
    operation_id: str = ""
    extensions: Schema = field(default_factory=dict)
    """Further members, whose names start with `x-`."""


def make_document(
    title: str,
    version: str,
    operations: Sequence[Operation],
    *,
    description: str = "",
    security_schemes: Mapping[str, Schema] | None = None,
) -> dict[str, Any]:
    """An OpenAPI 3.1 document of the operations."""
    paths: dict[str, dict[str, Any]] = {}
    for operation in operations:
        paths.setdefault(operation.path, {})[operation.method.lower()] = _operation(operation)
    components: dict[str, Any] = {"schemas": {"Problem": PROBLEM}}
    if security_schemes:
        components["securitySchemes"] = dict(security_schemes)
    info = {"title": title, "version": version} | ({"description": description} if description else {})
    return {"openapi": "3.1.0", "info": info, "paths": paths, "components": components}


def _operation(operation: Operation) -> dict[str, Any]:
    responses: dict[str, Any] = {}
    for status, text in operation.responses.items():
        schema = operation.response_schema if status in ("200", "201", "202") else None
        responses[status] = {"description": text} | ({"content": _content(schema)} if schema else {})
    problem = _content({"$ref": "#/components/schemas/Problem"}, "application/problem+json")
    responses |= {status: {"description": text, "content": problem} for status, text in operation.errors.items()}
    members: dict[str, Any] = {"operationId": operation.operation_id} if operation.operation_id else {}
    members |= {"summary": operation.summary, "responses": responses}
    members["security"] = [{scheme: []} for scheme in operation.security]
    if parameters := [_parameter(parameter) for parameter in _all_parameters(operation)]:
        members["parameters"] = parameters
    if operation.body is not None:
        content = {kind: {"schema": operation.body} for kind in operation.body_types}
        members["requestBody"] = {"required": True, "content": content}
    return {**members, **operation.extensions}


def _content(schema: Schema, media_type: str = "application/json") -> dict[str, Any]:
    return {media_type: {"schema": schema}}


def _all_parameters(operation: Operation) -> list[Parameter]:
    described = {parameter.name for parameter in operation.parameters}
    names = [name for name in _PATH_PARAMETER.findall(operation.path) if name not in described]
    return [*(Parameter(name, location="path") for name in names), *operation.parameters]


def _parameter(parameter: Parameter) -> dict[str, Any]:
    description = {"description": parameter.description} if parameter.description else {}
    required = parameter.required or parameter.location == "path"
    members = {"name": parameter.name, "in": parameter.location, "required": required}
    return {**members, **description, "schema": parameter.schema}
