"""Who is left out, for how long, and how he comes back: a state machine in pure time."""

import pytest

from kernel.upstreams.health import (
    EJECT_AFTER,
    EJECT_SECONDS,
    MAX_EJECT_SECONDS,
    MIN_SLOW_START,
    PROBE_SECONDS,
    SLOW_START_SECONDS,
    Failure,
    Health,
    may_leave,
    usable,
)


def fails(health: Health, times: int, now: float, how: Failure = Failure.ANSWER, *, spared: bool = True) -> list[bool]:
    return [health.failed(how, now, may_leave=spared) for _ in range(times)]


def ejected(now: float = 0.0, how: Failure = Failure.ANSWER) -> Health:
    health = Health()
    assert fails(health, EJECT_AFTER, now, how)[-1]
    return health


def test_the_numbers_are_those_of_the_standard():
    assert (EJECT_AFTER, EJECT_SECONDS, MAX_EJECT_SECONDS) == (5, 30, 300)


def test_five_failures_in_a_row_leave_it_out():
    health = Health()
    assert fails(health, 5, 10.0) == [False] * 4 + [True]
    assert (health.out, health.until) == (Failure.ANSWER, 40.0)


def test_a_success_between_begins_the_count_anew():
    health = Health()
    fails(health, 4, 0.0)
    assert not health.succeeded(0.0)
    assert not any(fails(health, 4, 0.0))
    assert health.out is None


@pytest.mark.parametrize(("times", "seconds"), [(1, 30), (2, 60), (3, 90), (9, 270), (10, 300), (11, 300), (40, 300)])
def test_each_time_is_longer_up_to_five_minutes(times: int, seconds: float):
    """Failed probes, one after another."""
    health, now = ejected(), 0.0
    for _ in range(times - 1):
        now = health.until
        health.probe(now)
        assert health.failed(Failure.ANSWER, now, may_leave=False)
    assert health.until == now + seconds


def test_when_its_time_is_over_one_request_tries_it_and_no_herd():
    health = ejected()
    assert not health.awaits_probe(29.9)
    assert health.awaits_probe(30.0)
    health.probe(30.0)
    assert not health.awaits_probe(30.0)
    assert not health.awaits_probe(30.0 + PROBE_SECONDS - 1)


def test_a_probe_that_told_nothing_lets_another_try():
    health = ejected()
    health.probe(30.0)
    health.told_nothing()
    assert health.awaits_probe(30.0)
    health.probe(30.0)
    assert health.awaits_probe(30.0 + PROBE_SECONDS)  # lost without a word


def test_a_probe_that_is_answered_brings_it_back_slowly():
    health = ejected()
    health.probe(30.0)
    assert health.succeeded(31.0)
    assert health.out is None
    assert health.share(31.0) == MIN_SLOW_START
    assert health.share(31.0 + SLOW_START_SECONDS / 2) == 0.5
    assert health.share(31.0 + SLOW_START_SECONDS) == 1.0


def test_one_that_never_left_has_its_whole_share():
    assert Health().share(0.0) == 1.0


def test_a_quiet_time_is_counted_against_earlier_ejections():
    health = ejected()
    health.probe(30.0)
    health.failed(Failure.ANSWER, 30.0, may_leave=True)
    health.probe(90.0)
    health.succeeded(90.0)
    assert health.ejections == 2
    fails(health, 5, 90.0 + EJECT_SECONDS)
    assert health.ejections == 2  # one forgotten, one more
    health.succeeded(1000.0)
    fails(health, 5, 100_000.0)
    assert health.ejections == 1


def test_failing_while_it_is_out_changes_nothing():
    """It was asked for want of a better one."""
    health = ejected()
    assert not any(fails(health, 20, 5.0))
    assert (health.ejections, health.until) == (1, 30.0)


def test_who_answers_badly_stays_when_the_pool_cannot_spare_it():
    health = Health()
    assert not any(fails(health, 20, 0.0, spared=False))
    assert fails(health, 1, 0.0) == [True]


def test_who_cannot_be_reached_is_left_out_all_the_same():
    health = Health()
    assert fails(health, 5, 0.0, Failure.UNREACHABLE, spared=False)[-1]


@pytest.mark.parametrize(("size", "most"), [(1, 1), (2, 1), (9, 1), (10, 1), (19, 1), (20, 2), (35, 3)])
def test_a_tenth_of_the_pool_or_one(size: int, most: int):
    pool = [Health() for _ in range(size)]
    for number in range(size):
        assert may_leave(pool) is (number < most)
        pool[number].out = Failure.ANSWER


def pool_of(*outs: Failure | None, until: float = 100.0) -> list[Health]:
    return [Health(out=out, until=until if out else 0.0) for out in outs]


A, U = Failure.ANSWER, Failure.UNREACHABLE


@pytest.mark.parametrize(
    ("outs", "used"),
    [
        ([None, None], [True, True]),
        ([A, None], [False, True]),
        ([U, None], [False, True]),
        ([A], [True]),
        ([U], [True]),
        ([A, A, None], [True, True, True]),  # less than half left: panic
        ([A, A, None, None], [False, False, True, True]),  # half is enough
        ([U, U, None], [False, False, True]),  # asking these would bring nobody an answer
        ([U, A, None], [False, True, True]),
        ([U, U, A], [False, False, True]),
        ([U, U, U], [True, True, True]),
        ([], []),
    ],
)
def test_whom_to_ask(outs: list[Failure | None], used: list[bool]):
    assert usable(pool_of(*outs), 0.0) == used


def test_who_may_be_probed_is_asked_like_the_others():
    pool = pool_of(A, None, until=30.0)
    assert usable(pool, 30.0) == [True, True]
    pool[0].probe(30.0)
    assert usable(pool, 30.0) == [False, True]
