"""One log line a request of control's HTTP door; its fields are those of log_fields."""

from __future__ import annotations

import re
from typing import Any

import structlog
from aiohttp import web

from kernel.clock import Clock

MAX_PATH_LENGTH = 300

_TRACE = re.compile(r"00-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}", re.ASCII)
_NO_TRACE = "0" * 32

log = structlog.get_logger("control")


def access_log(clock: Clock) -> Any:
    """The outermost middleware: whatever the answer is, it is told."""

    @web.middleware
    async def answer(request: web.Request, handler: Any) -> web.StreamResponse:
        started, status = clock.mono(), 499
        try:
            response: web.StreamResponse = await handler(request)
            status = response.status
            return response
        finally:  # an operator who left is recorded too
            log.info(
                "request",
                peer=request.remote or "",
                method=request.method,
                path=request.raw_path.partition("?")[0][:MAX_PATH_LENGTH],
                status=status,
                ms=round((clock.mono() - started) * 1000, 2),
                trace_id=trace_id(request.headers.get("traceparent", "")),
            )

    return answer


def trace_id(traceparent: str) -> str | None:
    """The trace of a W3C traceparent; None when there is none or it is malformed."""
    match = _TRACE.fullmatch(traceparent)
    return match[1] if match and match[1] != _NO_TRACE else None
