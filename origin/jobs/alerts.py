"""Alerts: what an operator should look at. They are rows of the queue, log lines and counters."""

from __future__ import annotations

from enum import StrEnum
from typing import Any


class AlertKind(StrEnum):
    """What happened."""

    STEP_FAILING = "step-failing"
    STEP_STUCK = "step-stuck"
    STEP_DEAD = "step-dead"
    JOB_FAILED = "job-failed"
    JOB_WAITING = "job-waiting"
    ORIGIN_SILENT = "origin-silent"


ALERT_SENTENCES = {
    AlertKind.STEP_FAILING: "A step failed, or lost its worker, for the third time or more; it will be tried again.",
    AlertKind.STEP_STUCK: "A step is running and its worker alive, but its progress has stood still.",
    AlertKind.STEP_DEAD: "An optional step is dead: the title is published, but was not announced.",
    AlertKind.JOB_FAILED: "A job failed: its title is not published, or not in its new version.",
    AlertKind.JOB_WAITING: "A step has been ready for long, and no worker takes it: start one, or look at the workers.",
    AlertKind.ORIGIN_SILENT: "The origin that alone has a job's film is silent: start it, or ingest the film again.",
}
"""What each kind means; docs/job-states.md is generated from it."""


def alert_row(
    kind: AlertKind, at: float, detail: str, content_id: str | None, job_id: str | None, step_id: str | None
) -> dict[str, Any]:
    """The row of an alert; `at` is Unix seconds."""
    return {
        "at": at, "kind": kind.value, "detail": detail,
        "content_id": content_id, "job_id": job_id, "step_id": step_id,
    }  # fmt: skip
