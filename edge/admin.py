"""The operators' port: health, metrics, numbers, purge, prefetch, drain. Never the viewers' one.

`POST /purge` answers when every tier has dropped what it reached. Bodies are bounded JSON; errors are RFC 9457.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any
from urllib.parse import SplitResult, urlsplit

import msgspec
from aiohttp import web
from aiohttp.typedefs import Handler
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from cache.cache import PurgeRequest
from edge.counters import COUNTERS
from edge.route import GENERAL, MEDIA, Asked, ask_for, reach
from edge.routes import Routes
from kernel.http.message import REASONS
from kernel.paths import normal_host, split_token
from kernel.vocabulary import Refusal

if TYPE_CHECKING:
    from edge.app import Edge

MOST_BODY = 4 << 20
MOST_NAMES = 100_000
MOST_PREFETCHES = 10_000


class PurgeBody(msgspec.Struct, forbid_unknown_fields=True):
    """POST /purge."""

    keys: list[str] = []
    urls: list[str] = []
    prefixes: list[str] = []
    all: bool = False
    soft: bool = False


class PrefetchBody(msgspec.Struct, forbid_unknown_fields=True):
    """POST /prefetch."""

    urls: list[str]


def problem(status: int, reason: str, detail: str) -> web.Response:
    """An error as `application/problem+json`."""
    title = REASONS.get(status, b"Error").decode()
    body = {"type": "about:blank", "title": title, "status": status, "reason": reason, "detail": detail}
    return web.json_response(body, status=status, content_type="application/problem+json")


@web.middleware
async def problems(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Every error is a problem document, those of the server library too."""
    try:
        return await handler(request)
    except web.HTTPException as error:
        if error.status < 400:
            raise
        answer = problem(error.status, (error.reason or "error").lower().replace(" ", "-"), error.text or "")
        if "Allow" in error.headers:
            answer.headers["Allow"] = error.headers["Allow"]
        return answer


def split(url: str) -> SplitResult | None:
    """The parts of a URL; None when it is none."""
    try:
        return urlsplit(url)
    except ValueError:
        return None


def media_key(url: str) -> bytes | None:
    """The cache key of a URL or path of the CDN's form; None when it is none."""
    asked = asked_by(url, MEDIA, general=False)
    return None if asked is None else asked.key


def asked_by(url: str, routes: Routes, *, general: bool) -> Asked | None:
    """What a GET of a URL asks for, as its route keys it; None when this edge cannot hold it."""
    parts = split(url)
    if parts is None or (general and not parts.netloc):
        return None
    asked = ask_for(url, general=general, routes=routes)
    return None if isinstance(asked, Refusal) else asked


def media_prefix(prefix: str) -> bytes | None:
    """The prefix of cache keys that a path prefix means: `/cdn/<region>/` is taken off, whatever the region."""
    parts = split(prefix)
    _, path = split_token(parts.path.encode("utf-8")) if parts is not None else (None, b"")
    if path.startswith(b"/cdn/"):
        _, slash, rest = path[5:].partition(b"/")
        return rest if slash else b""
    return path.lstrip(b"/") if path else None


def general_prefix(prefix: str, routes: Routes = GENERAL) -> bytes | None:
    """The prefix of cache keys that the beginning of an absolute URL means: host and target."""
    parts = split(prefix)
    if parts is None or not parts.netloc:
        return None
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    path = target.encode("utf-8")
    host = normal_host(parts.netloc.encode("utf-8"), routes.port)
    return host + path if routes.of(path.partition(b"?")[0], host).key_host else path


