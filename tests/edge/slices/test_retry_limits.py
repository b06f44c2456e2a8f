"""`edge.slices.retry_limits`: enough for every honest upstream, and an end for the others."""

import pytest

from edge.slices.retry_limits import FREE_RETRIES, MAX_EMPTY_RETRIES, RetryLimit, WaitDeadline
from tests.doubles.clock import FakeClock


def granted(bytes_each, at_most=10_000):
    """How many retries are granted when each brings this many bytes."""
    limit = RetryLimit()
    for number in range(at_most):
        if not limit.begin_retry():
            return number
        limit.count_bytes(bytes_each)
    return at_most


@pytest.mark.parametrize("bytes_each", [65_536, 300_000, 1 << 20, 8 << 20])
def test_an_upstream_that_brings_a_slice_per_retry_is_asked_without_end(bytes_each):
    assert granted(bytes_each) == 10_000


@pytest.mark.parametrize(("bytes_each", "at_most"), [(1, FREE_RETRIES), (6_553, 9), (60_000, 100)])
def test_crumbs_end_it(bytes_each, at_most):
    assert granted(bytes_each) <= at_most


def test_nothing_at_all_ends_it_soon():
    assert granted(0) == MAX_EMPTY_RETRIES


def test_a_long_good_fetch_pays_for_a_bounded_number_of_bad_retries():
    limit = RetryLimit()
    limit.count_bytes(1 << 40)
    retries = 0
    while limit.begin_retry():
        retries += 1
        limit.count_bytes(1)
    assert retries < 100


async def test_the_whole_wait_counts_whatever_was_asked_again():
    clock, expired = FakeClock(), []
    wait = WaitDeadline(clock, 10, lambda: expired.append(clock.now))
    began = clock.now
    wait.start()
    await clock.advance(3)
    wait.start()
    wait.extend()
    await clock.advance(3)
    wait.extend()
    await clock.advance(10)
    assert expired == [began + 10]


async def test_received_bytes_end_the_wait():
    clock, expired = FakeClock(), []
    wait = WaitDeadline(clock, 10, lambda: expired.append(clock.now))
    wait.extend()
    wait.start()
    wait.extend()
    wait.cancel()
    await clock.advance(20)
    assert expired == []
