"""How far a job is: a share of its work, the step that people look at, and the time left. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from origin.jobs.job_states import JobState, StepState

UNPLANNED = 0.03
"""The share of the work that comes before the plan; until then the weight of the rest is unknown."""
MIN_SHARE = 0.01
"""No estimate before this share of the work is done."""


class StepLike(Protocol):
    """The parts of a step that progress is made of."""

    @property
    def id(self) -> str: ...  # noqa: D102 (the class says it)
    @property
    def kind(self) -> str: ...  # noqa: D102
    @property
    def state(self) -> StepState: ...  # noqa: D102
    @property
    def weight(self) -> float: ...  # noqa: D102
    @property
    def progress(self) -> float: ...  # noqa: D102


@dataclass(frozen=True, slots=True)
class JobProgress:
    """`share` of the work done (0-1); `step`: its kind; `eta` in s, None while unknown."""

    share: float
    step: str
    eta: float | None


def job_progress(state: JobState, steps: Sequence[StepLike], started: float | None, now: float) -> JobProgress:
    """The progress of a job. It never says 1 before the job is published."""
    if state is JobState.PUBLISHED:
        return JobProgress(1.0, "", 0.0)
    total = sum(step.weight for step in steps) or 1.0
    done = sum(step.weight * (1.0 if step.state is StepState.DONE else step.progress) for step in steps)
    share = min(done / total, 0.999)
    if not any(step.kind == "publish" for step in steps):
        share *= UNPLANNED
    eta = None
    if state is JobState.TRANSCODING and started is not None and share >= MIN_SHARE:
        eta = max(0.0, (now - started) * (1 - share) / share)
    return JobProgress(share, _shown_step(steps), eta)


def _shown_step(steps: Sequence[StepLike]) -> str:
    """The kind of the first step that runs, else of the dead one, else of the next one."""
    for state in (StepState.RUNNING, StepState.DEAD, StepState.READY, StepState.WAITING):
        for step in steps:
            if step.state is state:
                return step.kind
    return ""
