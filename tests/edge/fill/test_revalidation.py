"""`edge.fill.revalidation`: growing, bounded pauses after failures; one change is a version, two in a row are not."""

import pytest

from edge.fill import revalidation
from edge.fill.revalidation import (
    CHANGE_WINDOW_SECONDS,
    MAX_PAUSE,
    REMEMBERED_SECONDS,
    UNSTEADY_SECONDS,
    RevalidationBackoff,
    UnsteadyObjects,
)

K = b"/cdn/eu/title1/master.m3u8"


def pauses(chance, times):
    """The lengths of the pauses when it fails again as soon as it is asked again."""
    backoff, now, found = RevalidationBackoff(), 0.0, []
    for _ in range(times):
        backoff.record_failure(K, now, chance)
        step = 0.0
        while backoff.is_paused(K, now + step):
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
    backoff.record_failure(K, 0.0, 0.0)
    backoff.record_success(K)
    assert not backoff.has_failed_lately(K, 0.1)
    assert not backoff.is_paused(K, 0.1)
    backoff.record_failure(K, 10.0, 0.0)
    assert not backoff.is_paused(K, 11.0)


def test_it_counts_for_a_while_after_the_pause_and_no_longer():
    backoff = RevalidationBackoff()
    for moment in (0.0, 1.0):
        backoff.record_failure(K, moment, 0.0)
    assert [backoff.is_paused(K, 2.9), backoff.is_paused(K, 3.0), backoff.has_failed_lately(K, 3.0)] == [
        True,
        False,
        True,
    ]
    later = 3.0 + REMEMBERED_SECONDS
    assert not backoff.has_failed_lately(K, later)
    backoff.record_failure(K, later, 0.0)
    assert not backoff.is_paused(K, later + 1.0)


def test_it_remembers_a_bounded_number_of_them(monkeypatch):
    monkeypatch.setattr(revalidation, "MAX_REMEMBERED", 2)
    backoff = RevalidationBackoff()
    for number in range(4):
        backoff.record_failure(b"%d" % number, 0.0, 0.0)
    assert len(backoff) == 2
    assert [backoff.has_failed_lately(b"%d" % number, 0.5) for number in range(4)] == [False, False, True, True]


K = b"/cdn/eu/title1/film.mp4"


@pytest.mark.parametrize(
    ("changes", "now", "held"),
    [
        ([], 0, False),
        ([0], 1, False),
        ([0, 10], 11, True),
        ([0, CHANGE_WINDOW_SECONDS + 1], CHANGE_WINDOW_SECONDS + 2, False),
        ([0, 10], 10 + UNSTEADY_SECONDS, False),
        ([0, 10, 500], 500 + UNSTEADY_SECONDS - 1, True),
    ],
)
def test_what_changes_twice_within_minutes_is_fetched_whole_for_a_while(changes, now, held):
    objects = UnsteadyObjects()
    for moment in changes:
        objects.record_change(K, moment)
    assert objects.is_unsteady(K, now) is held


def test_a_validator_that_comes_back_is_proof_at_once():
    objects = UnsteadyObjects()
    objects.mark_unsteady(K, 5)
    assert objects.is_unsteady(K, 6)
    assert not objects.is_unsteady(b"/other", 6)


def test_a_bounded_number_of_unsteady_objects_is_remembered(monkeypatch):
    monkeypatch.setattr(revalidation, "MAX_REMEMBERED", 3)
    objects = UnsteadyObjects()
    for number in range(5):
        objects.mark_unsteady(b"%d" % number, number)
    assert len(objects) == 3
    assert [objects.is_unsteady(b"%d" % number, 5) for number in range(5)] == [False, False, True, True, True]
