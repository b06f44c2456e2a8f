"""`edge.fill.revalidation`: longer and longer pauses, never longer than a bound, forgotten with the first answer."""

import pytest

from edge.fill import revalidation
from edge.fill.revalidation import MAX_PAUSE, REMEMBERED_SECONDS, RevalidationBackoff

K = b"/cdn/eu/title1/master.m3u8"


def pauses(chance, times):
    """The lengths of the pauses when it fails again as soon as it is asked again."""
    backoff, now, found = RevalidationBackoff(), 0.0, []
    for _ in range(times):
        backoff.fail(K, now, chance)
        step = 0.0
        while backoff.pauses(K, now + step):
            step += 0.25
        found.append(step)
        now += step
    return found


@pytest.mark.parametrize(
    ("chance", "expected"),
    [(0.0, [1, 2, 4, 8, 16, 30, 30, 30]), (1.0, [0.5, 1, 2, 4, 8, 15, 15, 15])],
)
def test_each_pause_is_twice_the_one_before_up_to_a_bound(chance, expected):
    assert pauses(chance, len(expected)) == expected
    assert max(pauses(chance, 50)) <= MAX_PAUSE


def test_an_answer_ends_it():
    backoff = RevalidationBackoff()
    backoff.fail(K, 0.0, 0.0)
    backoff.succeed(K)
    assert not backoff.failing(K, 0.1)
    assert not backoff.pauses(K, 0.1)
    backoff.fail(K, 10.0, 0.0)
    assert not backoff.pauses(K, 11.0)


def test_it_counts_for_a_while_after_the_pause_and_no_longer():
    backoff = RevalidationBackoff()
    for moment in (0.0, 1.0):
        backoff.fail(K, moment, 0.0)
    assert [backoff.pauses(K, 2.9), backoff.pauses(K, 3.0), backoff.failing(K, 3.0)] == [True, False, True]
    later = 3.0 + REMEMBERED_SECONDS
    assert not backoff.failing(K, later)
    backoff.fail(K, later, 0.0)
    assert not backoff.pauses(K, later + 1.0)


def test_it_remembers_a_bounded_number_of_them(monkeypatch):
    monkeypatch.setattr(revalidation, "MAX_REMEMBERED", 2)
    backoff = RevalidationBackoff()
    for number in range(4):
        backoff.fail(b"%d" % number, 0.0, 0.0)
    assert len(backoff) == 2
    assert [backoff.failing(b"%d" % number, 0.5) for number in range(4)] == [False, False, True, True]
