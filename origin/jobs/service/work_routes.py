"""`/content/work/*`: what workers on other hosts call; `origin.jobs.work.remote_source` is their side."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from secrets import token_hex

import msgspec
from aiohttp import web

from kernel.clock import Clock
from kernel.errors import BadRequest, StorageFailed
from kernel.http.ranges import Unsatisfiable, parse_range
from origin.encode.plan import EncodePlan
from origin.jobs.job_graph import REMOTE_KINDS
from origin.jobs.job_views import JobViews
from origin.jobs.queue import JobQueue
from origin.jobs.service.api_door import ApiDoor
from origin.jobs.service.content_routes import read_body
from origin.jobs.work.encode_steps import files_of
from origin.jobs.work.job_folder import JobFolder, JobFolders
from origin.jobs.work.remote_source import WORK, WorkCall
from origin.uploads.spool import Spool
from origin.uploads.tus_protocol import TusRefusal
from origin.uploads.upload_rows import Upload, UploadRows
from system.durable_files import sync_path

PIECE_BYTES = 1 << 20
MAX_NAME = 100


@dataclass(frozen=True, slots=True)
class WorkParts:
    """What the routes use."""

    queue: JobQueue
    views: JobViews
    uploads: UploadRows
    spool: Spool
    folders: JobFolders
    clock: Clock


class WorkRoutes:
    """The handlers."""

    def __init__(self, parts: WorkParts) -> None:
        self._parts = parts

    def add_to(self, app: web.Application, door: ApiDoor) -> None:
        """Add the routes behind the door."""
        calls: dict[str, Callable[[WorkCall], Awaitable[bool]]] = {
            "extend": self._extend, "finish": self._finish, "fail": self._fail, "release": self._release,
        }  # fmt: skip
        app.router.add_post(f"{WORK}/lease", door.wrap(self.lease))
        app.router.add_get(f"{WORK}/film", door.wrap(self.send_film))
        for name, call in calls.items():
            app.router.add_post(f"{WORK}/{name}", door.wrap(_answer_held(call)))

    async def lease(self, request: web.Request) -> web.Response:
        """Lease a step of the kinds that need no folder of this host."""
        call = await read_body(request, WorkCall)
        if not 0 < len(call.worker) <= MAX_NAME or not 0 < len(call.host) <= MAX_NAME:
            raise BadRequest(400, "worker", f"`worker` and `host` must be 1 to {MAX_NAME} letters")
        kinds = REMOTE_KINDS & set(call.kinds) if call.kinds else REMOTE_KINDS
        lease = await self._parts.queue.lease(call.worker, call.host, kinds, self._parts.clock.wall())
        if lease is None:
            return web.Response(status=204)
        return web.Response(body=msgspec.json.encode(lease), content_type="application/json")

    async def _extend(self, call: WorkCall) -> bool:
        return await self._parts.queue.extend(call.token, call.progress, self._parts.clock.wall())

    async def _release(self, call: WorkCall) -> bool:
        return await self._parts.queue.release(call.token, self._parts.clock.wall())

    async def _fail(self, call: WorkCall) -> bool:
        if call.failure is None:
            raise BadRequest(400, "failure", "`failure` is missing")
        return await self._parts.queue.fail(call.token, call.failure, self._parts.clock.wall())

    async def _finish(self, call: WorkCall) -> bool:
        """Take over the files, which are complete uploads with checksums, then end the step."""
        held = await self._parts.views.held_step(call.token)
        if held is None:
            return False
        job_id, step, plan = held
        wanted = files_of(msgspec.json.decode(plan, type=EncodePlan), step)
        if set(call.files) != set(wanted):
            raise BadRequest(400, "files", f"the step {step.id} delivers {', '.join(wanted)}")
        uploads = [await self._complete_upload(name, call, job_id) for name in wanted]
        folder = self._parts.folders.of(job_id)
        for name, upload in zip(wanted, uploads, strict=True):
            await asyncio.to_thread(_move, self._parts.spool.path(upload.upload_id), folder, name)
        finished = await self._parts.queue.finish(call.token, self._parts.clock.wall())
        for upload in uploads:
            await self._parts.uploads.delete(upload.upload_id)
        return finished

    async def _complete_upload(self, name: str, call: WorkCall, job_id: str) -> Upload:
        upload = await self._parts.uploads.find(call.files[name])
        if upload is None or upload.job_id != job_id or not upload.is_complete:
            raise BadRequest(409, "files", f"the upload of {name[:80]} is not complete")
        return upload

    async def name_upload(self, token: str) -> tuple[str, str]:
        """(upload id, job) of a result. Raises TusRefusal (409) unless the lease is held."""
        held = await self._parts.views.held_step(token)
        if held is None:
            raise TusRefusal(409, "lease", "the lease is lost")
        return f"result-{token_hex(12)}", held[0]

    async def send_film(self, request: web.Request) -> web.StreamResponse:
        """The film of a leased step, by range."""
        held = await self._parts.views.held_step(request.query.get("token", ""))
        if held is None:
            raise BadRequest(409, "lease", "the lease is lost")
        note = await asyncio.to_thread(self._parts.folders.of(held[0]).film)
        headers = {"ETag": f'"{note.sha256}"', "Accept-Ranges": "bytes", "Cache-Control": "no-store"}
        asked = (
            parse_range(request.headers.get("Range", "").encode(), note.size) if "Range" in request.headers else None
        )
        if isinstance(asked, Unsatisfiable):
            return web.Response(status=416, headers=headers | {"Content-Range": f"bytes */{note.size}"})
        first, stop = asked[0] if asked else (0, note.size)
        if asked:
            headers["Content-Range"] = f"bytes {first}-{stop - 1}/{note.size}"
        response = web.StreamResponse(status=206 if asked else 200, headers=headers)
        response.content_length = stop - first
        await response.prepare(request)
        await _send(response, Path(note.path), first, stop)
        await response.write_eof()
        return response


def _answer_held(call: Callable[[WorkCall], Awaitable[bool]]) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    async def handle(request: web.Request) -> web.StreamResponse:
        held = await call(await read_body(request, WorkCall))
        return web.json_response({"held": held})

    return handle


async def _send(response: web.StreamResponse, path: Path, first: int, stop: int) -> None:
    try:
        with await asyncio.to_thread(path.open, "rb") as file:
            file.seek(first)
            while first < stop:
                piece = await asyncio.to_thread(file.read, min(PIECE_BYTES, stop - first))
                if not piece:
                    raise StorageFailed("the film is shorter than when it was received")
                await response.write(piece)
                first += len(piece)
    except OSError as error:
        if isinstance(error, ConnectionError):
            raise
        raise StorageFailed(f"the film cannot be read: {error.strerror or error}") from None


def _move(source: Path, folder: JobFolder, name: str) -> None:
    """Put a delivered file in its place, whole or not at all. A repeated call finds it there."""
    target = folder.encoded / name
    try:
        if not source.exists() and target.exists():
            return
        try:
            source.replace(target)
        except OSError:  # another file system
            part = target.with_name(f".{target.name}.part")
            shutil.copyfile(source, part)
            part.replace(target)
            source.unlink()
        sync_path(folder.encoded)
    except OSError as error:
        raise StorageFailed(f"{name} cannot be put in its place: {error.strerror or error}") from None
