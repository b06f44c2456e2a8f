"""Leases travel as JSON between an origin and its workers."""

import msgspec

from origin.jobs.job_graph import Step, StepKind
from origin.jobs.records import JobRequest, Lease


def test_a_lease_survives_the_wire():
    request = JobRequest("film", title="A Film", metadata={"year": 1}, options={"preset": "fast"})
    step = Step("video/h264/0001", StepKind.VIDEO, ("probe",), 2.5, "h264", 1)
    lease = Lease("job-1", step, "token", 12.5, 10.0, 2, request, msgspec.Raw(b'{"a":[1]}'))
    wire = msgspec.json.encode(lease)
    back = msgspec.json.decode(wire, type=Lease)
    assert bytes(back.plan) == b'{"a":[1]}'
    assert (back.job_id, back.step, back.request, back.token) == ("job-1", step, request, "token")
    assert b'"jobId":"job-1"' in wire
