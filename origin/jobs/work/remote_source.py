"""The queue for a worker on another host: the origin's HTTP API, with the film and the results as files.

The film is fetched once a job, in ranges, and checked against its SHA-256; results are uploaded by tus with a checksum,
so that both go on after a cut.

    POST /content/work/lease    {worker, host, kinds}            → 200 a lease | 204
    POST /content/work/extend   {token, progress}                → {held}
    POST /content/work/finish   {token, files: {name: upload}}   → {held}
    POST /content/work/fail     {token, failure}                 → {held}
    POST /content/work/release  {token}                          → {held}
    GET  /content/work/film?token=                               → the film, by range; its SHA-256 is the ETag
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import msgspec
import stamina
import structlog

from httpd.bounded_body import read_at_most
from kernel.errors import BadRequest, BadSettings, StorageFailed, UpstreamFailed
from kernel.fetch_reasons import UpstreamReason
from origin.jobs.job_graph import StepKind
from origin.jobs.records import Failure, Lease
from origin.jobs.work.job_folder import JobFolders
from origin.jobs.work.receive import hash_film
from origin.jobs.work.step_outcome import StepOutcome
from origin.uploads.tus_protocol import CHUNK_TYPE, VERSION, format_metadata

log = structlog.get_logger("origin")

WORK = "/content/work"
UPLOADS = "/content/uploads"
TIMEOUT = aiohttp.ClientTimeout(total=None, sock_connect=5, sock_read=60)
CHUNK_BYTES = 16 << 20
ATTEMPTS = 5
MAX_ANSWER = 16 << 20


class WorkCall(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True):
    """The body of every call of a worker; each call uses some of the fields."""

    token: str = ""
    worker: str = ""
    host: str = ""
    kinds: tuple[StepKind, ...] = ()
    progress: float = 0.0
    files: dict[str, str] = {}
    failure: Failure | None = None


@dataclass(frozen=True)
class RemoteSource:
    """A `LeaseSource` over HTTP. `session` sends the API key; `folders` hold films and results of this host."""

    session: aiohttp.ClientSession
    origin: str
    worker: str
    host: str
    kinds: Collection[StepKind]
    folders: JobFolders

    async def prepare(self, lease: Lease) -> None:
        """Fetch the job's film. Films of other jobs make room: a worker runs one step at a time."""
        await asyncio.to_thread(self.folders.delete_others, (lease.job_id,))
        folder = self.folders.of(lease.job_id)
        await asyncio.to_thread(folder.make)
        await self.fetch_film(lease, folder.path / "film")

    async def lease(self) -> Lease | None:
        """The next step."""
        call = WorkCall(worker=self.worker, host=self.host, kinds=tuple(self.kinds))
        status, body = await self._post("lease", call)
        return msgspec.json.decode(body, type=Lease) if status == 200 else None

    async def extend(self, lease: Lease, progress: float) -> bool:
        """A heartbeat."""
        return await self._held("extend", WorkCall(lease.token, progress=progress))

    async def finish(self, lease: Lease, outcome: StepOutcome) -> bool:
        """Deliver the files, then say that the step is done."""
        try:
            delivered = {file.name: await self._deliver(lease, file) for file in outcome.files}
            held = await self._held("finish", WorkCall(lease.token, files=delivered))
        except BadRequest as error:  # the lease is lost, or an upload has gone: the step is leased once more
            log.warning("result-refused", job=lease.job_id, step=lease.step.id, error=str(error))
            return False
        for file in outcome.files:
            await asyncio.to_thread(file.unlink, missing_ok=True)
        return held

    async def fail(self, lease: Lease, failure: Failure) -> bool:
        """The step failed."""
        return await self._held("fail", WorkCall(lease.token, failure=failure))

    async def release(self, lease: Lease) -> None:
        """Give the step back."""
        await self._held("release", WorkCall(lease.token))

    # -- HTTP --------------------------------------------------------------------------------------------------

    async def _held(self, name: str, call: WorkCall) -> bool:
        _, body = await self._post(name, call)
        return bool(msgspec.json.decode(body)["held"])

    async def _post(self, name: str, call: WorkCall) -> tuple[int, bytes]:
        return await self._request(
            "POST", f"{WORK}/{name}", {"Content-Type": "application/json"}, msgspec.json.encode(call)
        )

    async def _request(
        self, method: str, path: str, fields: Mapping[str, str], data: bytes | None = None
    ) -> tuple[int, bytes]:
        with _reaching(self.origin):
            async with self.session.request(
                method, self.origin + path, headers=fields, data=data, allow_redirects=False, timeout=TIMEOUT
            ) as got:
                body = await read_at_most(got.content, MAX_ANSWER)
                _check_status(got.status, body, self.origin)
                return got.status, body

    async def fetch_film(self, lease: Lease, target: Path) -> None:
        """The job's film, in ranges; a part of an earlier attempt is continued, the whole is checked."""
        if await asyncio.to_thread(target.is_file):
            return
        part = target.with_name(f"{target.name}.part")
        async for attempt in stamina.retry_context(on=UpstreamFailed, attempts=ATTEMPTS, timeout=None):
            with attempt, _reaching(self.origin):
                sha256 = await self._fetch_rest(lease, part)
        if await asyncio.to_thread(hash_film, part, lambda _: None) != sha256:
            await asyncio.to_thread(part.unlink)
            raise StorageFailed("the film arrived damaged: its SHA-256 is another")
        part.replace(target)

    async def _fetch_rest(self, lease: Lease, part: Path) -> str:
        have = await asyncio.to_thread(_size_of, part)
        fields = {"Range": f"bytes={have}-"} if have else {}
        url = f"{self.origin}{WORK}/film?token={lease.token}"
        async with self.session.get(url, headers=fields, allow_redirects=False, timeout=TIMEOUT) as got:
            if got.status not in (200, 206, 416):
                _check_status(got.status, await read_at_most(got.content, MAX_ANSWER), self.origin)
                raise _away(f"{self.origin} answered {got.status}")
            if got.status != 416:  # 416: all of it is there
                with await asyncio.to_thread(part.open, "r+b" if got.status == 206 else "wb") as file:
                    file.seek(have if got.status == 206 else 0)
                    async for piece in got.content.iter_chunked(1 << 20):
                        await asyncio.to_thread(file.write, piece)
            return got.headers.get("ETag", "").strip('"')

    async def _deliver(self, lease: Lease, file: Path) -> str:
        """Upload a result in chunks with checksums; returns the upload's id."""
        size = await asyncio.to_thread(_size_of, file)
        url, offset = await self._create_upload(lease, size), 0
        with await asyncio.to_thread(file.open, "rb") as opened:
            while offset < size:
                opened.seek(offset)
                data = await asyncio.to_thread(opened.read, CHUNK_BYTES)
                offset = await self._send_chunk(url, offset, data)
        return url.rpartition("/")[2]

    async def _create_upload(self, lease: Lease, size: int) -> str:
        fields = {"Tus-Resumable": VERSION, "Upload-Length": str(size), "Content-Length": "0"}
        fields["Upload-Metadata"] = format_metadata({"lease": lease.token})
        with _reaching(self.origin):
            async with self.session.post(self.origin + UPLOADS, headers=fields, timeout=TIMEOUT) as got:
                body = await read_at_most(got.content, MAX_ANSWER)
                _check_status(got.status, body, self.origin)
                return f"{UPLOADS}/{got.headers['Location'].rpartition('/')[2]}"

    async def _send_chunk(self, url: str, offset: int, data: bytes) -> int:
        """Send a chunk, again after a cut from where the origin has got to; returns the new offset."""
        checksum = base64.b64encode(hashlib.sha256(data).digest()).decode()
        fields = {
            "Tus-Resumable": VERSION, "Upload-Offset": str(offset), "Content-Type": CHUNK_TYPE,
            "Upload-Checksum": f"sha256 {checksum}",
        }  # fmt: skip
        async for attempt in stamina.retry_context(on=UpstreamFailed, attempts=ATTEMPTS, timeout=None):
            with attempt:
                if attempt.num > 1 and (known := await self._offset(url)) != offset:
                    return known
                await self._request("PATCH", url, fields, data)
        return offset + len(data)

    async def _offset(self, url: str) -> int:
        fields = {"Tus-Resumable": VERSION}
        with _reaching(self.origin):
            async with self.session.head(self.origin + url, headers=fields, timeout=TIMEOUT) as got:
                if got.status != 200:
                    raise _away(f"{self.origin} answered {got.status}")
                return int(got.headers["Upload-Offset"])


@contextmanager
def _reaching(origin: str) -> Iterator[None]:
    """Raise UpstreamFailed where the origin cannot be reached, so that the worker waits for it."""
    try:
        yield
    except (aiohttp.ClientError, TimeoutError) as error:
        raise _away(f"{origin} cannot be reached ({type(error).__name__})") from None


def _size_of(file: Path) -> int:
    return file.stat().st_size if file.exists() else 0


def _check_status(status: int, body: bytes, origin: str) -> None:
    if status < 400:
        return
    detail = _detail(body)
    if status in (401, 403):
        raise BadSettings("api_key_file", f"is refused by {origin}{detail}")
    if status >= 500 or status in (408, 423, 429, 460):
        raise _away(f"{origin} answered {status}{detail}")
    raise BadRequest(500, "origin-answer", f"{origin} answered {status}{detail}")


def _detail(body: bytes) -> str:
    try:
        found: Any = msgspec.json.decode(body)["detail"]
    except (msgspec.DecodeError, UnicodeDecodeError, TypeError, KeyError):
        return ""
    return f": {str(found)[:300]}"


def _away(detail: str) -> UpstreamFailed:
    return UpstreamFailed(UpstreamReason.INGEST_ORIGIN, detail=detail)
