"""What the queue stores and gives out: the request of a job, a lease of a step, and views for the API."""

from __future__ import annotations

from typing import Any

import msgspec

from origin.encode.source import Dropped
from origin.ingest.sidecars import Sidecar
from origin.jobs.job_graph import Step
from origin.jobs.job_states import ContentStatus, JobState, StepState
from origin.jobs.retry_policy import FailureReason


class JobRequest(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True):
    """What a job is to make of a title: where the film is, and how to encode and package it.

    One of `upload_id`, `location` and `source` (a kept master's SHA-256 in hex) says where the film is; `film_name` is
    the file's own name. `metadata` None keeps what is published. `profiles` are names of encoding profiles; `options`
    are fields of the profile that replace its own.
    """

    content_id: str
    title: str | None = None
    metadata: dict[str, Any] | None = None
    upload_id: str = ""
    location: str = ""
    source: str = ""
    film_name: str = ""
    profiles: tuple[str, ...] = ()
    options: dict[str, Any] = {}
    encrypt: str = "none"
    steering: str = ""
    subtitles: tuple[Sidecar, ...] = ()
    """Subtitle files that come with the film."""
    beside: str = ""
    """The film's own path on the origin's host: subtitle files beside it that bear its name come with it too."""


class Lease(msgspec.Struct, frozen=True, rename="camel"):
    """A step that a worker holds: `token` proves it; `until` in Unix seconds, `seconds` from the last heartbeat on."""

    job_id: str
    step: Step
    token: str
    until: float
    seconds: float
    attempt: int
    request: JobRequest
    plan: msgspec.Raw
    """The EncodePlan as JSON; `null` before it is made."""


class Failure(msgspec.Struct, frozen=True, rename="camel"):
    """Why a step failed; `redo` lists steps whose output it misses, which are run again before it.

    `final`: another attempt would fail in the same way.
    """

    reason: FailureReason
    detail: str
    redo: tuple[str, ...] = ()
    final: bool = False


class StepView(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True):
    """A step as the API shows it; times are Unix seconds."""

    id: str
    kind: str
    state: StepState
    weight: float
    progress: float
    failures: int = 0
    losses: int = 0
    worker: str | None = None
    reason: str | None = None
    detail: str | None = None
    started: float | None = None
    finished: float | None = None
    not_before: float = 0.0


class JobView(msgspec.Struct, frozen=True, rename="camel"):
    """A job with its steps."""

    job_id: str
    content_id: str
    state: JobState
    priority: int
    request: JobRequest
    created: float
    started: float | None
    finished: float | None
    changed: float
    reason: str | None
    detail: str | None
    steps: tuple[StepView, ...]
    number: int
    """The order in which jobs were queued, the cursor of lists."""
    dropped: tuple[Dropped, ...]
    """Tracks of the film that are left out, once the encoding is planned."""
    home: str
    """The origin whose data folder holds the job's files."""


class ContentView(msgspec.Struct, frozen=True, rename="camel"):
    """A title of the ingest service."""

    content_id: str
    status: ContentStatus
    reason: str | None
    title: str | None
    metadata: dict[str, Any]
    location: str | None
    source: str | None
    profiles: tuple[str, ...]
    published: float | None
    created: float
    changed: float


class WorkerView(msgspec.Struct, frozen=True, rename="camel"):
    """A worker: the kinds of steps it runs, and when it last asked for one (Unix seconds)."""

    worker: str
    host: str
    kinds: tuple[str, ...]
    seen: float


class AlertView(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True):
    """An alert: `number` is its cursor, `at` Unix seconds."""

    number: int
    at: float
    kind: str
    detail: str
    content_id: str | None = None
    job_id: str | None = None
    step_id: str | None = None
