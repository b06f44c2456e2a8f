"""The HTTP route that starts a session."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from secrets import token_urlsafe

from aiohttp import web

from httpd.openapi import Parameter
from httpd.problem import problem
from kernel.clock import Clock
from kernel.errors import BadRequest, Overloaded
from kernel.vocabulary import OverloadReason
from services.counters import Counters
from services.http import params
from services.http.request_context import request_context, viewer_country
from services.http.route import Access, Route, json_response
from services.playback.route_schemas import STARTED_SCHEMA
from services.playback.routing.edges import EdgeFinder, bucket_of
from services.playback.routing.steering import PlaybackCatalogue, public_origin
from services.playback.sessions.playback_sessions import PlaybackSessions
from services.playback.sessions.session import Outcome, Result, Session, StartSession, is_finished
from services.playback.sessions.session_json import streams_in_use
from services.playback.start import eligibility
from services.playback.start.eligibility import Denial, PlaybackTitle, StartRefusal, deny
from services.playback.start.licences import DrmSystem, Licences
from services.playback.start.start_response import StartedPlayback, TokenSigning, start_response
from services.playback.viewer import MAX_DEVICE, Viewer, ViewerFinder

FORMATS = ("hls", "dash")


START_PARAMETERS = (
    Parameter("contentId", "The title.", required=True, schema=params.CONTENT_ID_SCHEMA),
    Parameter(
        "bitrate",
        "`auto`, or the maximum bitrate: in kbit/s below 100000, else in bit/s.",
        schema={"type": "string", "pattern": "^(auto|[1-9][0-9]{0,9})$"},
    ),
    Parameter("format", "What `streamUrl` is.", schema={"type": "string", "enum": ["hls", "dash"], "default": "hls"}),
    Parameter(
        "drm",
        "The player's DRM system.",
        schema={"type": "string", "enum": [*(system.value for system in DrmSystem)]},
    ),
    Parameter(
        "device",
        "The device's id or name; a device holds one stream at a time.",
        schema={"type": "string", "pattern": "^[!-~]([ -~]{0,98}[!-~])?$"},
    ),
    Parameter("country", "Use this country instead of the viewer's own (API key only).", schema=params.COUNTRY_SCHEMA),
)


@dataclass(frozen=True, slots=True)
class StartRequest:
    """The query of a start. `format` is `hls` or `dash`, `max_bitrate` in bit/s; None = not given."""

    content_id: str
    max_bitrate: int | None
    format: str
    drm: DrmSystem | None
    device: str | None


class StartRoutes:
    """GET /playback/start."""

    def __init__(
        self,
        catalogue: PlaybackCatalogue,
        viewers: ViewerFinder,
        sessions: PlaybackSessions,
        licences: Licences,
        signing: TokenSigning,
        finder: EdgeFinder,
        clock: Clock,
        counters: Counters,
        heartbeat_interval: float,
    ) -> None:
        self._catalogue = catalogue
        self._viewers = viewers
        self._sessions = sessions
        self._licences = licences
        self._signing = signing
        self._finder = finder
        self._clock = clock
        self._counters = counters
        self._heartbeat_interval = heartbeat_interval

    def routes(self) -> tuple[Route, ...]:
        """The route table of the start."""
        return (
            # Open to everybody, so that a viewer without a log-in reads that they need one.
            Route(
                "GET", "/playback/start", self.start, Access.ANYBODY, "Start a session and get the title's URLs",
                START_PARAMETERS, response=STARTED_SCHEMA, errors=(401, 403, 404, 409, 410, 451, 503),
            ),
        )  # fmt: skip

    async def start(self, request: web.Request) -> web.Response:
        """Check the viewer's rights, take a slot durably, and respond with URLs that contain the session's token."""
        asked = read_start(request)
        country = viewer_country(request)
        viewer = await self._viewers.find(request_context(request).caller, asked.device)
        if viewer is None:
            return self._refuse(deny(StartRefusal.LOG_IN))
        title = await self._catalogue.playback_title(asked.content_id, country)
        denial = eligibility.start_denial(title, viewer, country)
        if denial is not None or title is None:
            return self._refuse(denial or deny(StartRefusal.TITLE_UNKNOWN))
        if asked.format == "dash" and eligibility.playlist_path(title, "dash", None) is None:
            return self._refuse(deny(StartRefusal.FORMAT))
        session = self._new_session(asked.content_id, title, viewer)
        edges = await self._finder.find_edges(asked.content_id, country, bucket_of(session.session_id))
        if not edges.pathways:
            raise Overloaded(OverloadReason.NO_EDGE)
        drm = await self._licences.info(title, session, asked.drm)
        outcome = await self._sessions.change(StartSession(session, viewer.plan.streams), country)
        if outcome.result is Result.UNKNOWN:  # The account went while the start was on its way.
            return self._refuse(deny(StartRefusal.LOG_IN))
        if outcome.result is Result.NO_SLOT:
            return self._refuse_stream(outcome.in_use, viewer.plan.streams or 0)
        self._counters.starts.labels("started").inc()
        bases = [one.base for one in edges.pathways]
        started = StartedPlayback(
            session, title, viewer, country, bases, asked.max_bitrate, asked.format, drm, _resume(outcome)
        )
        return json_response(start_response(started, self._signing, public_origin(request), self._heartbeat_interval))

    def _new_session(self, content_id: str, title: PlaybackTitle, viewer: Viewer) -> Session:
        now = self._clock.wall()
        return Session(
            session_id=token_urlsafe(16),
            content_id=content_id,
            account_id=viewer.account_id,
            profile_id=viewer.profile_id,
            device_id=viewer.device_id,
            device_name=viewer.device_name,
            tier=eligibility.token_tier(title, viewer.plan.tier),
            plan_tier=viewer.plan.tier,
            started=now,
            expires=now + eligibility.token_lifetime(title, self._signing.ttl),
            seen=now,
            duration=title.duration,
            consent=viewer.consent,
        )

    def _refuse(self, denial: Denial) -> web.Response:
        self._counters.starts.labels(denial.reason.value).inc()
        headers = {"WWW-Authenticate": "Bearer"} if denial.status == 401 else None
        return problem(denial.status, denial.reason.value, denial.detail, headers=headers)

    def _refuse_stream(self, in_use: Sequence[Session], streams: int) -> web.Response:
        reason = StartRefusal.TOO_MANY_STREAMS
        self._counters.starts.labels(reason.value).inc()
        names = ", ".join(one.device_name for one in in_use)
        detail = f"Your plan plays on {streams} screen{'s' if streams != 1 else ''} at once. In use: {names or 'none'}."
        status = eligibility.START_REFUSAL_STATUS[reason]
        return problem(status, reason.value, detail, devices=streams_in_use(in_use))


def _resume(outcome: Outcome) -> float:
    """Where the viewer left off, in seconds; 0 for a film they have watched to its end."""
    found = outcome.left_off
    return 0.0 if found is None or is_finished(found.position, found.duration) else found.position


def read_start(request: web.Request) -> StartRequest:
    """Parse the query of a start. Raises BadRequest naming the parameter."""
    content_id = params.content_id(params.required(request, "contentId"))
    try:
        max_bitrate = eligibility.parse_bitrate(params.text(request, "bitrate"))
    except ValueError as error:
        raise BadRequest(400, "bitrate", f"query parameter `bitrate` {error}") from None
    form = params.text(request, "format") or "hls"
    if form not in FORMATS:
        raise BadRequest(400, "parameter-value", "query parameter `format` must be hls or dash")
    drm = params.text(request, "drm")
    if drm is not None and drm not in tuple(DrmSystem):
        raise BadRequest(400, "parameter-value", f"query parameter `drm` must be one of {', '.join(DrmSystem)}")
    device = params.text(request, "device") or None
    if device is not None and (len(device) > MAX_DEVICE or not device.isprintable()):
        raise BadRequest(
            400, "parameter-value", f"query parameter `device` must be 1 to {MAX_DEVICE} printable characters"
        )
    return StartRequest(content_id, max_bitrate, form, DrmSystem(drm) if drm else None, device)
