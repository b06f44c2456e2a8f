"""What an upload may cost."""

import pytest

from kernel.errors import BadRequest
from origin.ingest.limits import Limits, check_plan, most_output_bytes
from tests.origin.encode.plans import make_plan


@pytest.mark.parametrize(
    ("limits", "says"),
    [
        (Limits(seconds=9), "10 s of film, more than the limit of 9 s"),
        (Limits(frames=249), "250 frames, more than the limit of 249"),
        (Limits(output_bytes=1000), "bytes of renditions"),
    ],
)
def test_each_limit_is_named(limits, says):
    """2,682 bytes became 31 MB."""
    plan = make_plan(10.0)
    check_plan(plan, Limits(), "x")
    with pytest.raises(BadRequest, match=says) as caught:
        check_plan(plan, limits, "x")
    assert (caught.value.status, caught.value.reason) == (422, "too-large")


def test_output_is_bounded_by_the_peaks():
    """Of all renditions and all sound."""
    plan = make_plan(10.0)
    assert most_output_bytes(plan) == 10 * (sum(rung.peak for rung in plan.rungs) + 128_000) / 8