class Admin:
    """The admin server's handlers."""

    def __init__(self, edge: Edge) -> None:
        self._edge = edge
        self._registry = CollectorRegistry()
        self._registry.register(self)

    def application(self) -> web.Application:
        """The aiohttp application."""
        app = web.Application(client_max_size=MOST_BODY, middlewares=[problems])
        app.add_routes(
            [
                web.get("/healthz", self._healthz),
                web.get("/readyz", self._readyz),
                web.get("/metrics", self._metrics),
                web.get("/stats", self._stats),
                web.post("/purge", self._purge),
                web.post("/prefetch", self._prefetch),
                web.post("/drain", self._drain),
            ]
        )
        return app

    async def _healthz(self, _: web.Request) -> web.Response:
        return web.json_response({"status": "ok", "id": self._edge.settings.id, "role": self._edge.settings.role})

    async def _readyz(self, _: web.Request) -> web.Response:
        ready, why = self._edge.readiness()
        if not ready:
            return problem(503, "not-ready", why)
        return web.json_response({"status": why, "rulesVersion": self._edge.node.rules.version})

    async def _metrics(self, _: web.Request) -> web.Response:
        return web.Response(body=generate_latest(self._registry), content_type="text/plain")

    async def _stats(self, _: web.Request) -> web.Response:
        return web.json_response(self._edge.stats())

    async def _purge(self, request: web.Request) -> web.Response:
        try:
            body = msgspec.json.decode(await request.read(), type=PurgeBody)
        except (msgspec.DecodeError, msgspec.ValidationError) as error:
            return problem(400, "body", f"the purge cannot be read: {error}")
        if len(body.keys) + len(body.urls) + len(body.prefixes) > MOST_NAMES:
            return problem(400, "too-many", f"at most {MOST_NAMES} names in one purge")
        routes = self._edge.node.routes
        general = self._edge.node.profile.name == "general"
        asked = [asked_by(url, routes, general=general) for url in body.urls]
        prefixes = [general_prefix(one, routes) if general else media_prefix(one) for one in body.prefixes]
        for given, made in zip([*body.urls, *body.prefixes], [*asked, *prefixes], strict=True):
            if made is None:
                return problem(400, "url", f"{given[:200]!r} is not a URL that this edge can hold")
        if not (body.keys or asked or prefixes or body.all):
            return problem(400, "empty", "name keys, urls or prefixes, or say all")
        reached = [reach(one) for one in asked if one is not None]
        purge = PurgeRequest(
            keys=tuple(key.encode() for key in body.keys),
            urls=tuple(key for one in reached for key in one[0]),
            prefixes=tuple(prefix for one in reached for prefix in one[1])
            + tuple(one for one in prefixes if one is not None),
            everything=body.all,
            soft=body.soft,
        )
        receipt = await self._edge.cache.purge(purge)
        if receipt.left:
            told = f"{receipt} objects are purged, but {receipt.left} files on disk could be neither removed nor marked"
            return problem(500, "not-removed", told + ": do not restart this edge before its disk is looked at")
        return web.json_response({"purged": receipt})

    async def _prefetch(self, request: web.Request) -> web.Response:
        try:
            body = msgspec.json.decode(await request.read(), type=PrefetchBody)
        except (msgspec.DecodeError, msgspec.ValidationError) as error:
            return problem(400, "body", f"the prefetch cannot be read: {error}")
        if len(body.urls) > MOST_PREFETCHES:
            return problem(400, "too-many", f"at most {MOST_PREFETCHES} urls in one prefetch")
        refused = [url for url in body.urls if not self._edge.prefetch(url)]
        if refused:
            return problem(400, "url", f"{refused[0][:200]!r} is not a URL that this edge can hold")
        return web.json_response({"accepted": len(body.urls)}, status=202)

    async def _drain(self, _: web.Request) -> web.Response:
        self._edge.drain()
        return web.json_response({"status": "draining"}, status=202)

    # -- the collector -----------------------------------------------------------------------------------------

    def collect(self) -> Iterator[Metric]:
        """Everything in the table of counters, read now."""
        numbers = self._edge.metrics()
        for row in COUNTERS:
            values: dict[str, float] | float = numbers[row.name]
            make: Any = CounterMetricFamily if row.kind == "counter" else GaugeMetricFamily
            family = make(row.name, row.sentence, labels=row.labels)
            if isinstance(values, dict):
                for label, value in values.items():
                    family.add_metric([label], value)
            else:
                family.add_metric([], values)
            yield family
