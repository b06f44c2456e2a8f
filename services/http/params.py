"""Parse query parameters and JSON bodies; every error is a 400 that names the field."""

from __future__ import annotations

import re
from typing import TypeVar

import msgspec
from aiohttp import web

from kernel.auth.geo import country_code
from kernel.documents import BadDocument, is_broken, load_json, shown, whole_numbers
from kernel.errors import BadRequest
from kernel.user_id import MAX_USER_ID, USER_ID_SCHEMA_PATTERN, is_user_id
from kernel.vocabulary import CONTENT_ID, is_content_id

MAX_BODY_BYTES = 64 * 1024
CONTENT_ID_SCHEMA: dict[str, object] = {"type": "string", "pattern": f"^{CONTENT_ID.pattern}$"}
COUNTRY_SCHEMA: dict[str, object] = {"type": "string", "pattern": "^[A-Za-z]{2}$"}
USER_ID_SCHEMA: dict[str, object] = {
    "type": "string",
    "minLength": 1,
    "maxLength": MAX_USER_ID,
    "pattern": USER_ID_SCHEMA_PATTERN,
}
T = TypeVar("T", bound=msgspec.Struct)


def text(request: web.Request, name: str) -> str | None:
    """A query parameter; None if absent. Raises BadRequest if it is repeated."""
    values = request.query.getall(name, [])
    if len(values) > 1:
        raise BadRequest(400, "parameter-repeated", f"query parameter `{name}` is given {len(values)} times")
    return values[0] if values else None


def check_parameters(request: web.Request) -> None:
    """Reject invalid UTF-8 and NUL in any path or query parameter. Raises BadRequest naming it."""
    for place, values in (("query", request.query), ("path", request.match_info)):
        for name, value in values.items():
            if is_broken(name):
                raise BadRequest(400, "parameter-encoding", f"{shown(name)} is not a valid name of a {place} parameter")
            if is_broken(value):
                raise BadRequest(
                    400, "parameter-encoding", f"{place} parameter `{name[:80]}` is not UTF-8, or has a NUL"
                )


def integer_schema(least: int, most: int, default: int) -> dict[str, object]:
    """The schema of a whole number."""
    return {"type": "integer", "minimum": least, "maximum": most, "default": default}


def required(request: web.Request, name: str) -> str:
    """A required query parameter. Raises BadRequest if it is absent or empty."""
    value = text(request, name)
    if not value:
        raise BadRequest(400, "parameter-missing", f"query parameter `{name}` is required")
    return value


def integer(request: web.Request, name: str, default: int, least: int, most: int) -> int:
    """An integer from `least` to `most`; `default` if absent. Raises BadRequest."""
    value = text(request, name)
    if value is None:
        return default
    if not re.fullmatch(r"\d{1,9}", value, re.ASCII) or not least <= int(value) <= most:
        raise BadRequest(
            400, "parameter-range", f"query parameter `{name}` must be a whole number from {least} to {most}"
        )
    return int(value)


def boolean(request: web.Request, name: str) -> bool:
    """A boolean: `true`, `false`, `1` or `0`; False if absent. Raises BadRequest."""
    value = text(request, name)
    if value not in (None, "true", "false", "1", "0"):
        raise BadRequest(400, "parameter-value", f"query parameter `{name}` must be true or false")
    return value in ("true", "1")


def content_id(value: str) -> str:
    """Validate a contentId. Raises BadRequest."""
    if not is_content_id(value):
        raise BadRequest(
            400, "content-id", "`contentId` must be 1 to 64 letters, digits, hyphens and underscores, no mark first"
        )
    return value


def user_id(value: str) -> str:
    """Validate a userId. Raises BadRequest."""
    if not is_user_id(value):
        raise BadRequest(
            400, "user-id", f"`userId` must be 1 to {MAX_USER_ID} visible characters, with single spaces between"
        )
    return value


def country(request: web.Request) -> str | None:
    """The query parameter `country` in upper case; None if absent. Raises BadRequest."""
    value = text(request, "country")
    if value is not None and country_code(value) is None:
        raise BadRequest(400, "parameter-value", "query parameter `country` must be a two-letter code (ISO 3166)")
    return country_code(value)


async def body(request: web.Request, kind: type[T]) -> T:
    """Decode the JSON body as `kind`, a msgspec Struct. Raises BadRequest (400, 413, 415)."""
    if request.content_type != "application/json":
        raise BadRequest(415, "content-type", "the body must be JSON, sent with Content-Type: application/json")
    try:
        data = await request.read()
    except web.HTTPRequestEntityTooLarge:
        raise BadRequest(413, "body-too-large", f"the body is larger than {MAX_BODY_BYTES} bytes") from None
    try:
        # Unknown fields are ignored whatever they hold: apps may send more than this release reads.
        return msgspec.convert(whole_numbers(load_json(data, kind.__struct_encode_fields__)), kind)
    except BadDocument as error:
        raise BadRequest(400, *_document_error(error)) from None
    except msgspec.ValidationError as error:
        raise BadRequest(400, "body-field", _validation_error(str(error))) from None
    except RecursionError:
        raise BadRequest(400, "body-json", "the body is nested too deeply") from None


def _document_error(error: BadDocument) -> tuple[str, str]:
    if error.path:
        return "body-field", f"field `{error.path}`: {error.why}"
    return "body-json", f"the body {error.why}"


def _validation_error(message: str) -> str:
    why, _, place = message.partition(" - at `$.")
    return f"field `{place.rstrip('`')}`: {why}" if place else f"the body: {why}"
