"""The middleware of the services: authenticates, authorises, turns errors into problems, logs and counts requests."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from random import Random

import structlog
from aiohttp import web

from httpd.access_log import CLIENT_CLOSED, access_record, redacted_path
from httpd.guard import door_refusal, foreign_host, sentence
from httpd.problem import problem
from kernel.clock import Clock
from kernel.errors import BadRequest, Bug, MatineeError, Overloaded, StorageFailed, UpstreamFailed
from kernel.http.door_rules import JSON, LOOPBACK_DOOR, SAFE_METHODS, DoorRules
from kernel.vocabulary import DOOR_REFUSAL_STATUS, DoorRefusal
from services.counters import Counters
from services.http import params
from services.http.caller import Authenticator, Caller
from services.http.geo import CountryLookup, IPNetwork, viewer_address
from services.http.request_context import REQUEST_CONTEXT, RequestContext
from services.http.route import Access, Handler, Route

log = structlog.get_logger()

_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}", re.ASCII)
_numbers = Random()  # noqa: S311 (a request id is no secret, and the system's source costs a call for each)
ROUTES = web.AppKey("routes", dict[web.AbstractRoute, Route])
"""The entry of each aiohttp route in the services' route table, which holds its access level."""


@dataclass(frozen=True)
class Middleware:
    """Wraps every handler of the application."""

    gate: Authenticator
    places: CountryLookup
    trusted: Sequence[IPNetwork]
    clock: Clock
    counters: Counters
    rules: DoorRules = LOOPBACK_DOOR

    def middleware(self) -> object:
        """The middleware as aiohttp takes it."""

        @web.middleware
        async def answer(request: web.Request, handler: Handler) -> web.StreamResponse:
            return await self._answer(request, handler)

        return answer

    async def _answer(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        started = self.clock.mono()
        route = _route_of(request)
        request_id = _request_id(request)
        response: web.StreamResponse | None = None
        try:
            response = await self._run_handler(request, handler, route, request_id)
        finally:
            # A viewer that disconnects cancels the handler: log and count it too (status 499).
            self._record(request, route, request_id, response, self.clock.mono() - started)
        if not response.prepared:
            response.headers["X-Request-Id"] = request_id
            response.headers.setdefault("X-Content-Type-Options", "nosniff")
            response.headers.setdefault("Referrer-Policy", "no-referrer")
        return response

    async def _run_handler(
        self, request: web.Request, handler: Handler, route: Route | None, request_id: str
    ) -> web.StreamResponse:
        try:
            missed = request.match_info.http_exception
            if missed is not None and missed.status == 405:  # whoever asks: no key makes a path take the method
                raise missed
            found = self._context(request, request_id)
            request[REQUEST_CONTEXT] = found
            refused = self._refusal(request, found.caller, route)
            if refused is not None:
                return refused
            params.check_parameters(request)
            return await handler(request)
        except BadRequest as error:
            headers = {"WWW-Authenticate": "Bearer"} if error.status == 401 else None
            return problem(error.status, error.reason, error.detail or error.reason, headers=headers)
        except Overloaded as error:
            return problem(503, error.reason, str(error), headers={"Retry-After": str(error.retry_after)})
        except UpstreamFailed as error:
            return problem(error.status, error.reason, error.detail or "the origin failed")
        except StorageFailed:
            log.exception("storage-failed", request_id=request_id)
            return problem(503, "storage", "storage is unavailable: try again", headers={"Retry-After": "2"})
        except web.HTTPException as error:
            return _problem_for(error)
        except MatineeError as error:
            log.exception("failed", request_id=request_id)
            return problem(500, "bug", str(error), requestId=request_id)
        except Exception:
            log.exception("bug", request_id=request_id, path=redacted_path(request.raw_path))
            return problem(500, "bug", "internal error; find it in the log by this request id", requestId=request_id)

    def _context(self, request: web.Request, request_id: str) -> RequestContext:
        forwarded = request.headers.getall("X-Forwarded-For", [])
        peer = request.remote or ""
        address = viewer_address(peer, forwarded, self.trusted)
        caller = self.gate.authenticate(request.headers, request.cookies, self.clock.wall())
        proxied = viewer_address(peer, [""], self.trusted) is None  # the peer itself is a trusted proxy
        secure = request.secure or (proxied and request.headers.get("X-Forwarded-Proto", "").lower() == "https")
        return RequestContext(request_id, caller, address, self.places.country(address), secure)

    def _refusal(self, request: web.Request, caller: Caller, route: Route | None) -> web.Response | None:
        if (refused := self._door_refusal(request, route)) is not None:
            return problem(DOOR_REFUSAL_STATUS[refused], refused.value, sentence(refused))
        if route is None:
            if request.match_info.http_exception is None:
                raise Bug(f"{request.match_info.route} is missing from the route table: it has no access level")
            return None
        if caller.may_use(route.access, on_this_machine=route.access is Access.INTERNAL and self._is_here(request)):
            return None
        if route.access is Access.ACCOUNT:
            reason, need = "log-in", "Log in first: this needs an access token"
        elif route.access is Access.VIEWER:
            reason, need = "not-recognised", "An access token, an API key, or the guest cookie of the page is needed"
        else:
            reason, need = "not-recognised", "An API key is needed"
        return problem(401, reason, f"{need} (Authorization: Bearer …)", headers={"WWW-Authenticate": "Bearer"})

    def _is_here(self, request: web.Request) -> bool:
        """Whether the request comes from this machine, and not through a proxy that may be anybody's."""
        address = request[REQUEST_CONTEXT].address
        if address is None or not address.is_loopback or _came_through_untrusted_proxy(request, self.trusted):
            return False
        # DNS rebinding: with any_name a hostile page's own name may resolve to this machine, so require a known Host.
        return foreign_host(request, replace(self.rules, any_name=False)) is None

    def _door_refusal(self, request: web.Request, route: Route | None) -> DoorRefusal | None:
        """Apply the Host rule to reads, and the cross-site rules too to requests that change something."""
        if request.method in SAFE_METHODS:
            return foreign_host(request, self.rules)
        return door_refusal(request, self.rules, route.content_types if route is not None else JSON)

    def _record(
        self,
        request: web.Request,
        route: Route | None,
        request_id: str,
        response: web.StreamResponse | None,
        seconds: float,
    ) -> None:
        name = route.path if route else "none"
        record = access_record(request, response.status if response else CLIENT_CLOSED, seconds)
        self.counters.requests.labels(name, record["method"], str(record["status"])).inc()
        self.counters.seconds.labels(name).observe(seconds)
        # Without a trace, the request id correlates this line with those of other programs.
        log.info(
            "request", route=name, request_id=request_id, **record | {"trace_id": record["trace_id"] or request_id}
        )


def _came_through_untrusted_proxy(request: web.Request, trusted: Sequence[IPNetwork]) -> bool:
    """Whether an untrusted proxy forwarded the request, so that the peer's address is not the client's."""
    return not trusted and any(name in request.headers for name in ("X-Forwarded-For", "Forwarded", "Via"))


def _route_of(request: web.Request) -> Route | None:
    return request.app[ROUTES].get(request.match_info.route)


def _request_id(request: web.Request) -> str:
    given = request.headers.get("X-Request-Id", "")
    return given if _REQUEST_ID.fullmatch(given) else f"{_numbers.getrandbits(128):032x}"


def _problem_for(error: web.HTTPException) -> web.Response:
    """Turn an HTTP error raised by aiohttp into a problem."""
    if error.status == 404:
        return problem(404, "no-such-path", "no such path; /openapi.json lists the paths")
    if error.status == 405:
        allow = error.headers.get("Allow", "")
        return problem(405, "method", f"this path takes {allow or 'other methods'}", headers={"Allow": allow})
    if error.status == 413:
        return problem(413, "body-too-large", "the body is too large")
    return problem(error.status, "refused", error.reason or "refused")
