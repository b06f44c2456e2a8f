"""The state machines of ingest: of a title, of a job, and of one step of a job.

A title (GET /content/{contentId}):
UPLOADING    Its film is not complete here yet.
QUEUED       The film is here, or is about to be fetched, and a job waits for a worker.
TRANSCODING  A worker has begun.
PUBLISHED    Viewers can play it.
FAILED       Nothing was published; the reason says why.

A job:
QUEUED       No step has begun.
TRANSCODING  At least one step has begun.
PUBLISHED    The title is published and announced.
FAILED       A step is dead, so the film cannot be published; `retry` queues the job again.
CANCELLED    Somebody cancelled it.

A step:
WAITING      A step that it needs is not done.
READY        A worker may lease it, after a retry from `not_before` on.
RUNNING      A worker holds the lease; it reverts to READY when the heartbeats end.
DONE         Its output is complete and on disk.
DEAD         It failed for good: the film is at fault, or the attempts are used up.
CANCELLED    Its job was cancelled, or another step of it is dead.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import TypeVar

from kernel.errors import Bug


class ContentStatus(StrEnum):
    """The state of a title."""

    UPLOADING = "UPLOADING"
    QUEUED = "QUEUED"
    TRANSCODING = "TRANSCODING"
    PUBLISHED = "PUBLISHED"
    FAILED = "FAILED"


class JobState(StrEnum):
    """The state of a job."""

    QUEUED = "QUEUED"
    TRANSCODING = "TRANSCODING"
    PUBLISHED = "PUBLISHED"
    FAILED = "FAILED"
    CANCELLED = "CANCELLED"


class StepState(StrEnum):
    """The state of a step."""

    WAITING = "waiting"
    READY = "ready"
    RUNNING = "running"
    DONE = "done"
    DEAD = "dead"
    CANCELLED = "cancelled"


class JobEvent(StrEnum):
    """What happens to a job."""

    STEP_LEASED = "step-leased"
    ALL_DONE = "all-done"
    STEP_DEAD = "step-dead"
    CANCEL = "cancel"
    RETRY = "retry"


class StepEvent(StrEnum):
    """What happens to a step."""

    NEEDS_MET = "needs-met"
    LEASED = "leased"
    FINISHED = "finished"
    FAILED = "failed"
    LEASE_EXPIRED = "lease-expired"
    GIVEN_UP = "given-up"
    RELEASED = "released"
    CANCEL = "cancel"
    RESET = "reset"


class ContentEvent(StrEnum):
    """What happens to a title."""

    JOB_QUEUED = "job-queued"
    JOB_STARTED = "job-started"
    PUBLISHED = "published"
    JOB_ENDED = "job-ended"
    REPLACEMENT_ENDED = "replacement-ended"
    UPLOAD_ENDED = "upload-ended"


JOB_TRANSITIONS: dict[tuple[JobState, JobEvent], JobState] = {
    (JobState.QUEUED, JobEvent.STEP_LEASED): JobState.TRANSCODING,
    (JobState.TRANSCODING, JobEvent.STEP_LEASED): JobState.TRANSCODING,
    (JobState.TRANSCODING, JobEvent.ALL_DONE): JobState.PUBLISHED,
    (JobState.TRANSCODING, JobEvent.STEP_DEAD): JobState.FAILED,
    (JobState.QUEUED, JobEvent.CANCEL): JobState.CANCELLED,
    (JobState.TRANSCODING, JobEvent.CANCEL): JobState.CANCELLED,
    (JobState.FAILED, JobEvent.RETRY): JobState.QUEUED,
    (JobState.CANCELLED, JobEvent.RETRY): JobState.QUEUED,
}

STEP_TRANSITIONS: dict[tuple[StepState, StepEvent], StepState] = {
    (StepState.WAITING, StepEvent.NEEDS_MET): StepState.READY,
    (StepState.READY, StepEvent.LEASED): StepState.RUNNING,
    (StepState.RUNNING, StepEvent.FINISHED): StepState.DONE,
    (StepState.RUNNING, StepEvent.FAILED): StepState.READY,
    (StepState.RUNNING, StepEvent.LEASE_EXPIRED): StepState.READY,
    (StepState.RUNNING, StepEvent.RELEASED): StepState.READY,
    (StepState.RUNNING, StepEvent.GIVEN_UP): StepState.DEAD,
    (StepState.WAITING, StepEvent.CANCEL): StepState.CANCELLED,
    (StepState.READY, StepEvent.CANCEL): StepState.CANCELLED,
    (StepState.RUNNING, StepEvent.CANCEL): StepState.CANCELLED,
    (StepState.READY, StepEvent.RESET): StepState.WAITING,
    (StepState.RUNNING, StepEvent.RESET): StepState.WAITING,
    (StepState.DEAD, StepEvent.RESET): StepState.WAITING,
    (StepState.CANCELLED, StepEvent.RESET): StepState.WAITING,
    (StepState.DONE, StepEvent.RESET): StepState.WAITING,
}
"""RESET: a later step found the output of this one, or of one that it needs, missing or in the way; or a retry."""

CONTENT_TRANSITIONS: dict[tuple[ContentStatus, ContentEvent], ContentStatus] = {
    (ContentStatus.UPLOADING, ContentEvent.JOB_QUEUED): ContentStatus.QUEUED,
    (ContentStatus.UPLOADING, ContentEvent.UPLOAD_ENDED): ContentStatus.FAILED,
    (ContentStatus.PUBLISHED, ContentEvent.JOB_QUEUED): ContentStatus.QUEUED,
    (ContentStatus.FAILED, ContentEvent.JOB_QUEUED): ContentStatus.QUEUED,
    (ContentStatus.QUEUED, ContentEvent.JOB_QUEUED): ContentStatus.QUEUED,
    (ContentStatus.TRANSCODING, ContentEvent.JOB_QUEUED): ContentStatus.TRANSCODING,
    (ContentStatus.QUEUED, ContentEvent.JOB_STARTED): ContentStatus.TRANSCODING,
    (ContentStatus.PUBLISHED, ContentEvent.JOB_STARTED): ContentStatus.TRANSCODING,
    (ContentStatus.FAILED, ContentEvent.JOB_STARTED): ContentStatus.TRANSCODING,
    (ContentStatus.TRANSCODING, ContentEvent.JOB_STARTED): ContentStatus.TRANSCODING,
    (ContentStatus.TRANSCODING, ContentEvent.PUBLISHED): ContentStatus.PUBLISHED,
    (ContentStatus.QUEUED, ContentEvent.REPLACEMENT_ENDED): ContentStatus.PUBLISHED,
    (ContentStatus.TRANSCODING, ContentEvent.REPLACEMENT_ENDED): ContentStatus.PUBLISHED,
    (ContentStatus.QUEUED, ContentEvent.JOB_ENDED): ContentStatus.FAILED,
    (ContentStatus.TRANSCODING, ContentEvent.JOB_ENDED): ContentStatus.FAILED,
}
"""JOB_ENDED: the last job failed or was cancelled before it published; REPLACEMENT_ENDED: the same, of a title with an
earlier publication, which viewers still play."""

ENDED_JOBS = frozenset((JobState.PUBLISHED, JobState.FAILED, JobState.CANCELLED))
ENDED_STEPS = frozenset((StepState.DONE, StepState.DEAD, StepState.CANCELLED))

S = TypeVar("S", bound=StrEnum)
E = TypeVar("E", bound=StrEnum)


def next_state(transitions: Mapping[tuple[S, E], S], state: S, event: E) -> S:
    """The state after an event. Raises Bug for a pair that the table does not have."""
    found = transitions.get((state, event))
    if found is None:
        raise Bug(f"{event.value} cannot happen in the state {state.value}")
    return found


def diagram(transitions: Mapping[tuple[S, E], S], ended: frozenset[S] = frozenset()) -> str:
    """A table of transitions as a Mermaid state diagram; docs/job-states.md is generated from it."""
    first = next(iter(transitions))[0]
    lines = ["stateDiagram-v2", f"    [*] --> {first.name}"]
    lines += [f"    {old.name} --> {new.name}: {event.value}" for (old, event), new in transitions.items()]
    lines += [f"    {state.name} --> [*]" for state in type(first) if state in ended]
    return "\n".join(lines)
