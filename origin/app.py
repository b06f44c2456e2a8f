"""Builds the origin's server out of its parts; the only place that knows all of them."""

from __future__ import annotations

import msgspec
from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from origin import clock
from origin.access_log import AccessLog, trace_id
from origin.counters import Counts
from origin.library import Library
from origin.openapi import DOCUMENT
from origin.serve import Handler, Server, guard, peer_of
from origin.settings import OriginSettings
from origin.shelf import Shelf
from origin.storage import Storage

_MOST_BODY = 64 * 1024
"""Nothing here takes a body; a small one is read and forgotten."""


def build(settings: OriginSettings, storage: Storage, access_log: AccessLog) -> web.Application:
    """The application; `storage` is what ingest publishes to."""
    counts = Counts()
    shelf = Shelf(Library(storage), clock.mono)
    server = Server(shelf, storage, counts)
    registry = counts.registry()
    description = msgspec.json.encode(DOCUMENT)

    async def healthz(_: web.Request) -> web.Response:
        """Fine as long as the library can be read (StorageFailed is answered 500)."""
        listing = await shelf.listing()
        return web.json_response({"status": "ok", "titles": listing.titles}, headers={"Cache-Control": "no-store"})

    async def metrics(_: web.Request) -> web.Response:
        return web.Response(body=generate_latest(registry), headers={"Content-Type": CONTENT_TYPE_LATEST})

    async def openapi(_: web.Request) -> web.Response:
        return web.Response(body=description, content_type="application/json")

    def record(request: web.Request, status: int, sent: int) -> None:
        access_log.write(
            peer=peer_of(request),
            method=request.method,
            path=request.raw_path,
            status=status,
            sent=sent,
            ms=(clock.mono() - request[BEGAN]) * 1000,
            trace=trace_id(request.headers.get("traceparent")),
        )

    @web.middleware
    async def timed(request: web.Request, handler: Handler) -> web.StreamResponse:
        request[BEGAN] = clock.mono()
        return await handler(request)

    app = web.Application(client_max_size=_MOST_BODY, middlewares=[timed, guard(settings, counts, record)])
    app.on_response_prepare.append(_sign)
    app.router.add_route("*", "/cdn/{rest:.*}", server.media)
    app.router.add_get("/library", server.library)
    app.router.add_get("/healthz", healthz)
    app.router.add_get("/metrics", metrics)
    app.router.add_get("/openapi.json", openapi)
    return app


async def _sign(_: web.Request, response: web.StreamResponse) -> None:
    """Which versions of what run here is nobody's business."""
    response.headers["Server"] = "matinee"


BEGAN = web.RequestKey("began", float)
