"""Errors over HTTP: RFC 9457 problem documents with a `reason` word."""

from __future__ import annotations

from http import HTTPStatus

import msgspec
from aiohttp import web


def problem(status: int, reason: str, detail: str, headers: dict[str, str] | None = None) -> web.Response:
    """The response; never to be cached, `reason` is one word for programs and `detail` a sentence for people."""
    body = {
        "type": f"urn:matinee:problem:{reason}",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": detail,
        "reason": reason,
    }
    return web.Response(
        status=status,
        body=msgspec.json.encode(body),
        content_type="application/problem+json",
        headers={"Cache-Control": "no-store"} | (headers or {}),
    )
