"""Builds the origin's server out of its parts; the only place that knows all of them."""

from __future__ import annotations

import asyncio

import msgspec
from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from httpd.access_log import access_record
from httpd.problem import problem
from origin import clock
from origin.counters import Counts
from origin.serve.access_log import AccessLog
from origin.serve.handlers import Handler, Server, guard, peer_of
from origin.serve.openapi import DOCUMENT
from origin.settings import OriginSettings
from origin.storage.library import Library
from origin.storage.object_store import Storage
from origin.storage.published_index import PublishedIndex

_MAX_BODY_BYTES = 64 * 1024
"""Nothing here takes a body; a small one is read and forgotten."""


class _Pages:
    """What operators and machines ask about the origin itself."""

    def __init__(self, shelf: PublishedIndex, counts: Counts, stopping: asyncio.Event) -> None:
        self._shelf = shelf
        self._stopping = stopping
        self._registry = counts.registry()
        self._description = msgspec.json.encode(DOCUMENT)

    async def healthz(self, _: web.Request) -> web.Response:
        """Fine as long as the library can be read (StorageFailed is answered 500)."""
        listing = await self._shelf.listing()
        return web.json_response({"status": "ok", "titles": listing.titles}, headers={"Cache-Control": "no-store"})

    async def readyz(self, _: web.Request) -> web.Response:
        """Fine while edges may be sent here: the library can be read, and nobody has asked for a stop."""
        if self._stopping.is_set():
            return problem(503, "draining", "The origin is stopping: it finishes running answers.")
        await self._shelf.listing()
        return web.json_response({"status": "ready"}, headers={"Cache-Control": "no-store"})

    async def metrics(self, _: web.Request) -> web.Response:
        """Counters in Prometheus' text form."""
        return web.Response(body=generate_latest(self._registry), headers={"Content-Type": CONTENT_TYPE_LATEST})

    async def openapi(self, _: web.Request) -> web.Response:
        """The description."""
        return web.Response(body=self._description, content_type="application/json")


def build(
    settings: OriginSettings, storage: Storage, access_log: AccessLog, stopping: asyncio.Event | None = None
) -> web.Application:
    """The application; `storage` is what ingest publishes to, `stopping` is set once no more should come."""
    counts = Counts()
    shelf = PublishedIndex(Library(storage), clock.mono)
    server, pages = Server(shelf, storage, counts), _Pages(shelf, counts, stopping or asyncio.Event())

    def record(request: web.Request, status: int, sent: int) -> None:
        shared = access_record(request, status, clock.mono() - request[BEGAN])
        access_log.write({"peer": peer_of(request)} | shared | {"bytes": sent})

    app = web.Application(client_max_size=_MAX_BODY_BYTES, middlewares=[_timed, guard(settings, counts, record)])
    app.on_response_prepare.append(_sign)
    app.router.add_route("*", "/cdn/{rest:.*}", server.media)
    app.router.add_get("/library", server.library)
    app.router.add_get("/healthz", pages.healthz)
    app.router.add_get("/readyz", pages.readyz)
    app.router.add_get("/metrics", pages.metrics)
    app.router.add_get("/openapi.json", pages.openapi)
    return app


@web.middleware
async def _timed(request: web.Request, handler: Handler) -> web.StreamResponse:
    request[BEGAN] = clock.mono()
    return await handler(request)


async def _sign(_: web.Request, response: web.StreamResponse) -> None:
    """Which versions of what run here is nobody's business."""
    response.headers["Server"] = "matinee"


BEGAN = web.RequestKey("began", float)
