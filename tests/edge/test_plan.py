"""What is done with a stored response, by its times alone."""

import pytest

from cache.entry import Entry
from edge.plan import Plan, plan, serves_when_upstream_fails


def entry(*, fresh: float = 0, swr: float = 0, sie: float = 0, must: bool = False) -> Entry:
    made = Entry(b"k", 200, [], 0)
    made.fresh_until, made.swr_until, made.sie_until, made.must_revalidate = fresh, swr, sie, must
    return made


@pytest.mark.parametrize(
    ("stored", "found"),
    [
        (None, Plan.FILL),
        (entry(fresh=10.1), Plan.SERVE),
        (entry(fresh=10), Plan.REVALIDATE),
        (entry(fresh=9, swr=9), Plan.REVALIDATE),
        (entry(fresh=9, swr=10), Plan.REVALIDATE),
        (entry(fresh=9, swr=11), Plan.SERVE_STALE),
        (entry(fresh=9, sie=99), Plan.REVALIDATE),
    ],
)
def test_the_next_step(stored: Entry | None, found: Plan):
    assert plan(stored, 10.0) is found


@pytest.mark.parametrize(
    ("stored", "found"),
    [
        (None, False),
        (entry(fresh=9), False),
        (entry(fresh=9, sie=11), True),
        (entry(fresh=9, swr=11), True),
        (entry(fresh=9, sie=10), False),
        (entry(fresh=9, sie=11, must=True), False),
    ],
)
def test_who_stands_in_for_a_failed_fetch(stored: Entry | None, found: bool):
    """RFC 5861 §4; never past must-revalidate (RFC 9111 §5.2.2.2)."""
    assert serves_when_upstream_fails(stored, 10.0) is found
