"""JSON schemas of playback's requests and responses."""

from __future__ import annotations

from typing import Any

from services.http.body_schema import DATE_TIME

Schema = dict[str, Any]

_URL: Schema = {"type": "string", "format": "uri"}
_TIME: Schema = {"type": "string", "format": "date-time"}
_TRACK: Schema = {
    "type": ["object", "null"],
    "properties": {"language": {"type": "string"}, "name": {"type": "string"}},
}
STARTED_SCHEMA: Schema = {
    "type": "object",
    "required": ["streamUrl", "drmLicenseInfo", "sessionId", "resumePosition", "heartbeatInterval"],
    "properties": {
        "streamUrl": _URL,
        "drmLicenseInfo": {"type": "object", "description": '`{"type": "none"}`: the content is clear.'},
        "sessionId": {"type": "string"},
        "resumePosition": {"type": "number", "description": "Where the profile left off, in seconds."},
        "heartbeatInterval": {"type": "number", "description": "Seconds; three missed ones free the stream."},
        "format": {"enum": ["hls", "dash"]},
        "hlsUrl": _URL,
        "dashUrl": {"type": ["string", "null"], "format": "uri"},
        "expiresAt": _TIME,
        "edges": {"type": "array", "items": _URL},
        "steeringUrl": _URL,
        "wholeUrls": {"type": "object", "description": "Playlist and manifest with absolute URLs, for Shaka."},
        "audio": _TRACK,
        "subtitles": _TRACK,
        "tier": {"enum": ["sd", "hd", "uhd"], "description": "The edges serve renditions up to it."},
        "title": {"type": "string"},
        "durationSeconds": {"type": "number"},
        "attribution": {"type": "string"},
    },
}
AT_SCHEMA: Schema = {
    "anyOf": [
        {"type": "number", "minimum": 0, "maximum": 1e14},
        {"type": "string", "format": "date-time", "pattern": DATE_TIME},
        {"type": "null"},
    ],
    "description": "When the position was reached by the player's clock: Unix seconds, or ISO 8601.",
}
MOVED_SCHEMA: Schema = {
    "type": "object",
    "required": ["sessionId", "currentPosition"],
    "properties": {"sessionId": {"type": "string"}, "currentPosition": {"type": "number"}},
}
SESSIONS_SCHEMA: Schema = {
    "type": "array",
    "items": {
        "type": "object",
        "required": ["sessionId", "contentId", "device", "startedAt"],
        "properties": {
            "sessionId": {"type": "string"},
            "contentId": {"type": "string"},
            "deviceId": {"type": "string"},
            "device": {"type": "string"},
            "startedAt": _TIME,
            "seenAt": _TIME,
            "position": {"type": "number"},
        },
    },
}
CONTINUE_SCHEMA: Schema = {
    "type": "array",
    "items": {
        "type": "object",
        "required": ["contentId", "position", "duration"],
        "properties": {
            "contentId": {"type": "string"},
            "position": {"type": "number"},
            "duration": {"type": "number"},
        },
    },
}
END_SCHEMA: Schema = {
    "type": "object",
    "required": ["sessionId", "ended"],
    "properties": {
        "sessionId": {"type": "string"},
        "ended": {"type": ["string", "null"], "description": "Why it has ended; null: it has not."},
    },
}
ENDED_SCHEMA: Schema = {
    "type": "object",
    "required": ["sessionId", "ended"],
    "properties": {"sessionId": {"type": "string"}, "ended": {"type": "string"}},
}
