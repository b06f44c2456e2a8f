"""`edge.fill.fetch_rounds`: enough for every honest upstream, and an end for the others."""

import pytest

from edge.fill.fetch_rounds import FREE_ROUNDS, MAX_IDLE_ROUNDS, Rounds


def taken(earned, most=10_000):
    """How many rounds are granted when each brings so many bytes."""
    rounds = Rounds()
    for number in range(most):
        if not rounds.take():
            return number
        rounds.earn(earned)
    return most


@pytest.mark.parametrize("earned", [65_536, 300_000, 1 << 20, 8 << 20])
def test_an_upstream_that_brings_a_slice_a_round_is_asked_without_end(earned):
    assert taken(earned) == 10_000


@pytest.mark.parametrize(("earned", "most"), [(1, FREE_ROUNDS), (6_553, 9), (60_000, 100)])
def test_crumbs_end_it(earned, most):
    assert taken(earned) <= most


def test_nothing_at_all_ends_it_soon():
    assert taken(0) == MAX_IDLE_ROUNDS


def test_a_long_good_run_pays_for_a_bounded_number_of_bad_rounds():
    rounds = Rounds()
    rounds.earn(1 << 40)
    granted = 0
    while rounds.take():
        granted += 1
        rounds.earn(1)
    assert granted < 100
