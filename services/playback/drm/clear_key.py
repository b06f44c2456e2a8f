"""Clear Key's licence messages (W3C Encrypted Media Extensions §9.1.3 and §9.1.4). Pure."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence

import msgspec

from kernel.documents import BadDocument, load_json
from kernel.errors import BadRequest
from kernel.media.content_keys import KEY_BYTES, ContentKey

MAX_KEY_IDS = 32
SESSION_TYPES = frozenset(("temporary", "persistent-license"))
REQUEST_SCHEMA: dict[str, object] = {
    "type": "object",
    "required": ["kids"],
    "properties": {
        "kids": {
            "type": "array",
            "items": {"type": "string", "pattern": "^[A-Za-z0-9_-]{21}[AQgw]$"},
            "minItems": 1,
            "maxItems": MAX_KEY_IDS,
        },
        "type": {"type": "string", "enum": ["temporary"], "default": "temporary"},
    },
}
LICENCE_SCHEMA: dict[str, object] = {
    "type": "object",
    "required": ["keys", "type"],
    "properties": {
        "keys": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["kty", "kid", "k"],
                "properties": {"kty": {"type": "string"}, "kid": {"type": "string"}, "k": {"type": "string"}},
            },
        },
        "type": {"type": "string"},
    },
}


def read_key_ids(body: bytes) -> list[str]:
    """The key ids of a licence request, each once, in hexadecimal. Raises BadRequest naming the field."""
    try:
        document = load_json(body)
    except BadDocument as error:
        raise BadRequest(400, "body-json", f"the licence request {error.why}") from None
    if not isinstance(document, dict):
        raise BadRequest(400, "body-json", "the licence request is not a JSON object")
    kind = document.get("type", "temporary")
    if kind != "temporary":
        known = isinstance(kind, str) and kind in SESSION_TYPES
        why = "licences are never kept on a device" if known else "is not a session type"
        raise BadRequest(400, "body-field", f"field `type`: {why}")
    kids = document.get("kids")
    if not isinstance(kids, list) or not 0 < len(kids) <= MAX_KEY_IDS:
        raise BadRequest(400, "body-field", f"field `kids`: must be a list of 1 to {MAX_KEY_IDS} key ids")
    return list(dict.fromkeys(_key_id(kid, number) for number, kid in enumerate(kids)))


def _key_id(kid: object, number: int) -> str:
    try:
        if not isinstance(kid, str) or len(kid) > 24:
            raise ValueError
        raw = base64.b64decode(kid.rstrip("=") + "==", altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        raw = b""
    if len(raw) != KEY_BYTES:
        raise BadRequest(400, "body-field", f"field `kids[{number}]`: must be {KEY_BYTES} bytes in base64url")
    return raw.hex()


def write_licence(keys: Sequence[ContentKey]) -> bytes:
    """The licence: a JSON Web Key set."""
    listed = [{"kty": "oct", "kid": _text(bytes.fromhex(key.key_id)), "k": _text(key.key)} for key in keys]
    return msgspec.json.encode({"keys": listed, "type": "temporary"})


def _text(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
