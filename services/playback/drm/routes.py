"""HTTP routes of licences: Clear Key by our own keys; Widevine, PlayReady and FairPlay by their vendors.

The session is named by the query parameter `session` of the licence URL, or the header `X-Matinee-Session`: its id is
the secret that players hold, so it is in no path, which logs would show.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from aiohttp import web

from httpd.openapi import Parameter
from httpd.problem import problem
from httpd.rate_limiter import RateLimiter
from kernel.clock import Clock
from kernel.errors import BadRequest
from kernel.media.content_keys import KeyLabel, is_entitled
from services.counters import Counters
from services.http import params
from services.http.route import Access, Route
from services.playback.drm.clear_key import LICENCE_SCHEMA, REQUEST_SCHEMA, read_key_ids, write_licence
from services.playback.drm.entitlement import CommunicationKey, make_entitlement
from services.playback.drm.key_store import KeyStore
from services.playback.drm.licences import CLEAR_KEY, SESSION_PARAMETER
from services.playback.drm.sessions import Sessions, require_session
from services.playback.drm.vendor import KeySystem, Licence, VendorClient
from services.playback.sessions.session import EntitledSession

SESSION_HEADER = "X-Matinee-Session"
MAX_SESSION_ID = 128
LICENCES_PER_SESSION = (0.5, 60.0)
"""A second in the long run, and at once: a start asks for a few, a device that repeats itself for more."""
RETRY_AFTER = "5"
TROUBLE = "We're having trouble playing this right now. Try again in a moment."
PLAN = "Your plan does not include this quality."


@dataclass(frozen=True)
class Vendors:
    """The vendors' clients by key system, the secret shared with them, and FairPlay's application certificate."""

    clients: Mapping[KeySystem, VendorClient]
    communication: CommunicationKey | None = None
    certificate: bytes | None = None


class LicenceRoutes:
    """POST /drm/clearkey, /drm/widevine, /drm/playready, /drm/fairplay; GET /drm/fairplay."""

    def __init__(
        self,
        store: KeyStore,
        sessions: Sessions,
        vendors: Vendors,
        clock: Clock,
        counters: Counters,
    ) -> None:
        self._store = store
        self._sessions = sessions
        self._vendors = vendors
        self._limiter = RateLimiter(*LICENCES_PER_SESSION)
        self._clock = clock
        self._counters = counters

    def routes(self) -> tuple[Route, ...]:
        """The licences' route table."""
        session = (Parameter(SESSION_PARAMETER, f"The session's id; or the header {SESSION_HEADER}."),)
        certificate = Route(
            "GET", "/drm/fairplay", self.get_certificate, Access.ANYBODY, "FairPlay's application certificate",
            errors=(404,),
        )  # fmt: skip
        clear_key = Route(
            "POST", "/drm/clearkey", self.clear_key_licence, Access.ANYBODY,
            "A Clear Key licence (W3C EME): those of the keys that the session may have", session,
            body=REQUEST_SCHEMA, response=LICENCE_SCHEMA, errors=(403, 404, 410, 429, 503), content_types=None,
        )  # fmt: skip
        return (clear_key, certificate, *(self._vendor_route(system, session) for system in KeySystem))

    def _vendor_route(self, system: KeySystem, session: Sequence[Parameter]) -> Route:
        handler: Callable[[web.Request], Awaitable[web.Response]] = partial(self.vendor_licence, system=system)
        return Route(
            "POST", f"/drm/{system}", handler, Access.ANYBODY,
            f"A {system} licence: the device's challenge, passed on to the vendor byte for byte", tuple(session),
            errors=(400, 403, 404, 410, 413, 429, 503), content_types=None,
        )  # fmt: skip

    async def clear_key_licence(self, request: web.Request) -> web.Response:
        """The keys that were asked for and that the session may have; 403 if it may have none of them."""
        session = await self._session(request)
        asked = read_key_ids(await _body(request))
        found = await self._store.find(session.content_id, asked)
        allowed = [key for key in found if is_entitled(session.tier, key.label)]
        if not allowed:
            self._counters.licences.labels(CLEAR_KEY, "refused").inc()
            if found:
                raise BadRequest(403, "plan", PLAN)
            raise BadRequest(404, "key-unknown", "This film's keys are not those of this session: start it again.")
        self._counters.licences.labels(CLEAR_KEY, "licence").inc()
        return _response(write_licence(allowed), "application/json")

    async def vendor_licence(self, request: web.Request, system: KeySystem) -> web.Response:
        """The vendor's licence for the device's challenge."""
        client = self._vendors.clients.get(system)
        if client is None:
            raise BadRequest(404, "drm-not-offered", "This title cannot be unlocked on this device.")
        session = await self._session(request)
        challenge = await _body(request)
        if not challenge:
            raise BadRequest(400, "challenge", "the body must be the device's licence challenge")
        answer = await client.request_licence(challenge, await self._entitlement(session))
        if isinstance(answer, Licence):
            return _response(answer.body, answer.content_type)
        if answer is not None:
            return problem(403, "licence-refused", "This title cannot be unlocked on this device.")
        return problem(503, "licence-server", TROUBLE, headers={"Retry-After": RETRY_AFTER})

    async def get_certificate(self, _: web.Request) -> web.Response:
        """FairPlay's application certificate, which is public."""
        if self._vendors.certificate is None:
            raise BadRequest(404, "drm-not-offered", "This title cannot be unlocked on this device.")
        response = _response(self._vendors.certificate, "application/octet-stream")
        response.headers["Cache-Control"] = "public, max-age=3600"
        return response

    async def _session(self, request: web.Request) -> EntitledSession:
        named = params.text(request, SESSION_PARAMETER) or request.headers.get(SESSION_HEADER) or ""
        session_id = named[:MAX_SESSION_ID]
        session = await require_session(self._sessions, session_id, self._clock.wall())
        if self._limiter.seconds_to_wait(session_id, self._clock.mono()):
            raise BadRequest(429, "too-many-licences", TROUBLE)
        return session

    async def _entitlement(self, session: EntitledSession) -> str | None:
        """The token for all keys of the title that the session may have; None without a secret of the vendor's."""
        communication = self._vendors.communication
        if communication is None:
            return None
        labels = [label for label in KeyLabel if is_entitled(session.tier, label)]
        keys = await self._store.list_keys(session.content_id, labels)
        if not keys:
            raise BadRequest(404, "key-unknown", "This film is not protected, or its keys are not here.")
        return make_entitlement(keys, communication, self._clock.wall(), session.expires)


async def _body(request: web.Request) -> bytes:
    try:
        return await request.read()
    except web.HTTPRequestEntityTooLarge:
        raise BadRequest(413, "body-too-large", f"the body is larger than {params.MAX_BODY_BYTES} bytes") from None


def _response(body: bytes, content_type: str) -> web.Response:
    response = web.Response(body=body, content_type=content_type)
    response.headers["Cache-Control"] = "no-store"
    return response
