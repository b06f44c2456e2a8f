"""The log of a process (not of requests): JSON lines on stderr. The edge has its own, with bounded rates."""

from __future__ import annotations

import json
import logging
import sys
from typing import Any

import msgspec
import structlog

_encoder = msgspec.json.Encoder(enc_hook=repr)


def log_json_lines() -> None:
    """Log through structlog from level INFO on, as JSON lines with level, UTC time, bound fields and traceback."""
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(serializer=encode_line),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.BytesLoggerFactory(sys.stderr.buffer),
        cache_logger_on_first_use=True,
    )


def encode_line(fields: Any, **_: Any) -> bytes:
    """Encode the fields of one line. Values that JSON does not know appear as their `repr`."""
    try:
        return _encoder.encode(fields)
    except (TypeError, ValueError):  # half a surrogate pair in a path
        return json.dumps(fields, default=repr, skipkeys=True).encode()
