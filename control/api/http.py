"""Helpers for the HTTP API's handlers: the caller, the parsed request, problem responses."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from ipaddress import ip_address

import structlog
from aiohttp import web

from control.audit.entry import Action, Author, Call
from control.desired.changes import LimitExceeded, NotFound
from control.fleet.history import RevisionUnknown, RollbackConflict
from control.trust.api_keys import Caller
from httpd.problem import problem
from kernel.clock import Clock
from kernel.documents import BadDocument, is_broken, load_json, shown
from kernel.errors import Overloaded, StorageFailed

PAGE = 100
MAX_PAGE = 1_000
MAX_PARAMETER_LENGTH = 1_000
"""Characters of a query parameter, and of a name in the path."""
MAX_REQUEST_ID_LENGTH = 64
LISTED = frozenset(("without",))
"""Query parameters that may be given again."""
CALLER = web.RequestKey("caller", Caller)
"""Who asks; set by the door before any handler, but for routes that are open to all."""

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
log = structlog.get_logger("control")


def is_local(request: web.Request) -> bool:
    """Whether the caller is on this machine and no proxy is in between."""
    try:
        return ip_address(request.remote or "").is_loopback and "X-Forwarded-For" not in request.headers
    except ValueError:
        return False


def problem_of(error: Exception) -> web.Response:
    """The problem response for an exception."""
    match error:
        case web.HTTPException(status=status):
            allow = {"Allow": error.headers["Allow"]} if "Allow" in error.headers else None
            return problem(status, (error.reason or "error").lower().replace(" ", "-"), error.reason or "", allow)
        case LimitExceeded():
            return problem(507, "full", str(error))
        case NotFound():
            return problem(404, "not-found", str(error))
        case RevisionUnknown():
            return problem(404, "not-found", str(error))
        case RollbackConflict():
            return problem(409, "conflict", str(error))
        case ValueError():
            return problem(400, "bad-document", str(error))
        case Overloaded():
            return problem(503, error.reason, str(error), {"Retry-After": str(error.retry_after)})
        case StorageFailed():
            log.error("change-not-stored", error=str(error))
            return problem(503, "storage", str(error), {"Retry-After": "5"})
        case _:
            log.error("handler-failed", exc_info=error)
            return problem(500, "bug", "control failed; its log has the trace")


def check_parameters(request: web.Request) -> None:
    """Check the length and encoding of every path and query parameter. Raises BadDocument naming the parameter."""
    query = request.query
    for name in (*query, *request.match_info):
        if is_broken(name):
            raise BadDocument(shown(name), "is no name of a query parameter")
    for name, text in (*query.items(), *request.match_info.items()):
        if len(text) > MAX_PARAMETER_LENGTH:
            raise BadDocument(name[:80], f"must be at most {MAX_PARAMETER_LENGTH} characters")
        if is_broken(text):
            raise BadDocument(name[:80], "is not UTF-8, or has a NUL")
    for name in query:
        if name not in LISTED and len(query.getall(name)) > 1:
            raise BadDocument(name[:80], "is given more than once")


def cursor(request: web.Request, form: re.Pattern[str], what: str) -> str:
    """The name after which a page begins; "" for the first. Raises BadDocument."""
    text = request.query.get("cursor", "")
    if text and not form.fullmatch(text):
        raise BadDocument("cursor", f"must be {what}: the answer before had it as `next`")
    return text


async def body(request: web.Request) -> object:
    """The JSON that was sent. Raises BadDocument."""
    data = await request.read()
    if not data:
        raise BadDocument("", "the request has no body; JSON is expected")
    return load_json(data)


def limit(request: web.Request) -> int:
    """How many rows of a page are asked for. Raises BadDocument."""
    text = request.query.get("limit", str(PAGE))
    most = int(text) if text.isascii() and text.isdigit() and len(text) <= 9 else 0
    if not 1 <= most <= MAX_PAGE:
        raise BadDocument("limit", f"must be a number from 1 to {MAX_PAGE}")
    return most


def reason(request: web.Request) -> str:
    """Why, in the caller's words."""
    return request.query.get("reason", "")


def request_id(request: web.Request) -> str:
    """What the caller calls this request; "" where it is nothing that a log can hold."""
    text = request.headers.get("X-Request-Id", "")
    return text if len(text) <= MAX_REQUEST_ID_LENGTH and text.isprintable() else ""


def caller(request: web.Request) -> Caller:
    """Who asks."""
    return request[CALLER]


def call(request: web.Request) -> Call:
    """From where, and under which id of the caller's, for the audit log."""
    return Call(request.remote or "", request_id(request), operator=True)


def author(request: web.Request, clock: Clock, action: Action = Action.CHANGE, target: str = "") -> Author:
    """Who changes something now, from where and why; `action` and `target` name it for the audit log."""
    return Author(request[CALLER].name, clock.wall(), reason(request), call(request), action, target)
