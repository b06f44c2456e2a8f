"""`edge.slices.unsteady_validators`: a new version is one, two in a row are not."""

import pytest

from edge.slices import unsteady_validators
from edge.slices.unsteady_validators import CHANGE_WINDOW_SECONDS, UNSTEADY_SECONDS, UnsteadyObjects

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
        objects.change(K, moment)
    assert objects.holds(K, now) is held


def test_a_validator_that_comes_back_is_proof_at_once():
    objects = UnsteadyObjects()
    objects.prove(K, 5)
    assert objects.holds(K, 6)
    assert not objects.holds(b"/other", 6)


def test_it_remembers_a_bounded_number_of_them(monkeypatch):
    monkeypatch.setattr(unsteady_validators, "MAX_REMEMBERED", 3)
    objects = UnsteadyObjects()
    for number in range(5):
        objects.prove(b"%d" % number, number)
    assert len(objects) == 3
    assert [objects.holds(b"%d" % number, 5) for number in range(5)] == [False, False, True, True, True]
