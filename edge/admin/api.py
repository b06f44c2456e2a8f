"""The operators' port: health, metrics, stats, purge, prefetch, drain, undrain and why. It never serves viewers.

`POST /purge` returns once every tier has dropped what the purge reached. Bodies are bounded JSON; errors are RFC 9457
problem documents. Off loopback each request needs a key from `admin_keys`, a file of mode 0600 with one key a line.
"""

from __future__ import annotations

import hmac
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from edge.admin.explain import ExplainableEdge, explain_url
from edge.admin.metrics import MeasuredEdge, metrics, stats
from edge.counters import COUNTERS
from edge.policy.locate import parse_ip
from edge.policy.purge_keys import purge_request_of
from edge.reload import PARTS
from edge.settings import EdgeSettings
from httpd.guard import door_refusal, sentence
from httpd.problem import problem
from kernel.auth.geo import country_code
from kernel.documents import BadDocument, load_json, parse_object
from kernel.errors import BadSettings
from kernel.fleet.jobs import NothingNamed, NoUrl, TooManyNames, parse_prefetch, parse_purge
from kernel.http.door_rules import rules_for
from kernel.settings.door_settings import LOOPBACK, DoorLimits, Patience
from kernel.vocabulary import DOOR_REFUSAL_STATUS, DoorRefusal
from system.private_files import read_secret

MIN_KEY_LENGTH = 16
MAX_KEY_FILE_BYTES = 64 << 10
OPEN_TO_ALL = frozenset(("/healthz", "/readyz"))
"""Paths for probes, which have no key and learn nothing here."""


def read_admin_keys(path: Path | None) -> tuple[str, ...]:
    """The keys in the file; lines starting with `#` are comments. Raises BadSettings if it cannot be used."""
    if path is None:
        return ()
    try:
        text = read_secret(path, "admin_keys", MAX_KEY_FILE_BYTES).decode("ascii", "replace")
    except OSError as error:
        raise BadSettings("admin_keys", f"{path} cannot be read: {error.strerror}") from None
    keys = tuple(line.strip() for line in text.splitlines() if line.strip() and not line.startswith("#"))
    if not keys or any(len(key) < MIN_KEY_LENGTH or not key.isascii() or " " in key for key in keys):
        raise BadSettings(
            "admin_keys", f"{path} must hold one key a line, each of at least {MIN_KEY_LENGTH} characters"
        )
    return keys


def has_admin_key(keys: Sequence[str], authorization: str) -> bool:
    """Whether the Authorization field has one of the keys."""
    scheme, _, given = authorization.partition(" ")
    key_bytes = given.strip().encode("utf-8", "surrogateescape")
    return scheme.lower() == "bearer" and any(hmac.compare_digest(key.encode(), key_bytes) for key in keys)


MAX_BODY_BYTES = 4 << 20
MAX_URL_BYTES = 16 << 10


ADMIN_CONNECTIONS, ADMIN_CONNECTIONS_PER_ADDRESS = 128, 32
ADMIN_BODY_SECONDS = 60.0


class Stopping(Exception):
    """The node is stopping, and cannot undrain."""


def admin_limits(settings: EdgeSettings) -> DoorLimits:
    """Limits for operators: few connections, with the viewers' timeouts."""
    patience = Patience(settings.head_timeout, ADMIN_BODY_SECONDS, settings.idle_timeout, settings.stall_timeout)
    return DoorLimits(patience, ADMIN_CONNECTIONS, ADMIN_CONNECTIONS_PER_ADDRESS, LOOPBACK)


