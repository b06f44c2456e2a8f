"""POST /events/cmcd, /events and /logs/bulk: players and nodes report, and are answered once it is on the disk.

Nothing that is stored names a person: no profile, no address, no token. Which profile a session was is known only to
the playback service, which writes it where the profile has consented.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass

from aiohttp import web

from httpd.bounded_body import read_at_most
from httpd.problem import problem
from httpd.rate_limiter import RateLimiter
from kernel.clock import Clock
from kernel.errors import BadRequest, Overloaded
from services.counters import Counters
from services.events.batches import MAX_EVENTS, Batch, BrowseEvent, PlayerEvent, read_cmcd, read_player_events
from services.events.log_lines import MAX_LOG_BYTES, MAX_LOG_LINES, read_log_lines
from services.events.record import Kind, Record
from services.events.redaction import remove_tokens
from services.events.segment_log import EventAppender
from services.http.body_schema import schema_of
from services.http.params import MAX_BODY_BYTES
from services.http.request_context import RequestContext, request_context
from services.http.route import Access, Route, json_response

BURST_SECONDS = 10.0
"""How many seconds' worth of its rate an address may send at once."""
MAX_SHOWN_REJECTIONS = 20

CMCD_TYPES = frozenset({"application/cmcd", "text/cmcd"})
LOG_TYPES = frozenset({"application/json", "application/x-ndjson", "application/jsonl"})
ACCEPTED: dict[str, object] = {
    "type": "object",
    "required": ["accepted"],
    "properties": {
        "accepted": {"type": "integer", "description": "How many events are stored."},
        "rejected": {
            "description": "The events that are not stored; absent where all are.",
            "type": "array",
            "items": {
                "type": "object",
                "properties": {"number": {"type": "integer"}, "why": {"type": "string"}},
            },
        },
    },
}
CMCD: dict[str, object] = {
    "type": "string",
    "pattern": r'^e=[a-z]{1,4},sid="[A-Za-z0-9-]{1,64}",ts=[0-9]{1,15}$',
    "description": "CTA-5004-B, event mode: a line an event, each with at least the keys e, sid and ts.",
}
_EVENTS: dict[str, object] = {
    "description": "Events that are no such object are named in the answer; the others are stored.",
    "anyOf": [
        {"type": "array", "maxItems": 0},
        {"type": "array", "maxItems": MAX_EVENTS, "contains": schema_of(PlayerEvent)},
        {"type": "array", "maxItems": MAX_EVENTS, "contains": schema_of(BrowseEvent)},
    ],
}
EVENTS: dict[str, object] = {
    "anyOf": [_EVENTS, {"type": "object", "required": ["events"], "properties": {"events": _EVENTS}}]
}


_LINE: dict[str, object] = {"type": "object"}
LOGS: dict[str, object] = {
    "description": "Lines of access logs: JSON objects, one a line or in a list.",
    "anyOf": [
        {"type": "array", "minItems": 1, "maxItems": MAX_LOG_LINES, "items": _LINE},
        {
            "type": "object",
            "required": ["logs"],
            "properties": {"logs": {"type": "array", "minItems": 1, "maxItems": MAX_LOG_LINES, "items": _LINE}},
        },
    ],
}


@dataclass(frozen=True, slots=True)
class EventRates:
    """Batches a second: of one address, and of all together. Callers with an API key are not limited by address."""

    per_address: float = 20.0
    whole: float = 5_000.0


class EventRoutes:
    """The door of the event log. Anybody may report, because a player on a television holds no cookie of ours."""

    def __init__(self, log: EventAppender, clock: Clock, counters: Counters, rates: EventRates | None = None) -> None:
        rates = rates or EventRates()
        self._log = log
        self._clock = clock
        self._counters = counters
        self._limiter = RateLimiter(rates.per_address, rates.per_address * BURST_SECONDS)
        self._whole = RateLimiter(rates.whole, rates.whole)

    def routes(self) -> tuple[Route, ...]:
        """The table."""
        return (
            Route(
                "POST", "/events/cmcd", self.report_cmcd, Access.ANYBODY, "Report CMCD v2 events, a line each",
                body=CMCD, response=ACCEPTED, statuses=(202,), errors=(400, 413, 415, 429), content_types=CMCD_TYPES,
            ),
            Route(
                "POST", "/events", self.report_events, Access.ANYBODY, "Report what happened in a player",
                body=EVENTS, response=ACCEPTED, statuses=(202,), errors=(413, 429),
            ),
            Route(
                "POST", "/logs/bulk", self.store_logs, Access.OPERATOR, "Store lines of nodes' access logs",
                body=LOGS, response=ACCEPTED, statuses=(202,), errors=(413, 429), content_types=LOG_TYPES,
            ),
        )  # fmt: skip

    async def report_cmcd(self, request: web.Request) -> web.Response:
        """Store lines of CMCD."""
        return await self._store(request, Kind.CMCD, read_cmcd)

    async def report_events(self, request: web.Request) -> web.Response:
        """Store a JSON batch."""
        return await self._store(request, Kind.PLAYER, read_player_events)

    async def store_logs(self, request: web.Request) -> web.Response:
        """Store access-log lines."""
        return await self._store(request, Kind.LOGS, read_log_lines)

    def _refusal(self, context: RequestContext) -> web.Response | None:
        now = self._clock.mono()
        if not context.caller.operator and (wait := self._limiter.seconds_to_wait(str(context.address), now)):
            return _try_again("too-many-batches", "this address sends too many batches", wait)
        if wait := self._whole.seconds_to_wait("", now):
            return _try_again("too-many-batches", "more batches come in than this process may take", wait)
        return None

    async def _store(self, request: web.Request, kind: Kind, read: Callable[[bytes], Batch]) -> web.Response:
        context = request_context(request)
        if (refused := self._refusal(context)) is not None:
            return refused
        try:
            batch = read(await _read_body(request, kind))
        except ValueError as error:
            raise BadRequest(400, "events", str(error)) from None
        self._counters.player_events.labels(kind.value, "rejected").inc(len(batch.rejected))
        if not batch.count and batch.rejected:
            first = batch.rejected[0]
            raise BadRequest(400, "events", f"event {first.number} {first.why}")
        if batch.count:
            body = remove_tokens(batch.body)
            record = Record(kind, self._clock.wall(), body, "", batch.sessions, context.country or "")
            try:
                await self._log.append(record)
            except Overloaded as error:
                # 429, because players retry it and keep the batch; a report that is dropped is a viewer unseen.
                return _try_again(error.reason.value, str(error), error.retry_after)
        self._counters.player_events.labels(kind.value, "stored").inc(batch.count)
        shown = [asdict(rejected) for rejected in batch.rejected[:MAX_SHOWN_REJECTIONS]]
        return json_response({"accepted": batch.count} | ({"rejected": shown} if shown else {}), status=202)


async def _read_body(request: web.Request, kind: Kind) -> bytes:
    """The body. Raises BadRequest (413)."""
    most = MAX_LOG_BYTES if kind is Kind.LOGS else MAX_BODY_BYTES
    try:
        body = await (read_at_most(request.content, most + 1) if kind is Kind.LOGS else request.read())
    except web.HTTPRequestEntityTooLarge:
        body = b""
    else:
        if len(body) <= most:
            return body
    raise BadRequest(413, "body-too-large", f"the body is larger than {most} bytes")


def _try_again(reason: str, detail: str, wait: float) -> web.Response:
    return problem(429, reason, detail, headers={"Retry-After": str(max(1, round(wait)))})
