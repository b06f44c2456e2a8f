"""HTTP routes of playback: start a session, report its position."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from secrets import token_urlsafe
from typing import Annotated, Any, Protocol
from urllib.parse import urlsplit

from aiohttp import web
from msgspec import Meta, Struct

from httpd.openapi import Parameter
from httpd.problem import problem
from kernel.auth.token import mint
from kernel.clock import Clock
from kernel.errors import BadRequest, Overloaded
from kernel.vocabulary import OverloadReason
from services.counters import Counters
from services.fleet.signing_key import NamedSigningKey
from services.http import params
from services.http.request_context import request_context, viewer_country
from services.http.route import Access, Route, json_response
from services.playback import eligibility
from services.playback.edges import EdgeFinder, bucket_of
from services.playback.eligibility import PlaybackTitle
from services.playback.pathways import pathway_id
from services.playback.signals import SessionSignals
from services.playback.steering import public_origin
from services.playback.store import PlaybackStore, PositionUpdate, Session
from services.storage.group_commit import GroupCommit

SWEEP_SECONDS = 60.0
MAX_POSITION = 7 * 86400


class PlaybackCatalogue(Protocol):
    """The part of the catalogue that playback uses."""

    async def playback_title(self, content_id: str, country: str | None) -> PlaybackTitle | None:
        """A title with its licence in the country (None = unknown); None if there is no such title."""


@dataclass(frozen=True)
class TokenSigning:
    """How to mint tokens: the key, the region in their path, their lifetime in seconds (None: automatic)."""

    key: NamedSigningKey
    region: str
    ttl: float | None


class Heartbeat(Struct, rename="camel"):
    """The body of a heartbeat; `currentPosition` in seconds.

    `requests`, `errors` and `stalledSeconds` are what the session experienced at `edge` (its base URL) recently.
    """

    session_id: Annotated[str, Meta(min_length=1, max_length=128, pattern=r"^[\x21-\x7e]+\Z")]
    current_position: Annotated[float, Meta(ge=0, le=MAX_POSITION)]
    edge: Annotated[str, Meta(max_length=300, pattern=r"^[\x21-\x7e]*\Z")] | None = None
    requests: Annotated[int, Meta(ge=0, le=1_000_000)] = 0
    errors: Annotated[int, Meta(ge=0, le=1_000_000)] = 0
    stalled_seconds: Annotated[float, Meta(ge=0, le=86_400)] = 0.0


STARTED_SCHEMA: dict[str, object] = {
    "type": "object",
    "required": ["streamUrl", "drmLicenseInfo", "sessionId"],
    "properties": {
        "streamUrl": {"type": "string", "format": "uri"},
        "drmLicenseInfo": {"type": "object", "description": '`{"type": "none"}`: the content is clear.'},
        "sessionId": {"type": "string"},
        "dashUrl": {"type": ["string", "null"], "format": "uri"},
        "expiresAt": {"type": "string", "format": "date-time"},
        "edges": {"type": "array", "items": {"type": "string", "format": "uri"}},
        "steeringUrl": {"type": "string", "format": "uri"},
        "wholeUrls": {"type": "object", "description": "Playlist and manifest with absolute URLs, for Shaka."},
        "title": {"type": "string"},
        "durationSeconds": {"type": "number"},
        "attribution": {"type": "string"},
    },
}
HEARTBEAT_SCHEMA: dict[str, object] = {
    "type": "object",
    "required": ["sessionId", "currentPosition"],
    "properties": {"sessionId": {"type": "string"}, "currentPosition": {"type": "number", "minimum": 0}}
    | {
        "edge": {"type": "string"},
        "requests": {"type": "integer"},
        "errors": {"type": "integer"},
        "stalledSeconds": {"type": "number"},
    },
}


class PlaybackRoutes:
    """GET /playback/start, POST /playback/heartbeat."""

    def __init__(
        self,
        catalogue: PlaybackCatalogue,
        store: PlaybackStore,
        writes: GroupCommit[Session | PositionUpdate],
        signing: TokenSigning,
        finder: EdgeFinder,
        clock: Clock,
        counters: Counters,
        signals: SessionSignals | None = None,
    ) -> None:
        self._catalogue = catalogue
        self._store = store
        self._writes = writes
        self._signing = signing
        self._finder = finder
        self._signals = signals
        self._clock = clock
        self._counters = counters

    def routes(self) -> tuple[Route, ...]:
        """Playback's route table."""
        start = (
            Parameter("contentId", "The title.", required=True),
            Parameter("bitrate", "`auto`, or the maximum bitrate: in kbit/s below 100000, else in bit/s."),
            Parameter("country", "Use this country instead of the viewer's own (API key only)."),
        )
        return (
            Route(
                "GET", "/playback/start", self.start, Access.VIEWER, "Start a session and get the title's URLs",
                start, response=STARTED_SCHEMA, errors=(404, 409, 451, 503),
            ),
            Route(
                "POST", "/playback/heartbeat", self.heartbeat, Access.VIEWER, "Report a session's position",
                body=HEARTBEAT_SCHEMA, response={"type": "object"}, errors=(403, 404),
            ),
        )  # fmt: skip

    async def start(self, request: web.Request) -> web.Response:
        """Check the licence, store the session durably, and respond with URLs that contain its token."""
        content_id = params.content_id(params.required(request, "contentId"))
        try:
            most = eligibility.parse_bitrate(params.text(request, "bitrate"))
        except ValueError as error:
            raise BadRequest(400, "bitrate", f"query parameter `bitrate` {error}") from None
        country = viewer_country(request)
        title = await self._catalogue.playback_title(content_id, country)
        denial = eligibility.denial_for(title, country)
        self._counters.starts.labels(denial.reason if denial else "started").inc()
        if denial or title is None:
            return problem(denial.status, denial.reason, denial.detail) if denial else problem(404, "title-unknown", "")
        session = self._new_session(request, content_id, title)
        edges = await self._finder.find_edges(content_id, country, bucket_of(session.session_id))
        if not edges.pathways:
            raise Overloaded(OverloadReason.NO_EDGE)
        await self._writes.commit(session)
        started = self._start_response(session, title, most, country, [one.base for one in edges.pathways])
        return json_response(started | self._steering_urls(started, public_origin(request)))

    def _new_session(self, request: web.Request, content_id: str, title: PlaybackTitle) -> Session:
        now = self._clock.wall()
        caller = request_context(request).caller
        expires = now + eligibility.token_lifetime(title, self._signing.ttl)
        return Session(token_urlsafe(16), content_id, caller.guest or "", now, expires)

    def _start_response(
        self, session: Session, title: PlaybackTitle, most: int | None, country: str | None, edges: Sequence[str]
    ) -> dict[str, Any]:
        signing = self._signing
        scope = f"/cdn/{signing.region}/{session.content_id}/"
        token = mint(
            signing.key.key,
            signing.key.kid,
            path=scope,
            now=session.started,
            ttl=session.expires - session.started,
            session=session.session_id,
            country=country,
            tier=None,
            network=None,
        )
        bases = [f"{edge}/t/{token}{scope}" for edge in edges]
        tier = eligibility.tier_for(title, most)
        hls, dash = (
            eligibility.playlist_path(title, "hls", tier) or "master.m3u8",
            eligibility.playlist_path(title, "dash", tier),
        )
        return {
            "streamUrl": bases[0] + hls,
            "drmLicenseInfo": {"type": "none", "detail": "The content is clear: no licence is needed."},
            "sessionId": session.session_id,
            "dashUrl": bases[0] + dash if dash else None,
            "expiresAt": datetime.fromtimestamp(session.expires, UTC).isoformat(timespec="seconds"),
            "edges": [base + hls for base in bases],
            "title": title.title,
            "contentId": session.content_id,
            "durationSeconds": title.duration,
            "attribution": title.attribution,
        }

    def _steering_urls(self, started: Mapping[str, Any], origin: str) -> dict[str, object]:
        """The steering URL, and the playlist and manifest for players that need absolute URLs (Shaka)."""

        def whole(url: str | None) -> str | None:
            if url is None:
                return None
            base, _, rest = url.partition("/t/")
            return f"{origin}/whole/t/{rest}?session={started['sessionId']}&at={pathway_id(base)}"

        return {
            "steeringUrl": f"{origin}/steering/{started['contentId']}?session={started['sessionId']}",
            "wholeUrls": {"hls": whole(started["streamUrl"]), "dash": whole(started["dashUrl"])},
        }

    async def heartbeat(self, request: web.Request) -> web.Response:
        """Store a session's position; responds once it is durable."""
        beat = await params.body(request, Heartbeat)
        if beat.edge is not None and not _is_url(beat.edge):
            raise BadRequest(400, "body-field", "field `edge`: must be a base URL or HOST:PORT")
        caller = request_context(request).caller
        session = await self._store.get(beat.session_id)
        now = self._clock.wall()
        if session is None or session.expires < now or not (caller.operator or caller.guest == session.viewer):
            raise BadRequest(404, "session-unknown", "there is no such session, or it has expired: start a new one")
        if beat.edge is not None and self._signals is not None:
            self._signals.record_signal(
                session.session_id,
                beat.edge,
                beat.requests,
                beat.errors,
                beat.stalled_seconds,
                request_context(request).address,
            )
        await self._writes.commit(PositionUpdate(session.session_id, beat.current_position, now))
        return json_response({"sessionId": session.session_id, "currentPosition": beat.current_position})


def _is_url(url: str) -> bool:
    try:
        urlsplit(url)
    except ValueError:  # such as http://[
        return False
    return True
