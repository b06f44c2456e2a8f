"""`/content/*` for operators: ingest, transcode, titles, jobs, alerts, workers."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any, TypeVar

import msgspec
from aiohttp import web

from httpd.bounded_body import read_at_most
from kernel.clock import Clock
from kernel.documents import BadDocument, load_json
from kernel.errors import BadRequest
from origin.encode.source import DROP_SENTENCES, Dropped
from origin.jobs.job_progress import job_progress
from origin.jobs.job_states import ContentStatus, JobState
from origin.jobs.job_views import JobViews
from origin.jobs.records import JobView
from origin.jobs.service.api_door import ApiDoor
from origin.jobs.service.ingest_service import IngestBody, IngestService, TranscodeBody
from origin.jobs.service.job_events import JobEvents
from origin.jobs.service.withdrawals import Withdrawals
from system.clock import utc_timestamp

MAX_BODY_BYTES = 64 << 10
MAX_PAGE = 200
WORKER_SECONDS = 120.0
"""A worker that has not asked for work for so long is not listed."""
WITHDRAWN = "WITHDRAWN"
"""The status of a title that an operator took down; the queue does not know of it, the library does."""
T = TypeVar("T", bound=msgspec.Struct)


class ContentRoutes:
    """The handlers."""

    def __init__(
        self, service: IngestService, views: JobViews, events: JobEvents, withdrawals: Withdrawals, clock: Clock
    ) -> None:
        self._service = service
        self._views = views
        self._events = events
        self._withdrawals = withdrawals
        self._clock = clock

    def add_to(self, app: web.Application, door: ApiDoor) -> None:
        """Add the routes behind the door."""
        for method, path, handler in (
            ("POST", "/content/ingest", self.ingest),
            ("POST", "/content/transcode", self.transcode),
            ("GET", "/content/jobs", self.list_jobs),
            ("GET", "/content/jobs/{job}", self.show_job),
            ("DELETE", "/content/jobs/{job}", self.cancel_job),
            ("POST", "/content/jobs/{job}/retry", self.retry_job),
            ("GET", "/content/jobs/{job}/events", self._events.stream),
            ("GET", "/content/alerts", self.list_alerts),
            ("GET", "/content/workers", self.list_workers),
            ("GET", "/content/{content}", self.show_title),
            ("DELETE", "/content/{content}", self.withdraw),
            ("POST", "/content/{content}/restore", self.restore),
        ):
            app.router.add_route(method, path, door.wrap(handler))

    async def ingest(self, request: web.Request) -> web.Response:
        """`POST /content/ingest`."""
        body = await read_body(request, IngestBody)
        content_id = await self._service.ingest(body)
        shown: dict[str, Any] = {"contentId": content_id, "status": "UPLOADING"}
        if body.file_location is None:
            shown["uploads"] = "/content/uploads"
        return _json(shown, 201)

    async def transcode(self, request: web.Request) -> web.Response:
        """`POST /content/transcode`."""
        job_id = await self._service.transcode(await read_body(request, TranscodeBody))
        return _json({"jobId": job_id, "status": "TRANSCODING"}, 202)

    async def show_title(self, request: web.Request) -> web.Response:
        """`GET /content/{contentId}`."""
        found = await self._service.status(request.match_info["content"])
        shown: dict[str, Any] = {"contentId": found.content_id, "status": found.status, "title": found.title}
        if found.reason is not None:
            shown["reason"] = found.reason
        if found.status is ContentStatus.PUBLISHED and await self._service.is_withdrawn(found.content_id):
            shown["status"] = WITHDRAWN
        dropped = await self._views.latest_dropped(found.content_id)
        shown |= {"warnings": warnings_of(dropped)} if dropped else {}
        job = await self._views.active_job(found.content_id)
        if job is not None:
            shown |= {"jobId": job.job_id, "progress": round(self._progress(job).share, 4)}
        return _json(shown)

    async def withdraw(self, request: web.Request) -> web.Response:
        """`DELETE /content/{contentId}`."""
        content_id = request.match_info["content"]
        purged = await self._withdrawals.withdraw(content_id)
        return _json({"contentId": content_id, "status": WITHDRAWN, "purged": purged})

    async def restore(self, request: web.Request) -> web.Response:
        """`POST /content/{contentId}/restore`."""
        content_id = request.match_info["content"]
        purged = await self._withdrawals.restore(content_id)
        return _json({"contentId": content_id, "status": ContentStatus.PUBLISHED, "purged": purged})

    async def show_job(self, request: web.Request) -> web.Response:
        """`GET /content/jobs/{jobId}`."""
        job = await self._service.job(request.match_info["job"])
        return _json(job_fields(job, self._clock.wall(), steps=request.query.get("steps") == "1"))

    async def cancel_job(self, request: web.Request) -> web.Response:
        """`DELETE /content/jobs/{jobId}`."""
        job_id = request.match_info["job"]
        return _json({"jobId": job_id, "status": await self._service.cancel(job_id)})

    async def retry_job(self, request: web.Request) -> web.Response:
        """`POST /content/jobs/{jobId}/retry`."""
        job_id = request.match_info["job"]
        return _json({"jobId": job_id, "status": await self._service.retry(job_id)}, 202)

    async def list_jobs(self, request: web.Request) -> web.Response:
        """`GET /content/jobs`: the latest first."""
        limit = _whole(request, "limit", 50, MAX_PAGE)
        before = _whole(request, "cursor", 0, 1 << 53) or None
        jobs = await self._views.list_jobs(_states(request.query.get("status", "")), limit, before)
        now = self._clock.wall()
        shown: dict[str, Any] = {"items": [job_fields(job, now) for job in jobs]}
        shown["nextCursor"] = str(jobs[-1].number) if len(jobs) == limit else None
        return _json(shown)

    async def list_alerts(self, request: web.Request) -> web.Response:
        """`GET /content/alerts`: after a cursor, the oldest first."""
        found = await self._views.list_alerts(
            _whole(request, "cursor", 0, 1 << 53), _whole(request, "limit", 50, MAX_PAGE)
        )
        items = [msgspec.to_builtins(one) | {"at": utc_timestamp(one.at)} for one in found]
        return _json({"items": items, "nextCursor": str(found[-1].number) if found else None})

    async def list_workers(self, _: web.Request) -> web.Response:
        """`GET /content/workers`: those seen lately."""
        found = await self._views.list_workers(self._clock.wall() - WORKER_SECONDS)
        return _json({"items": [msgspec.to_builtins(one) | {"seen": utc_timestamp(one.seen)} for one in found]})

    def _progress(self, job: JobView) -> Any:
        return job_progress(job.state, job.steps, job.started, self._clock.wall())


def job_fields(job: JobView, now: float, *, steps: bool = False) -> dict[str, Any]:
    """A job as the API shows it."""
    found = job_progress(job.state, job.steps, job.started, now)
    shown: dict[str, Any] = {
        "jobId": job.job_id,
        "contentId": job.content_id,
        "status": job.state,
        "progress": round(found.share, 4),
        "step": found.step,
        "created": utc_timestamp(job.created),
    }
    shown |= {"etaSeconds": round(found.eta, 1)} if found.eta is not None else {}
    shown |= {"reason": job.detail or job.reason, "reasonWord": job.reason} if job.reason is not None else {}
    shown |= {"finished": utc_timestamp(job.finished)} if job.finished is not None else {}
    shown |= {"warnings": warnings_of(job.dropped)} if job.dropped else {}
    if steps:
        shown["steps"] = msgspec.to_builtins(job.steps)
    return shown


def warnings_of(dropped: Iterable[Dropped]) -> list[dict[str, str]]:
    """What of the film is not in the title: the track, the reason's word and its sentence."""
    return [{"track": one.what, "reason": one.reason, "detail": DROP_SENTENCES[one.reason]} for one in dropped]


