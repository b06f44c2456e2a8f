"""POST /events/cmcd and POST /events: players report, and are answered once it is on the disk."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict

from aiohttp import web

from httpd.problem import problem
from httpd.rate_limiter import RateLimiter
from kernel.clock import Clock
from kernel.errors import BadRequest, Overloaded
from services.counters import Counters
from services.events.batches import MAX_EVENTS, Batch, PlayerEvent, read_cmcd, read_player_events
from services.events.record import Kind, Record
from services.events.redaction import remove_tokens
from services.events.segment_log import EventAppender
from services.http.body_schema import schema_of
from services.http.params import MAX_BODY_BYTES
from services.http.request_context import request_context
from services.http.route import Access, Route, json_response

BATCHES_PER_SECOND = 20.0
BATCHES_AT_ONCE = 200.0
"""Of one address; a household behind one address has several players, each of which sends a batch every few seconds."""
MAX_SHOWN_REJECTIONS = 20

CMCD_TYPES = frozenset({"application/cmcd", "text/cmcd"})
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
    ],
}
EVENTS: dict[str, object] = {
    "anyOf": [_EVENTS, {"type": "object", "required": ["events"], "properties": {"events": _EVENTS}}]
}


class EventRoutes:
    """The door of the event log. Anybody may report, because a player on a television holds no cookie of ours."""

    def __init__(self, log: EventAppender, clock: Clock, counters: Counters) -> None:
        self._log = log
        self._clock = clock
        self._counters = counters
        self._limiter = RateLimiter(BATCHES_PER_SECOND, BATCHES_AT_ONCE)

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
        )  # fmt: skip

    async def report_cmcd(self, request: web.Request) -> web.Response:
        """Store lines of CMCD."""
        return await self._store(request, Kind.CMCD, read_cmcd)

    async def report_events(self, request: web.Request) -> web.Response:
        """Store a JSON batch."""
        return await self._store(request, Kind.PLAYER, read_player_events)

    async def _store(self, request: web.Request, kind: Kind, read: Callable[[bytes], Batch]) -> web.Response:
        context = request_context(request)
        wait = self._limiter.seconds_to_wait(str(context.address), self._clock.mono())
        if wait and not context.caller.operator:
            return _try_again("too-many-batches", "this address sends too many batches", wait)
        try:
            batch = read(await request.read())
        except web.HTTPRequestEntityTooLarge:
            raise BadRequest(413, "body-too-large", f"the body is larger than {MAX_BODY_BYTES} bytes") from None
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


def _try_again(reason: str, detail: str, wait: float) -> web.Response:
    return problem(429, reason, detail, headers={"Retry-After": str(max(1, round(wait)))})
