"""Builds the origin's aiohttp application from its parts."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import msgspec
from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from httpd.access_log import access_record
from httpd.problem import problem
from origin.counters import Counts
from origin.jobs.service.ingest_app import IngestApp
from origin.serve.access_log import AccessLog
from origin.serve.handlers import Handler, MediaHandlers, guard, peer_of
from origin.serve.openapi import DOCUMENT
from origin.settings import OriginSettings
from origin.storage.library import Library
from origin.storage.published_index import PublishedIndex
from origin.stores.object_store import ObjectStore
from system.clock import SystemClock

_MAX_BODY_BYTES = 64 * 1024
"""No request here needs a body; a small one is read and ignored."""


class _AdminPages:
    """Health, readiness, metrics and the API description."""

    def __init__(self, index: PublishedIndex, counts: Counts, stopping: asyncio.Event) -> None:
        self._index = index
        self._stopping = stopping
        self._registry = counts.registry()
        self._description = msgspec.json.encode(DOCUMENT)

    async def healthz(self, _: web.Request) -> web.Response:
        """200 if the library can be read; StorageFailed is answered with 500."""
        listing = await self._index.listing()
        return web.json_response({"status": "ok", "titles": listing.titles}, headers={"Cache-Control": "no-store"})

    async def readyz(self, _: web.Request) -> web.Response:
        """200 while edges may use this origin: the library can be read and no stop was requested."""
        if self._stopping.is_set():
            return problem(503, "draining", "The origin is stopping: it only finishes running responses.")
        await self._index.listing()
        return web.json_response({"status": "ready"}, headers={"Cache-Control": "no-store"})

    async def metrics(self, _: web.Request) -> web.Response:
        """The counters in Prometheus' text format."""
        return web.Response(body=generate_latest(self._registry), headers={"Content-Type": CONTENT_TYPE_LATEST})

    async def openapi(self, _: web.Request) -> web.Response:
        """The OpenAPI description."""
        return web.Response(body=self._description, content_type="application/json")


def build_app(
    settings: OriginSettings,
    store: ObjectStore,
    access_log: AccessLog,
    stopping: asyncio.Event | None = None,
    counts: Counts | None = None,
    on_play: Callable[[str, str], object] = lambda *_: None,
    ingest: IngestApp | None = None,
) -> web.Application:
    """The application. `store` is the one that ingest publishes to; `stopping` is set when a stop is requested.

    `on_play(contentId, path)` is called for each file served. `ingest` answers `/content/*`; None: nothing does.
    """
    counts = counts or Counts()
    index = PublishedIndex(Library(store), SystemClock.mono)
    media, pages = MediaHandlers(index, store, counts, on_play), _AdminPages(index, counts, stopping or asyncio.Event())

    def record(request: web.Request, status: int, sent: int) -> None:
        shared = access_record(request, status, SystemClock.mono() - request[STARTED_AT])
        access_log.write({"peer": peer_of(request)} | shared | {"bytes": sent})

    app = web.Application(client_max_size=_MAX_BODY_BYTES, middlewares=[_timed, guard(settings, counts, record)])
    app.on_response_prepare.append(_set_server_header)
    app.router.add_route("*", "/cdn/{rest:.*}", media.serve_media)
    app.router.add_get("/library", media.serve_library)
    app.router.add_get("/healthz", pages.healthz)
    app.router.add_get("/readyz", pages.readyz)
    app.router.add_get("/metrics", pages.metrics)
    app.router.add_get("/openapi.json", pages.openapi)
    if ingest is not None:
        ingest.add_to(app)
    return app


@web.middleware
async def _timed(request: web.Request, handler: Handler) -> web.StreamResponse:
    request[STARTED_AT] = SystemClock.mono()
    return await handler(request)


async def _set_server_header(_: web.Request, response: web.StreamResponse) -> None:
    """Hide the names and versions of the libraries."""
    response.headers["Server"] = "matinee"


STARTED_AT = web.RequestKey("started-at", float)