async def read_body(request: web.Request, kind: type[T]) -> T:
    """The JSON body as a struct; unknown fields are ignored. Raises BadRequest (400, 413)."""
    try:
        data = await read_at_most(request.content, MAX_BODY_BYTES + 1)
        if len(data) > MAX_BODY_BYTES:
            raise BadRequest(413, "body-too-large", f"the body is larger than {MAX_BODY_BYTES} bytes")
        load_json(data, frozenset(field.encode_name for field in msgspec.structs.fields(kind)))
        return msgspec.json.decode(data, type=kind)
    except BadDocument as error:
        where = f"field `{error.path}`: {error.why}" if error.path else f"the body {error.why}"
        raise BadRequest(400, "body-field" if error.path else "body-json", where) from None
    except msgspec.ValidationError as error:
        why, _, place = str(error).partition(" - at `$.")
        detail = f"field `{place.rstrip('`')}`: {why}" if place else f"the body: {why}"
        raise BadRequest(400, "body-field", detail) from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise BadRequest(400, "body-json", f"the body is not valid JSON: {error}") from None


def _states(text: str) -> list[JobState]:
    try:
        return [JobState(word) for word in text.split(",") if word]
    except ValueError:
        known = ", ".join(JobState)
        raise BadRequest(400, "status", f"query parameter `status` must name states out of {known}") from None


def _whole(request: web.Request, name: str, default: int, most: int) -> int:
    text = request.query.get(name)
    if text is None:
        return default
    if not re.fullmatch(r"\d{1,16}", text, re.ASCII) or int(text) > most:
        raise BadRequest(400, "parameter", f"query parameter `{name}` must be a whole number up to {most}")
    return int(text)


def _json(value: Any, status: int = 200) -> web.Response:
    headers = {"Cache-Control": "no-store"}
    return web.Response(
        body=msgspec.json.encode(value), status=status, content_type="application/json", headers=headers
    )
