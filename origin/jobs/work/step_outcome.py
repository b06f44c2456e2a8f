"""What a step gives back, and how an error becomes the reason of its failure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import structlog

from kernel.errors import BadRequest, BadSettings, StorageFailed, UpstreamFailed
from origin.ingest.subprocesses import ProgramFailed, ProgramKilled
from origin.jobs.job_graph import Step, StepKind
from origin.jobs.records import Failure, Lease
from origin.jobs.retry_policy import FailureReason

log = structlog.get_logger("origin")

Report = Callable[[float], None]
"""Called with the share of the step that is done (0-1); raises StepStopped when it is to end."""


_PASSING = frozenset((408, 425, 429))
"""Statuses of a fetch that a later attempt may not meet."""


class StepStopped(Exception):
    """The lease is lost, or the worker stops: the step ends without a result."""


class OutputMissing(Exception):
    """Files of earlier steps are missing or in the way: `steps` have to run again."""

    def __init__(self, what: str, *steps: str) -> None:
        super().__init__(what)
        self.steps = steps


class PublishedMeanwhile(Exception):
    """Another publication of the title was made while this one was packaged under its number."""


@dataclass(frozen=True, slots=True)
class StepOutcome:
    """`result` is JSON for the record; `plan` and `more` come from the probe; `files` are what the step has made."""

    result: bytes = b"{}"
    plan: bytes | None = None
    more: tuple[Step, ...] = ()
    files: tuple[Path, ...] = ()


class StepRunner(Protocol):
    """Runs steps."""

    def run(self, lease: Lease, report: Report) -> StepOutcome:
        """Run a step to its end, in a thread. Raises what `describe_failure` knows, and StepStopped."""


def describe_failure(error: Exception, lease: Lease) -> Failure:
    """The failure of a step; what nobody expected is logged with its traceback."""
    match error:
        case OutputMissing():
            return Failure(FailureReason.STORAGE, str(error), error.steps)
        case PublishedMeanwhile():
            return Failure(FailureReason.PUBLISHED_MEANWHILE, str(error), (StepKind.PACKAGE,))
        case ProgramKilled():
            return Failure(FailureReason.PROGRAM_KILLED, str(error))
        case BadRequest() if error.status < 500:
            reason = FailureReason.SOURCE if lease.step.kind is StepKind.RECEIVE else FailureReason.FILM
            return Failure(reason, str(error), final=error.status not in _PASSING)
        case BadRequest() | ProgramFailed():
            return Failure(FailureReason.ENCODER, str(error))
        case StorageFailed() | OSError():
            return Failure(FailureReason.STORAGE, str(error))
        case UpstreamFailed():
            received = lease.step.kind is StepKind.RECEIVE
            return Failure(FailureReason.SOURCE if received else FailureReason.UPSTREAM, str(error))
        case BadSettings():
            return Failure(FailureReason.SETTINGS, str(error))
        case _:
            log.error("step-bug", job=lease.job_id, step=lease.step.id, exc_info=error)
            return Failure(FailureReason.BUG, f"{type(error).__name__}: {error}")
