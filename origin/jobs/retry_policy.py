"""Decides what happens to a step that failed or whose worker was lost: again after a pause, or dead. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

FIRST_PAUSE = 1.0
MAX_PAUSE = 300.0
FACTOR = 3.0
MAX_LOSS_PAUSE = 30.0
"""Shorter than after failures: a host that restarts loses many workers, and is back soon."""
ALERT_FROM = 3
"""Failures of one step from which on an alert is raised."""


class FailureReason(StrEnum):
    """Why a step ended without a result; the word is in the job, the alert and the log."""

    FILM = "film"
    SOURCE = "source"
    ENCODER = "encoder"
    PROGRAM_KILLED = "program-killed"
    STORAGE = "storage"
    UPSTREAM = "upstream"
    SETTINGS = "settings"
    PUBLISHED_MEANWHILE = "published-meanwhile"
    WORKER_LOST = "worker-lost"
    BUG = "bug"
    CANCELLED = "cancelled"


FAILURE_SENTENCES = {
    FailureReason.FILM: "The film cannot be published as it is: the detail names what is wrong with it.",
    FailureReason.SOURCE: "The film could not be fetched from its location.",
    FailureReason.ENCODER: "An encoder, prober or packager ended with an error or crashed.",
    FailureReason.PROGRAM_KILLED: "An encoder, prober or packager was killed, such as for want of memory.",
    FailureReason.STORAGE: "The disk or the object store failed.",
    FailureReason.UPSTREAM: "Another program did not answer: the key server, the catalogue or control.",
    FailureReason.SETTINGS: "A setting of the worker is wrong or missing.",
    FailureReason.PUBLISHED_MEANWHILE: "Another job published the title at the same time; packaging is repeated.",
    FailureReason.WORKER_LOST: "The worker's heartbeats ended: it was killed, or its host or network failed.",
    FailureReason.BUG: "A fault of this program; the log has the traceback.",
    FailureReason.CANCELLED: "The job was cancelled.",
}
"""What each reason means; docs/job-states.md is generated from it."""

FINAL = frozenset((FailureReason.FILM, FailureReason.CANCELLED))
"""Reasons that another attempt cannot change."""


LOSSES = frozenset((FailureReason.WORKER_LOST, FailureReason.PROGRAM_KILLED))
"""Reasons that are seldom the film's fault, counted apart from failures."""

_FEW = {FailureReason.BUG: 2, FailureReason.SETTINGS: 2}
"""Reasons that another attempt seldom changes: so many attempts."""


@dataclass(frozen=True, slots=True)
class RetryLimits:
    """How often a step is tried: after `failures` failures, or `losses` lost workers, it is dead."""

    failures: int = 5
    losses: int = 12


def pause_before_retry(count: int) -> float:
    """Seconds to wait before the attempt after the `count`-th failure: 1, 3, 9, … up to five minutes."""
    return min(MAX_PAUSE, FIRST_PAUSE * FACTOR ** min(max(0, count - 1), 10))


def pause_after_loss(count: int) -> float:
    """Seconds to wait after the `count`-th loss: none, then 1, 2, 4 … up to half a minute."""
    return 0.0 if count <= 1 else min(MAX_LOSS_PAUSE, 2.0 ** min(count - 2, 10))


def next_attempt(reason: FailureReason, failures: int, losses: int, limits: RetryLimits) -> float | None:
    """Seconds until the next attempt, or None if the step is dead. The counts include the present failure.

    A lost worker is seldom the film's fault, so losses have a limit of their own: a film that kills every worker (by
    memory) still ends.
    """
    most = min(limits.failures, _FEW.get(reason, limits.failures))
    if reason in FINAL or failures >= most or losses >= limits.losses:
        return None
    return pause_before_retry(failures) if reason not in LOSSES else pause_after_loss(losses)
