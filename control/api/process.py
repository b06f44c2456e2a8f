"""Control's HTTP door: the process itself."""

from __future__ import annotations

from collections.abc import Callable

from aiohttp import web

from control.api.openapi import document
from control.commands import ControlService
from control.metrics import metrics_text
from httpd.problem import problem


class ProcessApi:
    """The handlers; `ready` says whether control takes changes and edges."""

    def __init__(self, plane: ControlService, ready: Callable[[], bool]) -> None:
        self._plane = plane
        self._ready = ready

    async def health(self, _: web.Request) -> web.Response:
        return web.json_response({"status": "ok"})

    async def readiness(self, _: web.Request) -> web.Response:
        if not self._ready():
            return problem(503, "not-ready", "control is starting or stopping: not all of its doors are open")
        return web.json_response({"status": "ready"})

    async def metrics(self, _: web.Request) -> web.Response:
        return web.Response(text=metrics_text(self._plane), headers={"Content-Type": "text/plain; version=0.0.4"})

    async def openapi(self, _: web.Request) -> web.Response:
        return web.json_response(document())
