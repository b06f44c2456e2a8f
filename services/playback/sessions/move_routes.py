"""HTTP routes of a running session: report its position, stop it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any
from urllib.parse import urlsplit

from aiohttp import web
from msgspec import Meta, Struct

from httpd.problem import problem
from kernel.clock import Clock
from kernel.errors import BadRequest
from services.http import params
from services.http.body_schema import schema_of
from services.http.request_context import request_context
from services.http.route import Access, Route, json_response
from services.playback.route_schemas import AT_SCHEMA, MOVED_SCHEMA
from services.playback.routing.signals import SessionSignals
from services.playback.sessions.playback_sessions import PlaybackSessions
from services.playback.sessions.session import END_SENTENCES, EndReason, MoveSession, Outcome, Result
from services.playback.viewer import owner_of

MAX_POSITION = 7 * 86400
MILLISECONDS = 1e11
"""A time above it is in milliseconds, as JavaScript's Date.now() has it."""


class Heartbeat(Struct, rename="camel"):
    """The body of a heartbeat; `currentPosition` in seconds.

    `at` is when the position was reached by the player's clock: Unix seconds (or milliseconds), seconds since the
    session's start, or ISO 8601. `requests`, `errors` and `stalledSeconds` are what the session experienced at `edge`
    (its base URL) recently.
    """

    session_id: Annotated[str, Meta(min_length=1, max_length=128, pattern=r"^[\x21-\x7e]+\Z")]
    current_position: Annotated[float, Meta(ge=0, le=MAX_POSITION)]
    at: Annotated[float, Meta(ge=0, le=1e14)] | Annotated[str, Meta(max_length=40)] | None = None
    edge: Annotated[str, Meta(max_length=300, pattern=r"^[\x21-\x7e]*\Z")] | None = None
    requests: Annotated[int, Meta(ge=0, le=1_000_000)] = 0
    errors: Annotated[int, Meta(ge=0, le=1_000_000)] = 0
    stalled_seconds: Annotated[float, Meta(ge=0, le=86_400)] = 0.0


class Stop(Struct, rename="camel"):
    """The body of a stop; without `currentPosition` the latest heartbeat's counts."""

    session_id: Annotated[str, Meta(min_length=1, max_length=128, pattern=r"^[\x21-\x7e]+\Z")]
    current_position: Annotated[float, Meta(ge=0, le=MAX_POSITION)] | None = None
    at: Annotated[float, Meta(ge=0, le=1e14)] | Annotated[str, Meta(max_length=40)] | None = None


HEARTBEAT = schema_of(Heartbeat, at=AT_SCHEMA)
STOP = schema_of(Stop, at=AT_SCHEMA)


class MoveRoutes:
    """POST /playback/heartbeat, POST /playback/stop."""

    def __init__(self, sessions: PlaybackSessions, clock: Clock, signals: SessionSignals | None = None) -> None:
        self._sessions = sessions
        self._clock = clock
        self._signals = signals

    def routes(self) -> tuple[Route, ...]:
        """The route table of running sessions."""
        return (
            Route(
                "POST", "/playback/heartbeat", self.heartbeat, Access.VIEWER, "Report a session's position",
                body=HEARTBEAT, response=MOVED_SCHEMA, errors=(403, 404, 409, 503),
            ),
            Route(
                "POST", "/playback/stop", self.stop, Access.VIEWER, "End a session and free its stream",
                body=STOP, response=MOVED_SCHEMA, errors=(403, 404, 503),
            ),
        )  # fmt: skip

    async def heartbeat(self, request: web.Request) -> web.Response:
        """Store a session's position; responds once it is durable."""
        beat = await params.body(request, Heartbeat)
        if beat.edge is not None and not _is_url(beat.edge):
            raise BadRequest(400, "body-field", "field `edge`: must be a base URL or HOST:PORT")
        outcome = await self._move(request, beat.session_id, beat.current_position, beat.at)
        if beat.edge is not None and self._signals is not None and outcome.result is Result.DONE:
            address = request_context(request).address
            self._signals.record_signal(
                beat.session_id, beat.edge, beat.requests, beat.errors, beat.stalled_seconds, address
            )
        return _moved_response(outcome)

    async def stop(self, request: web.Request) -> web.Response:
        """End a session at a position; its slot is free on return."""
        stop = await params.body(request, Stop)
        return _moved_response(await self._move(request, stop.session_id, stop.current_position, stop.at, stop=True))

    async def _move(
        self,
        request: web.Request,
        session_id: str,
        position: float | None,
        at: float | str | None,
        *,
        stop: bool = False,
    ) -> Outcome:
        context = request_context(request)
        change = MoveSession(
            session_id, owner_of(context.caller), position, self._clock.wall(), parse_player_time(at), stop
        )
        return await self._sessions.change(change, context.country)


def parse_player_time(at: float | str | None) -> float | None:
    """The player's time of a position in seconds. Raises BadRequest."""
    if isinstance(at, str):
        try:
            moment = datetime.fromisoformat(at)
            return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
        except (ValueError, OverflowError):
            raise BadRequest(400, "body-field", "field `at`: must be Unix seconds or a time in ISO 8601") from None
    return at / 1000 if at is not None and at > MILLISECONDS else at


def _moved_response(outcome: Outcome) -> web.Response:
    session = outcome.session
    if outcome.result is Result.UNKNOWN or session is None:
        raise BadRequest(404, "session-unknown", "there is no such session, or it has expired: start a new one")
    if outcome.result is Result.ENDED:
        reason = session.ended or EndReason.STOPPED
        return problem(409, "session-ended", END_SENTENCES[reason], ended=reason.value)
    body: dict[str, Any] = {"sessionId": session.session_id, "currentPosition": session.position}
    return json_response(body)


def _is_url(url: str) -> bool:
    try:
        urlsplit(url)
    except ValueError:  # such as http://[
        return False
    return True
