"""JSON schemas of request bodies, from the msgspec types that decode them: what is described is accepted. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

NO_NUL = "^[^\\u0000]*$"
"""No text of ours holds a NUL, which PostgreSQL cannot store."""

DATE_TIME = (
    "^(197[1-9]|19[89][0-9]|20[0-9]{2})-(0[1-9]|1[0-2])-(0[1-9]|1[0-9]|2[0-8])T([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]"
    "(\\.[0-9]{1,6})?(Z|[+-](0[0-9]|1[0-4]):[0-5][0-9])$"
)
"""Dates and times of RFC 3339; of the last days of a month only those that each month has."""


def schema_of(kind: type[msgspec.Struct], **properties: Mapping[str, Any]) -> dict[str, Any]:
    """The JSON schema of a body; `properties` replace what the type says, where a handler checks more than it does."""
    [schema], components = msgspec.json.schema_components([kind], ref_template="{name}")
    inlined: dict[str, Any] = _inline(schema, components)
    inlined["properties"] = {**inlined.get("properties", {}), **properties}
    return inlined


def _inline(schema: Any, components: Mapping[str, Any]) -> Any:
    """The schema without references, and with patterns in the form of ECMA 262, as OpenAPI wants them."""
    if isinstance(schema, list):
        return [_inline(one, components) for one in schema]
    if not isinstance(schema, dict):
        return schema
    if "$ref" in schema:
        return _inline(components[schema["$ref"]], components)
    made = {name: _inline(value, components) for name, value in schema.items() if name not in ("title", "default")}
    if isinstance(properties := schema.get("properties"), dict):  # its names are ours: a property may be called title
        made["properties"] = {name: _inline(value, components) for name, value in properties.items()}
    if made.get("format") == "date-time":  # a format is only a note to many readers of a schema
        made["pattern"] = DATE_TIME
    if made.get("type") == "string" and "enum" not in made and "format" not in made:
        made["pattern"] = str(made.get("pattern", NO_NUL)).replace("\\Z", "$")
    return made
