"""Problem responses (RFC 9457) of aiohttp applications."""

from __future__ import annotations

from collections.abc import Mapping

from aiohttp import web

from kernel.http.problem import CONTENT_TYPE, problem_document


def problem(
    status: int, reason: str, detail: str, headers: Mapping[str, str] | None = None, **more: object
) -> web.Response:
    """A problem response that no cache stores unless `headers` say so; see `problem_document`."""
    body = problem_document(status, reason, detail, **more)
    response = web.Response(status=status, body=body, content_type=CONTENT_TYPE, headers=headers)
    response.headers.setdefault("Cache-Control", "no-store")
    return response
