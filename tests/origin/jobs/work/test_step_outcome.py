"""How an error becomes the reason of a failure."""

import pytest

from kernel.errors import BadRequest, BadSettings, Bug, StorageFailed, UpstreamFailed
from kernel.fetch_reasons import UpstreamReason
from origin.ingest.subprocesses import ProgramFailed, ProgramKilled
from origin.jobs.job_graph import StepKind
from origin.jobs.work.step_outcome import OutputMissing, PublishedMeanwhile, describe_failure
from tests.origin.jobs.work.conftest import lease_of


@pytest.mark.parametrize(
    ("error", "kind", "expected"),
    [
        (BadRequest(422, "truncated", "cut"), StepKind.CHECK, ("film", True)),
        (BadRequest(404, "no-such-file", "none"), StepKind.RECEIVE, ("source", True)),
        (BadRequest(429, "x", "later"), StepKind.RECEIVE, ("source", False)),
        (BadRequest(500, "encode-stopped", "crashed"), StepKind.VIDEO, ("encoder", False)),
        (ProgramKilled("packager", 9), StepKind.PACKAGE, ("program-killed", False)),
        (ProgramFailed("ffprobe", 1, "x"), StepKind.CHECK, ("encoder", False)),
        (StorageFailed("full"), StepKind.PUBLISH, ("storage", False)),
        (OSError(28, "full"), StepKind.JOIN, ("storage", False)),
        (UpstreamFailed(UpstreamReason.KEY_SERVER), StepKind.PACKAGE, ("upstream", False)),
        (UpstreamFailed(UpstreamReason.SOURCE), StepKind.RECEIVE, ("source", False)),
        (BadSettings("ffmpeg", "is missing"), StepKind.VIDEO, ("settings", False)),
        (Bug("oh"), StepKind.CHECK, ("bug", False)),
        (ZeroDivisionError("oh"), StepKind.CHECK, ("bug", False)),
    ],
)
def test_reasons(error, kind, expected):
    failure = describe_failure(error, lease_of(kind))
    assert (failure.reason, failure.final) == expected
    assert failure.redo == ()


def test_what_has_to_run_again():
    assert describe_failure(OutputMissing("x", "join/v240"), lease_of(StepKind.CHECK)).redo == ("join/v240",)
    again = describe_failure(PublishedMeanwhile("x"), lease_of(StepKind.PUBLISH))
    assert (again.reason, again.redo) == ("published-meanwhile", ("package",))
