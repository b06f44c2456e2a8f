"""Playback over HTTP: start a session, tell how far it has come."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from secrets import token_urlsafe
from typing import Annotated, Protocol

from aiohttp import web
from msgspec import Meta, Struct

from kernel.clock import Clock
from kernel.errors import BadRequest, Overloaded
from kernel.keys import SigningKey
from kernel.token import mint
from services.counters import Counters
from services.group_commit import GroupCommit
from services.http import reading
from services.http.problem import problem
from services.http.route import Access, Parameter, Route, answer
from services.http.visit import visit, watching_country
from services.playback import decide
from services.playback.decide import Film
from services.playback.store import Beat, PlaybackStore, Session

SWEEP_SECONDS = 60.0
LONGEST_POSITION = 7 * 86400


class Films(Protocol):
    """What playback needs of the catalogue."""

    async def film(self, content_id: str, country: str | None) -> Film | None:
        """A title as playback sees it, with its licence in that country; None when there is none."""


@dataclass(frozen=True)
class Signing:
    """How tokens are made. `ttl` None = as long as the film needs."""

    key: SigningKey
    kid: str
    region: str
    ttl: float | None


class Heartbeat(Struct, rename="camel"):
    """The body of a heartbeat; `currentPosition` in seconds."""

    session_id: Annotated[str, Meta(min_length=1, max_length=128)]
    current_position: Annotated[float, Meta(ge=0, le=LONGEST_POSITION)]


class PlaybackRoutes:
    """GET /playback/start, POST /playback/heartbeat."""

    def __init__(
        self,
        films: Films,
        store: PlaybackStore,
        writes: GroupCommit[Session | Beat],
        signing: Signing,
        edges: Sequence[str],
        clock: Clock,
        counters: Counters,
    ) -> None:
        self._films = films
        self._store = store
        self._writes = writes
        self._signing = signing
        self._edges = edges
        self._clock = clock
        self._counters = counters

    def routes(self) -> tuple[Route, ...]:
        """Playback's table."""
        start = (
            Parameter("contentId", "The title.", required=True),
            Parameter("bitrate", "`auto`, or the most the viewer wants: kbit/s below 100000, bit/s from there on."),
            Parameter("country", "Another country than the viewer's own (API key only)."),
        )
        started = {
            "type": "object",
            "required": ["streamUrl", "drmLicenseInfo", "sessionId"],
            "properties": {
                "streamUrl": {"type": "string", "format": "uri"},
                "drmLicenseInfo": {"type": "object", "description": '`{"type": "none"}`: the content is clear.'},
                "sessionId": {"type": "string"},
                "dashUrl": {"type": ["string", "null"], "format": "uri"},
                "expiresAt": {"type": "string", "format": "date-time"},
                "edges": {"type": "array", "items": {"type": "string", "format": "uri"}},
                "title": {"type": "string"},
                "durationSeconds": {"type": "number"},
                "attribution": {"type": "string"},
            },
        }
        beat = {
            "type": "object",
            "required": ["sessionId", "currentPosition"],
            "properties": {"sessionId": {"type": "string"}, "currentPosition": {"type": "number", "minimum": 0}},
        }
        return (
            Route(
                "GET", "/playback/start", self.start, Access.VIEWER, "Start a session: where the title plays from",
                start, answer=started, refusals=(404, 409, 451, 503),
            ),
            Route(
                "POST", "/playback/heartbeat", self.heartbeat, Access.VIEWER, "Tell how far a session has come",
                body=beat, answer={"type": "object"}, refusals=(403, 404),
            ),
        )  # fmt: skip

    async def start(self, request: web.Request) -> web.Response:
        """Check title and licence, make the session durable, answer the address with its token."""
        content_id = reading.content_id(reading.needed(request, "contentId"))
        try:
            most = decide.bits(reading.text(request, "bitrate"))
        except ValueError as error:
            raise BadRequest(400, "bitrate", f"query parameter `bitrate` {error}") from None
        country = watching_country(request)
        film = await self._films.film(content_id, country)
        denied = decide.denial(film, country)
        self._counters.starts.labels(denied.reason if denied else "started").inc()
        if denied or film is None:
            return problem(denied.status, denied.reason, denied.detail) if denied else problem(404, "title-unknown", "")
        if not self._edges:
            raise Overloaded("no-edge", retry_after=5)
        session = self._session(request, content_id, film)
        await self._writes.add(session)
        return answer(self._started(session, film, most, country))

    def _session(self, request: web.Request, content_id: str, film: Film) -> Session:
        now = self._clock.wall()
        caller = visit(request).caller
        expires = now + decide.token_seconds(film, self._signing.ttl)
        return Session(token_urlsafe(16), content_id, caller.guest or "", now, expires)

    def _started(self, session: Session, film: Film, most: int | None, country: str | None) -> dict[str, object]:
        signing = self._signing
        scope = f"/cdn/{signing.region}/{session.content_id}/"
        token = mint(
            signing.key,
            signing.kid,
            path=scope,
            now=session.started,
            ttl=session.expires - session.started,
            session=session.session_id,
            country=country,
            tier=None,
            network=None,
        )
        bases = [f"{edge}/t/{token}{scope}" for edge in decide.edges_for(session.session_id, self._edges)]
        tier = decide.tier_for(film, most)
        hls, dash = decide.stream(film, "hls", tier) or "master.m3u8", decide.stream(film, "dash", tier)
        return {
            "streamUrl": bases[0] + hls,
            "drmLicenseInfo": {"type": "none", "detail": "The content is clear: no licence is needed."},
            "sessionId": session.session_id,
            "dashUrl": bases[0] + dash if dash else None,
            "expiresAt": datetime.fromtimestamp(session.expires, UTC).isoformat(timespec="seconds"),
            "edges": [base + hls for base in bases],
            "title": film.title,
            "contentId": session.content_id,
            "durationSeconds": film.duration,
            "attribution": film.attribution,
        }

    async def heartbeat(self, request: web.Request) -> web.Response:
        """Keep a session's position; answered when it is durable."""
        beat = await reading.body(request, Heartbeat)
        caller = visit(request).caller
        session = await self._store.get(beat.session_id)
        now = self._clock.wall()
        if session is None or session.expires < now or not (caller.operator or caller.guest == session.viewer):
            raise BadRequest(404, "session-unknown", "there is no such session, or it has ended: start anew")
        await self._writes.add(Beat(session.session_id, beat.current_position, now))
        return answer({"sessionId": session.session_id, "currentPosition": beat.current_position})
