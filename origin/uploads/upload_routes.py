"""tus over HTTP: `/content/uploads` and `/content/uploads/{upload}`."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable

from aiohttp import web

from httpd.problem import problem
from origin.uploads.tus_protocol import (
    METHODS,
    VERSION,
    Creation,
    TusRefusal,
    check_version,
    effective_method,
    expiry_fields,
    format_metadata,
    option_fields,
    read_chunk,
    read_creation,
    state_fields,
)
from origin.uploads.upload_rows import Upload
from origin.uploads.upload_service import UploadService

UPLOADS = "/content/uploads"
PIECE_BYTES = 256 << 10

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

Purpose = Callable[[Creation], Awaitable[tuple[str, str | None, str | None]]]
"""From a creation the new upload's id, the title it is for, or the job that it is a result of. Raises TusRefusal."""


class RequestBody:
    """The body of a request, as the upload service reads it."""

    def __init__(self, request: web.Request) -> None:
        self._content = request.content
        self._reading: asyncio.Timeout | None = None
        self._broken_off = False

    async def pieces(self) -> AsyncIterator[bytes]:
        """The bytes as they come. Raises TusRefusal (423) once it is broken off."""
        while not self._broken_off:
            try:
                async with asyncio.timeout(None) as self._reading:
                    piece = await self._content.read(PIECE_BYTES)
            except TimeoutError:
                break
            finally:
                self._reading = None
            if not piece:
                return
            yield piece
        raise TusRefusal(423, "upload-superseded", "a newer request of this upload has come")

    def break_off(self) -> None:
        """Wake the reading, which ends."""
        self._broken_off = True
        if self._reading is not None:
            self._reading.reschedule(asyncio.get_running_loop().time())


async def name_version(request: web.Request, response: web.StreamResponse) -> None:
    """Every response of an upload names the version of tus, also one that another layer made (tus 1.0, Headers)."""
    if request.path.startswith(UPLOADS):
        response.headers.setdefault("Tus-Resumable", VERSION)


class UploadRoutes:
    """The handlers. `purpose` decides what a new upload is for."""

    def __init__(self, service: UploadService, purpose: Purpose) -> None:
        self._service = service
        self._purpose = purpose

    def add_to(self, app: web.Application, wrap: Callable[[Handler], Handler]) -> None:
        """Add the routes; `wrap` puts a handler behind the API's door."""
        app.on_response_prepare.append(name_version)
        app.router.add_route("*", UPLOADS, wrap(self.serve_collection))
        app.router.add_route("*", UPLOADS + "/{upload}", wrap(self.serve_upload))

    async def serve_collection(self, request: web.Request) -> web.StreamResponse:
        """OPTIONS and POST."""
        return await self._answer(request, {"POST": self._create})

    async def serve_upload(self, request: web.Request) -> web.StreamResponse:
        """OPTIONS, HEAD, PATCH and DELETE."""
        return await self._answer(request, {"HEAD": self._show, "PATCH": self._append, "DELETE": self._terminate})

    async def _answer(
        self, request: web.Request, handlers: dict[str, Callable[[web.Request], Awaitable[web.Response]]]
    ) -> web.StreamResponse:
        method = effective_method(request.method, request.headers.get("X-HTTP-Method-Override"))
        if method == "OPTIONS":
            allowed = {"Allow": ", ".join(["OPTIONS", *handlers])}
            return web.Response(status=204, headers=option_fields(self._service.limits.max_size) | allowed)
        try:
            if method not in handlers:
                allow = ", ".join(["OPTIONS", *handlers])
                detail = f"{method[:20]} is not answered here" if method in METHODS else "unknown method"
                raise TusRefusal(405, "method", detail, Allow=allow)
            check_version(request.headers.get("Tus-Resumable"))
            response = await handlers[method](request)
        except TusRefusal as refusal:
            response = problem(refusal.status, refusal.reason, refusal.detail, refusal.fields)
            if not request.content.at_eof():
                response.force_close()  # the rest of an unwanted body may be gigabytes
            return response
        response.headers.setdefault("Cache-Control", "no-store")
        return response

    async def _create(self, request: web.Request) -> web.Response:
        has_body = request.can_read_body and request.headers.get("Content-Length") != "0"
        creation = read_creation(request.headers, self._service.limits.max_size, has_body=has_body)
        length = request.content_length
        if has_body and creation.length is not None and length is not None and length > creation.length:
            raise TusRefusal(413, "upload-size", f"{length} bytes are more than the upload's {creation.length}")
        upload_id, content_id, job_id = await self._purpose(creation)
        made = await self._service.create(upload_id, creation, content_id=content_id, job_id=job_id)
        fields = {"Location": f"{UPLOADS}/{upload_id}"} | ({"X-Content-Id": content_id} if content_id else {})
        if has_body:
            made = await self._service.append_first(made, creation.checksum, RequestBody(request))
            fields["Upload-Offset"] = str(made.received)
        shown = {"contentId": content_id, "status": "UPLOADING", "uploadUrl": f"{UPLOADS}/{upload_id}"}
        fields |= expiry_fields(_expiry(made))
        return web.json_response(shown, status=201, headers=fields)

    async def _show(self, request: web.Request) -> web.Response:
        found = await self._service.look_up(request.match_info["upload"])
        fields = state_fields(found.received, found.length, _expiry(found))
        if found.metadata:
            fields["Upload-Metadata"] = format_metadata(found.metadata)
        return web.Response(
            status=200, headers=fields | ({"X-Content-Id": found.content_id} if found.content_id else {})
        )

    async def _append(self, request: web.Request) -> web.Response:
        chunk = read_chunk(request.headers, self._service.limits.max_size)
        upload_id = request.match_info["upload"]
        done = await self._service.append(upload_id, chunk, request.content_length, RequestBody(request))
        return web.Response(status=204, headers={"Upload-Offset": str(done.received)} | expiry_fields(_expiry(done)))

    async def _terminate(self, request: web.Request) -> web.Response:
        await self._service.terminate(request.match_info["upload"])
        return web.Response(status=204)


def _expiry(upload: Upload) -> float | None:
    return None if upload.is_complete else upload.expires
