"""HTTP routes of a viewer's sessions and positions: what plays now, end it, what to continue."""

from __future__ import annotations

from aiohttp import web

from httpd.openapi import Parameter
from kernel.clock import Clock
from kernel.errors import BadRequest
from services.http import params
from services.http.request_context import request_context
from services.http.route import Access, Route, json_response
from services.playback.route_schemas import CONTINUE_SCHEMA, END_SCHEMA, ENDED_SCHEMA, SESSIONS_SCHEMA
from services.playback.sessions.end_watchers import EndWatchers
from services.playback.sessions.playback_sessions import PlaybackSessions
from services.playback.sessions.session import EndReason, EndSession, Result, is_finished
from services.playback.sessions.session_json import streams_in_use
from services.playback.viewer import owner_of

MAX_CONTINUED = 100
MAX_READ = 500
"""Positions that are read for the list; finished titles among them are left out."""
MAX_WAIT = 25
"""Seconds; less than the 30 after which proxies close a connection that says nothing."""
_SESSION = Parameter("sessionId", "The session.", location="path")
_WAIT = Parameter("wait", "For how many seconds at most.", schema=params.integer_schema(0, MAX_WAIT, MAX_WAIT))


class SessionRoutes:
    """GET /me/sessions, GET /me/continue, DELETE /playback/sessions/{sessionId}, and GET …/end, which waits for it."""

    def __init__(self, sessions: PlaybackSessions, watchers: EndWatchers, clock: Clock) -> None:
        self._sessions = sessions
        self._watchers = watchers
        self._clock = clock

    def routes(self) -> tuple[Route, ...]:
        """The route table of sessions."""
        return (
            Route(
                "GET", "/me/sessions", self.list_sessions, Access.VIEWER, "List what the account plays now",
                response=SESSIONS_SCHEMA,
            ),
            Route(
                "GET", "/me/continue", self.list_unfinished, Access.VIEWER, "List what the profile can continue",
                (Parameter("limit", "At most this many.", schema=params.integer_schema(1, 100, 20)),),
                response=CONTINUE_SCHEMA,
            ),
            Route(
                "DELETE", "/playback/sessions/{sessionId}", self.end_session, Access.VIEWER,
                "End a session; the edges refuse its token within a second",
                (_SESSION,), response=ENDED_SCHEMA, errors=(404, 503),
            ),
            Route(
                "GET", "/playback/sessions/{sessionId}/end", self.wait_for_end, Access.VIEWER,
                "Wait for the end of a session", (_SESSION, _WAIT), response=END_SCHEMA, errors=(404, 503),
            ),
        )  # fmt: skip

    async def list_sessions(self, request: web.Request) -> web.Response:
        """The sessions that hold a stream of the caller's account, newest first."""
        now = self._clock.wall()
        found = await self._sessions.store.sessions_of(owner_of(request_context(request).caller) or "")
        return json_response(streams_in_use([one for one in found if one.ended is None and one.expires > now]))

    async def list_unfinished(self, request: web.Request) -> web.Response:
        """The titles that the caller's profile has begun and not finished, latest first."""
        limit = params.integer(request, "limit", 20, 1, MAX_CONTINUED)
        profile = request_context(request).caller.subject
        found = await self._sessions.store.positions(profile, MAX_READ) if profile else []
        unfinished = [one for one in found if one.position > 0 and not is_finished(one.position, one.duration)]
        return json_response(
            [
                {"contentId": one.content_id, "position": one.position, "duration": one.duration}
                for one in unfinished[:limit]
            ]
        )

    async def end_session(self, request: web.Request) -> web.Response:
        """End a session of the caller's account; an operator may end any."""
        context = request_context(request)
        session_id = request.match_info["sessionId"]
        change = EndSession(session_id, owner_of(context.caller), EndReason.REVOKED, self._clock.wall())
        outcome = await self._sessions.change(change, context.country)
        if outcome.result is Result.UNKNOWN or outcome.session is None:
            raise BadRequest(404, "session-unknown", "there is no such session, or it has expired")
        return json_response({"sessionId": session_id, "ended": outcome.session.ended})

    async def wait_for_end(self, request: web.Request) -> web.Response:
        """Respond once a session has ended; `ended` is null if it goes on after the wait."""
        session_id = request.match_info["sessionId"]
        owner = owner_of(request_context(request).caller)
        with self._watchers.watch(session_id, params.integer(request, "wait", MAX_WAIT, 0, MAX_WAIT)) as woken:
            # Watched before it is read, so that no end falls between the two.
            if await self._read_end(session_id, owner) is None:
                await woken.wait()
        return json_response({"sessionId": session_id, "ended": await self._read_end(session_id, owner)})

    async def _read_end(self, session_id: str, owner: str | None) -> EndReason | None:
        """Why a session has ended; None while it has not. Raises BadRequest (404)."""
        found = await self._sessions.store.get(session_id)
        if found is None or owner not in (None, found.account_id) or found.expires <= self._clock.wall():
            raise BadRequest(404, "session-unknown", "there is no such session, or it has expired")
        return found.ended
