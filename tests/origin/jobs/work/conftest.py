"""Leases and outcomes for tests of workers."""

import msgspec

from origin.jobs.job_graph import Step, StepKind
from origin.jobs.records import JobRequest, Lease


def lease_of(kind=StepKind.VIDEO, seconds=10.0, number=1):
    """A lease of a step of this kind."""
    step = Step(f"{kind}/{number}", kind, (), 1.0, "x", 0)
    return Lease(
        "job-0123456789abcdef", step, f"token-{number}", 0.0, seconds, 1, JobRequest("film"), msgspec.Raw(b"null")
    )