@web.middleware
async def problems(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Turn every error, also aiohttp's own, into a problem document."""
    try:
        return await handler(request)
    except web.HTTPException as error:
        if error.status < 400:
            raise
        answer = problem(error.status, (error.reason or "error").lower().replace(" ", "-"), error.text or "")
        if "Allow" in error.headers:
            answer.headers["Allow"] = error.headers["Allow"]
        return answer


def _bad_body(error: ValueError) -> web.Response:
    """The response to a body of a purge or prefetch that cannot be used."""
    match error:
        case TooManyNames():
            return problem(400, "too-many", str(error))
        case NothingNamed():
            return problem(400, "empty", str(error))
        case NoUrl():
            return problem(400, "url", str(error))
        case _:
            return problem(400, "body", f"the body cannot be parsed: {error}")


def _text(members: Mapping[str, object], name: str) -> str:
    """A text member; "" if absent. Raises BadDocument."""
    value = members.get(name, "")
    if not isinstance(value, str) or len(value) > MAX_URL_BYTES:
        raise BadDocument(name, f"must be text of at most {MAX_URL_BYTES} characters")
    return value


class AdministeredEdge(ExplainableEdge, MeasuredEdge, Protocol):
    """An edge as its operators see it."""

    settings: EdgeSettings

    def readiness(self) -> tuple[bool, str]:
        """(whether it is ready, the reason or status word)."""

    def prefetch(self, url: str) -> bool:
        """Fetch the object of a URL unless it is cached; False if this edge cannot hold it."""

    def drain(self) -> None:
        """Accept no further viewers."""

    async def reload_node(self) -> dict[str, str]:
        """Reload every part in all processes; returns those that failed, and why."""

    async def refresh_counts(self) -> None:
        """Make the figures those of all processes of the node up to now."""

    async def undrain(self) -> None:
        """Accept viewers again. Raises Stopping while the node stops, BadSettings if it cannot listen."""


class Admin:
    """The admin server's handlers."""

    def __init__(self, edge: AdministeredEdge) -> None:
        self._edge = edge
        settings = edge.settings
        self._rules = rules_for(settings.admin, settings.admin_allowed_hosts)
        self._keys = read_admin_keys(settings.admin_keys)
        self._registry = CollectorRegistry()
        self._registry.register(self)

    def application(self) -> web.Application:
        """The aiohttp application."""
        app = web.Application(client_max_size=MAX_BODY_BYTES, middlewares=[problems, self._guard()])
        app.add_routes(
            [
                web.get("/healthz", self._healthz),
                web.get("/readyz", self._readyz),
                web.get("/metrics", self._metrics),
                web.get("/stats", self._stats),
                web.post("/purge", self._purge),
                web.post("/prefetch", self._prefetch),
                web.post("/drain", self._drain),
                web.post("/undrain", self._undrain),
                web.post("/reload", self._reload),
                web.post("/why", self._why),
            ]
        )
        return app

    def _guard(self) -> Middleware:
        @web.middleware
        async def guarded(request: web.Request, handler: Handler) -> web.StreamResponse:
            refused = door_refusal(request, self._rules)
            if refused is None and not self._is_permitted(request):
                refused = DoorRefusal.ADMIN_KEY
            if refused is None:
                return await handler(request)
            answer = problem(DOOR_REFUSAL_STATUS[refused], refused.value, sentence(refused, "admin_allowed_hosts"))
            if refused is DoorRefusal.ADMIN_KEY:
                answer.headers["WWW-Authenticate"] = "Bearer"
            return answer

        return guarded

    def _is_permitted(self, request: web.Request) -> bool:
        """Whether the request has a key; without keys (on loopback) everybody may ask."""
        if not self._keys or request.path in OPEN_TO_ALL:
            return True
        return has_admin_key(self._keys, request.headers.get("Authorization", ""))

    async def _healthz(self, _: web.Request) -> web.Response:
        return web.json_response({"status": "ok", "id": self._edge.settings.id, "role": self._edge.settings.role})

    async def _readyz(self, _: web.Request) -> web.Response:
        await self._edge.cache.check_folder()
        ready, why = self._edge.readiness()
        if not ready:
            return problem(503, "not-ready", why)
        body: dict[str, object] = {"status": why, "rulesVersion": self._edge.node.rules.version}
        if self._edge.reloader.failed:
            body["reloadFailed"] = self._edge.reloader.failed
        return web.json_response(body)

    async def _metrics(self, _: web.Request) -> web.Response:
        await self._edge.refresh_counts()
        return web.Response(body=generate_latest(self._registry), content_type="text/plain")

    async def _stats(self, _: web.Request) -> web.Response:
        await self._edge.refresh_counts()
        return web.json_response(stats(self._edge))

    async def _purge(self, request: web.Request) -> web.Response:
        try:
            named = parse_purge(load_json(await request.read()))
        except ValueError as error:
            return _bad_body(error)
        general = self._edge.node.profile.name == "general"
        purge, unknown = purge_request_of(named, self._edge.node.routes, general=general)
        if unknown:
            return problem(400, "url", f"{unknown[0][:200]!r} is not a URL of objects that this edge can hold")
        receipt = await self._edge.cache.purge(purge)
        if receipt.unrecorded_files:
            detail = f"{receipt} objects are purged, but the removal of {receipt.unrecorded_files} files could not be"
            detail += " recorded: a restart may restore them; purge again when the disk works"
            return problem(500, "not-removed", detail)
        return web.json_response({"purged": receipt})

    async def _prefetch(self, request: web.Request) -> web.Response:
        try:
            named = parse_prefetch(load_json(await request.read()))
        except ValueError as error:
            return _bad_body(error)
        refused = [url for url in named.urls if not self._edge.prefetch(url)]
        if refused:
            return problem(400, "url", f"{refused[0][:200]!r} is not a URL of objects that this edge can hold")
        return web.json_response({"accepted": len(named.urls)}, status=202)

    async def _why(self, request: web.Request) -> web.Response:
        """Explain `{"url", "country"?, "address"?}`. A POST, so that no log contains a token in the URL."""
        try:
            asked = parse_object(load_json(await request.read()), "", ("url", "country", "address"))
            url, country, address = (_text(asked, name) for name in ("url", "country", "address"))
            if country and country_code(country) is None:
                raise BadDocument("country", "must be a two-letter code (ISO 3166)")
            if address and parse_ip(address) is None:
                raise BadDocument("address", "is no IP address")
        except ValueError as error:
            return _bad_body(error)
        return web.json_response(explain_url(self._edge, url, country, address))

    async def _drain(self, _: web.Request) -> web.Response:
        self._edge.drain()
        return web.json_response({"status": "draining"}, status=202)

    async def _undrain(self, _: web.Request) -> web.Response:
        """Accept viewers again; control learns of it from the next report."""
        try:
            await self._edge.undrain()
        except Stopping:
            return problem(409, "stopping", "the node is stopping: start it again instead")
        except BadSettings as error:
            return problem(503, "not-listening", f"the node stays drained: {error}")
        return web.json_response({"status": self._edge.readiness()[1]})

    async def _reload(self, _: web.Request) -> web.Response:
        """Reload every part, in every process; 500 if one failed, while the others are in force."""
        failed = await self._edge.reload_node()
        reloaded = [part for part in PARTS if part not in failed]
        if not failed:
            return web.json_response({"reloaded": reloaded, "failed": {}})
        detail = "; ".join(f"{part}: {why}" for part, why in failed.items())
        return problem(500, "reload-failed", detail, reloaded=reloaded, failed=failed)

    # -- the collector -----------------------------------------------------------------------------------------

    def collect(self) -> Iterator[Metric]:
        """The values of all counters in the table."""
        numbers = metrics(self._edge)
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
