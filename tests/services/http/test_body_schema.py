"""Schemas of bodies say what the types accept, in the form of OpenAPI."""

import re
from typing import Annotated

import msgspec
from msgspec import Meta, Struct

from services.http.body_schema import schema_of


class Part(Struct):
    """A part."""

    name: Annotated[str, Meta(pattern=r"^[a-z]{1,3}\Z")]


class Body(Struct, rename="camel"):
    """A body."""

    some_text: Annotated[str, Meta(max_length=5)]
    title: str
    parts: list[Part] = []
    size: Annotated[int, Meta(ge=1, le=9)] | None = None


def test_a_schema_has_the_bounds_of_the_type_and_no_references():
    schema = schema_of(Body)
    assert schema["required"] == ["someText", "title"]
    assert schema["properties"]["title"]["type"] == "string"
    assert schema["properties"]["someText"]["maxLength"] == 5
    assert schema["properties"]["parts"]["items"]["properties"]["name"]["pattern"] == "^[a-z]{1,3}$"
    assert {"type": "integer", "minimum": 1, "maximum": 9} in schema["properties"]["size"]["anyOf"]
    assert "$ref" not in msgspec.json.encode(schema).decode()


def test_texts_hold_no_nul_and_a_property_may_be_said_more_narrowly():
    schema = schema_of(Body, size={"type": "integer", "multipleOf": 2})
    assert schema["properties"]["size"] == {"type": "integer", "multipleOf": 2}
    pattern = schema["properties"]["someText"]["pattern"]
    assert re.search(pattern, "line\nline")
    assert not re.search(pattern, "a\0b")
