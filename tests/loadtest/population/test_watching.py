"""What viewers do: against the published figures that the draws are after."""

from random import Random

import pytest

from loadtest.population.watching import MAX_ACTIONS, Watching, draw_watch
from loadtest.session import Pause, Seek

N = 5000


@pytest.fixture(scope="module")
def drawn():
    return [draw_watch(Watching(), Random(number)) for number in range(N)]


def share(drawn, condition):
    return sum(map(condition, drawn)) / len(drawn)


def test_a_fifth_completes_and_over_a_third_leaves_within_five_minutes(drawn):
    assert share(drawn, lambda watch: watch.watch_s is None) == pytest.approx(0.20, abs=0.02)
    assert share(drawn, lambda watch: watch.watch_s is not None and watch.watch_s < 300) == pytest.approx(
        0.37, abs=0.03
    )


def test_viewers_begin_to_leave_after_two_seconds_a_seventeenth_of_them_each_second(drawn):
    assert min(watch.patience_s for watch in drawn) >= 2
    assert share(drawn, lambda watch: watch.patience_s < 3) == pytest.approx(0.058, abs=0.012)


def test_patient_viewers_wait_for_ever_and_do_the_same_otherwise():
    hasty, patient = (draw_watch(Watching(is_patient=patient), Random(4)) for patient in (False, True))
    assert patient.patience_s is None
    assert (patient.watch_s, patient.actions) == (hasty.watch_s, hasty.actions)


def test_some_resume_in_the_middle(drawn):
    resumed = [watch for watch in drawn if watch.start_position_s is not None]
    assert len(resumed) / N == pytest.approx(0.12, abs=0.02)
    assert all(watch.start_position_s > 0 for watch in resumed)


def test_seeks_and_pauses_are_as_frequent_as_said_and_in_order(drawn):
    actions = [action for watch in drawn for action in watch.actions]
    assert sum(isinstance(action, Seek) for action in actions) / N == pytest.approx(0.3, abs=0.03)
    assert sum(isinstance(action, Pause) for action in actions) / N == pytest.approx(0.1, abs=0.02)
    for watch in drawn:
        assert [action.at_s for action in watch.actions] == sorted(action.at_s for action in watch.actions)
    assert all(action.to_s >= 0 for action in actions if isinstance(action, Seek))


def test_restless_viewers_are_bounded():
    assert len(draw_watch(Watching(seeks_mean=500), Random(1)).actions) <= MAX_ACTIONS
