"""What operators ask of the ingest service: take a film in, transcode a title, hand an upload over, say how it is."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from secrets import token_hex
from typing import Annotated, Any

import msgspec

from kernel.clock import Clock
from kernel.errors import BadRequest, Overloaded
from kernel.vocabulary import is_content_id
from origin.ingest.metadata import choose_title, make_content_id, parse_metadata
from origin.ingest.sidecars import named_sidecars
from origin.jobs.job_graph import first_steps
from origin.jobs.job_states import ContentStatus, JobState
from origin.jobs.job_views import JobViews
from origin.jobs.queue import JobQueue
from origin.jobs.records import ContentView, JobRequest, JobView
from origin.jobs.service.request_checks import NO_ENCRYPTION, check_encoding, is_usable_id, name_of, own_path
from origin.uploads.locations import LocationRules, check_location
from origin.uploads.tus_protocol import Creation, TusRefusal
from origin.uploads.upload_rows import Upload, UploadRows
from system.database.database import Database

MAX_TITLE, MAX_PROFILES = 300, 16
PRIORITIES = (-100, 100)
Text = Annotated[str, msgspec.Meta(min_length=1, max_length=MAX_TITLE)]
Location = Annotated[str, msgspec.Meta(min_length=1, max_length=4096)]
Profiles = Annotated[list[Text], msgspec.Meta(max_length=MAX_PROFILES)]
Priority = Annotated[int, msgspec.Meta(ge=PRIORITIES[0], le=PRIORITIES[1])]


class IngestBody(msgspec.Struct, frozen=True, rename="camel"):
    """POST /content/ingest. Without `fileLocation` the film is uploaded by tus, with `contentId` in its metadata."""

    title: Text | None = None
    file_location: Location | None = None
    metadata: dict[str, Any] | None = None
    content_id: Text | None = None
    encoding_profiles: Profiles = []
    encrypt: str = NO_ENCRYPTION
    priority: Priority = 0


class TranscodeBody(msgspec.Struct, frozen=True, rename="camel"):
    """POST /content/transcode."""

    content_id: Text
    encoding_profiles: Profiles = []
    encrypt: str = NO_ENCRYPTION
    priority: Priority = 0


@dataclass(frozen=True, slots=True)
class KeptMaster:
    """A published title that the queue does not know: the SHA-256 of its master in hex ("": none is kept)."""

    title: str
    source: str
    is_withdrawn: bool = False


FindPublished = Callable[[str], Awaitable[KeptMaster | None]]


@dataclass(frozen=True, slots=True)
class IngestParts:
    """What the service is made of; `find_published` looks into the library."""

    database: Database
    queue: JobQueue
    views: JobViews
    uploads: UploadRows
    locations: LocationRules
    clock: Clock
    find_published: FindPublished
    steering: str = ""


class IngestService:
    """The operations. They raise BadRequest with what is wrong and where, and Overloaded while the queue is full."""

    def __init__(self, parts: IngestParts) -> None:
        self._parts = parts

    async def ingest(self, body: IngestBody) -> str:
        """Make a title, and queue its job if its film can be fetched; returns the contentId."""
        metadata = parse_metadata(msgspec.json.encode(body.metadata or {}), "`metadata`")
        title = choose_title(body.title, metadata, Path(name_of(body.file_location or "film")))
        if body.title is None and not metadata.get("title"):
            raise BadRequest(400, "title", "`title` is missing")
        check_encoding(body.encoding_profiles, body.encrypt)
        location = check_location(body.file_location, self._parts.locations) if body.file_location else None
        subtitles = named_sidecars(metadata)
        for one in subtitles:
            check_location(one.location, self._parts.locations)
        content_id = body.content_id or make_content_id(title, token_hex(4))
        if not is_usable_id(content_id):
            raise BadRequest(400, "content-id", f"`contentId`: {content_id[:80]!r} is not a contentId")
        request = JobRequest(
            content_id,
            title=title,
            metadata=metadata,
            location=location or "",
            film_name=name_of(location or ""),
            profiles=tuple(body.encoding_profiles),
            encrypt=body.encrypt,
            steering=self._parts.steering,
            subtitles=subtitles,
            beside=own_path(location),
        )
        if location is None:
            await self._add_title(request)
        else:
            # One transaction makes the title and its job, so that a refused job leaves no title that waits for a film.
            await self._refuse_running(content_id)
            await self._parts.queue.add_job(request, first_steps(), body.priority, self._now())
        return content_id

    async def _add_title(self, request: JobRequest) -> None:
        now = self._now()
        made = ContentView(
            request.content_id, ContentStatus.UPLOADING, None, request.title, request.metadata or {},
            request.location or None, None, request.profiles, None, now, now,
        )  # fmt: skip
        if not await self._parts.views.add_content(made):
            await self._refuse_running(request.content_id)

    async def _refuse_running(self, content_id: str) -> None:
        known = await self._parts.views.content(content_id)
        if known is not None and known.status in (ContentStatus.QUEUED, ContentStatus.TRANSCODING):
            raise BadRequest(409, "ingest-running", f"an ingest of {content_id} is running")

    async def transcode(self, body: TranscodeBody) -> str:
        """Queue a job; returns its id, or that of a job that does the same already."""
        check_encoding(body.encoding_profiles, body.encrypt)
        views, profiles = self._parts.views, tuple(body.encoding_profiles)
        running = await views.active_job(body.content_id)
        # A title's first job starts by itself; a transcode that asks for nothing else means that one.
        if running and (running.request.profiles, running.request.encrypt) == (profiles, body.encrypt):
            return running.job_id
        content = await self.status(body.content_id)
        if content.created == 0.0:  # the library has it, the queue does not
            content = msgspec.structs.replace(content, created=self._now(), changed=self._now())
            await views.add_content(content)
        request = await self._source_of(content, running)
        request = msgspec.structs.replace(request, profiles=profiles, encrypt=body.encrypt, metadata=None, title=None)
        return await self._parts.queue.add_job(request, first_steps(), body.priority, self._now())

    async def _source_of(self, content: ContentView, running: JobView | None) -> JobRequest:
        """Where the film of a title is: as the running job has it, else its kept master, else its location."""
        if running is not None:
            return running.request
        found = JobRequest(
            content.content_id,
            film_name=name_of(content.location or ""),
            steering=self._parts.steering,
            subtitles=named_sidecars(content.metadata),
            beside=own_path(content.location),
        )
        if content.source:
            return msgspec.structs.replace(found, source=content.source)
        if content.location:
            return msgspec.structs.replace(found, location=content.location)
        if content.status is ContentStatus.UPLOADING:
            raise BadRequest(409, "uploading", f"the film of {content.content_id} is not complete here yet")
        raise BadRequest(410, "no-master", f"the film of {content.content_id} is not kept: ingest it again")

    async def status(self, content_id: str) -> ContentView:
        """A title; one that only the library has was `created` at 0. Raises BadRequest (404)."""
        found = await self._parts.views.content(content_id)
        if found is not None:
            return found
        published = await self._parts.find_published(content_id) if is_content_id(content_id) else None
        if published is None:
            raise BadRequest(404, "no-such-title", f"there is no title {content_id[:80]!r}")
        return ContentView(
            content_id, ContentStatus.PUBLISHED, None, published.title, {}, None, published.source or None, (),
            self._now(), 0.0, 0.0,
        )  # fmt: skip

    async def is_withdrawn(self, content_id: str) -> bool:
        """Whether an operator took the title down."""
        published = await self._parts.find_published(content_id)
        return published is not None and published.is_withdrawn

    async def job(self, job_id: str) -> JobView:
        """A job. Raises BadRequest (404)."""
        found = await self._parts.views.job(job_id)
        if found is None:
            raise BadRequest(404, "no-such-job", f"there is no job {job_id[:80]!r}")
        return found

    async def cancel(self, job_id: str) -> JobState:
        """Cancel a job. Raises BadRequest: 404, and 409 once it has ended otherwise."""
        state = await self._parts.queue.cancel(job_id, self._now())
        if state is None:
            raise BadRequest(404, "no-such-job", f"there is no job {job_id[:80]!r}")
        if state is not JobState.CANCELLED:
            raise BadRequest(409, "job-ended", f"the job has ended: {state}")
        return state

    async def retry(self, job_id: str) -> JobState:
        """Queue a failed or cancelled job again. Raises BadRequest (404, 409)."""
        state = await self._parts.queue.retry(job_id, self._now())
        if state is None:
            raise BadRequest(404, "no-such-job", f"there is no job {job_id[:80]!r}")
        if state is not JobState.QUEUED:
            raise BadRequest(
                409, "job-not-failed", f"the job is {state}: only a failed or cancelled one can be retried"
            )
        return state

    # -- uploads -----------------------------------------------------------------------------------------------

    async def name_upload(self, creation: Creation) -> tuple[str, str]:
        """(upload id, contentId) of a new upload of a film; makes the title. Raises TusRefusal."""
        try:
            # Before the first byte, so that no film is uploaded for a full queue.
            await self._parts.queue.check_capacity()
        except Overloaded as error:
            raise TusRefusal(503, error.reason, str(error), Retry_After=str(error.retry_after)) from None
        given = creation.metadata.get("contentId")
        name = creation.metadata.get("title") or name_of(creation.metadata.get("filename", "film"))
        title = choose_title(creation.metadata.get("title"), {}, Path(name))
        content_id = given or make_content_id(title, token_hex(4))
        if not is_usable_id(content_id):
            raise TusRefusal(400, "content-id", "Upload-Metadata: contentId is not a contentId")
        known = await self._parts.views.content(content_id)
        if known is None:
            await self._add_title(JobRequest(content_id, title=title))
        elif known.status in (ContentStatus.QUEUED, ContentStatus.TRANSCODING):
            raise TusRefusal(409, "ingest-running", f"an ingest of {content_id} is running")
        taken = await self._parts.uploads.find(content_id) is not None
        return (f"{content_id}.{token_hex(4)}" if taken else content_id), content_id

    async def start_uploaded(self, upload: Upload) -> None:
        """Queue the job of a complete upload: once, in the transaction that marks the upload. Raises Overloaded."""
        now, parts = self._now(), self._parts
        content = await parts.views.content(upload.content_id or "")
        async with parts.database.write() as connection:
            first = await parts.uploads.finish_within(connection, upload.upload_id, now)
            if not first or content is None:
                return
            request = JobRequest(
                content.content_id,
                title=content.title,
                metadata=content.metadata,
                upload_id=upload.upload_id,
                film_name=name_of(upload.metadata.get("filename", "")),
                profiles=content.profiles,
                steering=parts.steering,
                subtitles=named_sidecars(content.metadata),
            )
            await parts.queue.add_job_within(connection, request, first_steps(), 0, now)

    async def end_upload(self, upload: Upload) -> None:
        """An upload was terminated or has expired: its job is cancelled, or its title without film has failed."""
        if upload.content_id is None:
            return
        job = await self._parts.views.active_job(upload.content_id)
        if job is not None and job.request.upload_id == upload.upload_id:
            await self._parts.queue.cancel(job.job_id, self._now())
        elif job is None:
            await self._parts.queue.end_upload(
                upload.content_id, "The upload was ended before it was complete.", self._now()
            )

    def _now(self) -> float:
        return self._parts.clock.wall()
