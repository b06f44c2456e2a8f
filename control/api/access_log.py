"""Log one line per request to control's HTTP API; `control.log_fields` describes its fields."""

from __future__ import annotations

from typing import Any

import structlog
from aiohttp import web

from httpd.access_log import CLIENT_CLOSED, access_record
from kernel.clock import Clock

log = structlog.get_logger("control")


def access_log(clock: Clock) -> Any:
    """The outermost middleware, which logs every response."""

    @web.middleware
    async def log_request(request: web.Request, handler: Any) -> web.StreamResponse:
        started, status = clock.mono(), CLIENT_CLOSED
        try:
            response: web.StreamResponse = await handler(request)
            status = response.status
            return response
        finally:  # a client that disconnects cancels the handler, and is logged too
            log.info("request", peer=request.remote or "", **access_record(request, status, clock.mono() - started))

    return log_request
