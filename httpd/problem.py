"""Errors over HTTP: RFC 9457 problem documents with a `reason` word."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

import msgspec
from aiohttp import web

CONTENT_TYPE = "application/problem+json"


def problem(
    status: int, reason: str, detail: str, headers: Mapping[str, str] | None = None, **more: Any
) -> web.Response:
    """A problem response. `reason` is one word for programs, `detail` a sentence for people."""
    body = {"type": f"urn:matinee:problem:{reason}", "title": _title(status), "status": status, "reason": reason}
    response = web.Response(
        status=status,
        body=msgspec.json.encode(body | {"detail": detail} | more),
        content_type=CONTENT_TYPE,
        headers=headers,
    )
    response.headers.setdefault("Cache-Control", "no-store")
    return response


def _title(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Error"
