"""JSON schemas of the routes of accounts, for /openapi.json."""

from __future__ import annotations

from typing import Any

Schema = dict[str, Any]

_TEXT: Schema = {"type": "string"}
_COUNTRY: Schema = {"type": ["string", "null"], "pattern": "^[A-Za-z]{2}$"}
TOKENS_SCHEMA: Schema = {
    "type": "object",
    "required": ["accountId", "profileId", "accessToken", "refreshToken"],
    "properties": {
        "accountId": _TEXT,
        "profileId": _TEXT,
        "deviceId": _TEXT,
        "accessToken": _TEXT,
        "refreshToken": _TEXT,
        "expiresIn": {"type": "integer", "description": "Seconds until the access token expires."},
    },
}
_PROFILE: Schema = {
    "type": "object",
    "properties": {
        "name": {"type": "string", "minLength": 1, "maxLength": 60},
        "kids": {"type": "boolean"},
        "maturity": {"type": ["integer", "null"], "minimum": 0, "maximum": 21},
        "language": _TEXT,
        "subtitles": _TEXT,
        "dataSaver": {"type": "boolean"},
        "consent": {"type": "boolean"},
    },
}
PROFILE_SCHEMA: Schema = {
    "type": "object",
    "required": ["profileId", "name", "kids"],
    "properties": _PROFILE["properties"] | {"profileId": _TEXT},
}
_PLAN: Schema = {
    "type": "object",
    "required": ["tier", "streams"],
    "properties": {
        "tier": {"enum": ["sd", "hd", "uhd"]},
        "streams": {"type": "integer", "minimum": 1, "maximum": 100},
        "countries": {"type": ["array", "null"], "items": {"type": "string", "pattern": "^[A-Za-z]{2}$"}},
    },
}
ACCOUNT_SCHEMA: Schema = {
    "type": "object",
    "required": ["accountId", "email", "plan"],
    "properties": {
        "accountId": _TEXT,
        "email": _TEXT,
        "country": _COUNTRY,
        "plan": _PLAN,
        "created": {"type": "number"},
        "disabled": {"type": "boolean"},
    },
}
ME_SCHEMA: Schema = {
    "type": "object",
    "required": [*ACCOUNT_SCHEMA["required"], "profileId", "profiles"],
    "properties": ACCOUNT_SCHEMA["properties"]
    | {"profileId": _TEXT, "deviceId": _TEXT, "profiles": {"type": "array", "items": PROFILE_SCHEMA}},
}
DEVICES_SCHEMA: Schema = {
    "type": "array",
    "items": {
        "type": "object",
        "required": ["deviceId", "name"],
        "properties": {
            "deviceId": _TEXT,
            "id": _TEXT,
            "name": _TEXT,
            "created": {"type": "number"},
            "seen": {"type": "number"},
            "current": {"type": "boolean"},
        },
    },
}
