"""The key server for packagers: `POST /drm/speke/v2.0/copyProtection`, SPEKE v2. API key only."""

from __future__ import annotations

import structlog
from aiohttp import web

from kernel.clock import Clock
from kernel.errors import BadRequest
from kernel.media.cpix import CONTENT_TYPE, MAX_DOCUMENT_BYTES, SPEKE_VERSION, read_request, write_response
from services.http.route import Access, Route
from services.playback.drm.key_store import KeyStore

log = structlog.get_logger()

PATH = "/drm/speke/v2.0/copyProtection"
_VERSION_HEADER = "X-Speke-Version"


class KeyServerRoutes:
    """The route of the key server."""

    def __init__(self, store: KeyStore, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    def routes(self) -> tuple[Route, ...]:
        """The key server's route table."""
        return (
            Route(
                "POST", PATH, self.get_keys, Access.OPERATOR,
                "Content keys of a publication, in CPIX 2.3 (application/xml), for a packager",
                errors=(400, 409, 413, 415, 422), content_types=frozenset((CONTENT_TYPE,)),
                # OpenAPI cannot say what a CPIX document is: SPEKE v2 does, and docs/drm.md.
                hidden=True,
            ),
        )  # fmt: skip

    async def get_keys(self, request: web.Request) -> web.Response:
        """The keys of each label, made at the first request; a repeated request gets the same document."""
        version = request.headers.get(_VERSION_HEADER)
        if version != SPEKE_VERSION:
            raise BadRequest(400, "speke-version", f"the header {_VERSION_HEADER} must be {SPEKE_VERSION}")
        try:
            data = await request.read()
        except web.HTTPRequestEntityTooLarge:
            size = MAX_DOCUMENT_BYTES >> 10
            raise BadRequest(413, "body-too-large", f"the document is larger than {size} KiB") from None
        try:
            wanted = read_request(data)
        except ValueError as error:
            raise BadRequest(422, "cpix", f"the CPIX document cannot be answered: {error}") from None
        keys = await self._store.get_or_create(wanted.content, wanted.key_ids, self._clock.wall())
        # Log who has which key: ids only.
        log.info("content-keys-sent", content=str(wanted.content), key_ids=[key.key_id for key in keys])
        response = web.Response(body=write_response(wanted, keys), content_type=CONTENT_TYPE)
        response.headers[_VERSION_HEADER] = SPEKE_VERSION
        response.headers["X-Speke-User-Agent"] = "matinee"
        response.headers["Cache-Control"] = "no-store"
        return response
