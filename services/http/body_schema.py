"""JSON schemas of request bodies, from the msgspec types that decode them: what is described is accepted. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

_NO_NUL = "^[^\\u0000]*$"
"""No text of ours holds a NUL, which PostgreSQL cannot store."""


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
    if made.get("type") == "string" and "enum" not in made and "format" not in made:
        made["pattern"] = str(made.get("pattern", _NO_NUL)).replace("\\Z", "$")
    return made
