"""The access-log record of programs that serve HTTP by aiohttp: one shape, one way to redact paths.

Each program adds fields of its own and writes the record where its operators expect it.
"""

from __future__ import annotations

import re
from typing import Any

from aiohttp import web

from kernel.http.trace_context import trace_id_of

MAX_PATH_LENGTH = 2048
CLIENT_CLOSED = 499
"""The status logged for a client that disconnected before its response."""
METHODS = frozenset(("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"))
_TOKEN = re.compile(r"/t/[^/?]*")


def access_record(request: web.Request, status: int, seconds: float) -> dict[str, Any]:
    """The fields that all access logs share: method, path, status, ms, trace_id (None without a trace)."""
    return {
        "method": known_method(request.method),
        "path": redacted_path(request.raw_path),
        "status": status,
        "ms": round(seconds * 1000, 3),
        "trace_id": trace_id_of(request.headers.get("traceparent")),
    }


def known_method(method: str) -> str:
    """The method; `other` for uncommon ones, so that clients cannot invent label values."""
    return method if method in METHODS else "other"


def redacted_path(target: str) -> str:
    """The path of a request target without token and query, at most MAX_PATH_LENGTH characters."""
    return _TOKEN.sub("/t/…", target.partition("?")[0])[:MAX_PATH_LENGTH]
