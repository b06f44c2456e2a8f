"""What every process of the services answers about itself: health, readiness, counters and this description."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version

from aiohttp import web
from prometheus_client import generate_latest

from httpd.problem import problem
from services.counters import Counters
from services.http.openapi import describe
from services.http.route import Access, Route, json_response


def installed_version() -> str:
    """The version of the installed package."""
    try:
        return version("matinee")
    except PackageNotFoundError:
        return "0.1.0"


def own_routes(
    counters: Counters, ready: Sequence[asyncio.Event], stopping: asyncio.Event, routes: Sequence[Route]
) -> tuple[Route, ...]:
    """The routes; `ready` must all be set, and `stopping` not, for the process to be ready."""
    described: dict[str, object] = {}

    async def health(_: web.Request) -> web.Response:
        waiting = sum(1 for event in ready if not event.is_set())
        return json_response({"status": "ok" if not waiting else "starting"})

    async def readiness(_: web.Request) -> web.Response:
        if stopping.is_set():
            return problem(503, "draining", "The services are stopping; running requests finish.")
        if not all(event.is_set() for event in ready):
            return problem(503, "starting", "The search index or the recommendations are still loading.")
        return json_response({"status": "ready"})

    async def metrics(_: web.Request) -> web.Response:
        body = generate_latest(counters.registry)
        return web.Response(body=body, headers={"Content-Type": "text/plain; version=0.0.4; charset=utf-8"})

    async def openapi(_: web.Request) -> web.Response:
        return json_response(described, cache="public, max-age=60")

    own = (
        Route("GET", "/healthz", health, Access.ANYBODY, "Whether the process is alive", response={"type": "object"}),
        Route("GET", "/readyz", readiness, Access.ANYBODY, "Whether all parts serve", response={"type": "object"}),
        Route("GET", "/metrics", metrics, Access.INTERNAL, "Counters in Prometheus' text format", hidden=True),
        Route("GET", "/openapi.json", openapi, Access.ANYBODY, "This description", response={"type": "object"}),
    )
    described |= describe([*routes, *own], installed_version())
    return own
