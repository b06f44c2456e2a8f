"""When sessions begin."""

import pytest

from loadtest.population.arrivals import Arrivals, FlashCrowd, arrival_times, rate_at_hour


def times(arrivals, players=4000, seconds=100.0):
    return [arrival.at_s for arrival in arrival_times(arrivals, players, seconds, seed=1)]


@pytest.mark.parametrize("arrivals", [Arrivals(), Arrivals(hours=(0, 24)), Arrivals(crowds=(FlashCrowd(0.5, 0.5),))])
def test_every_player_arrives_in_order_within_the_run(arrivals):
    found = times(arrivals)
    assert len(found) == 4000
    assert found == sorted(found)
    assert found[0] >= 0
    assert found[-1] <= 100


def test_an_even_stream_is_even():
    found = times(Arrivals())
    assert sum(at < 25 for at in found) / 4000 == pytest.approx(0.25, abs=0.03)


def test_a_stream_may_end_early_to_leave_time_for_watching():
    assert max(times(Arrivals(within=0.3))) <= 30


def test_a_day_has_its_peak_in_the_evening_and_its_trough_before_dawn():
    found = times(Arrivals(hours=(0, 24)), players=24_000, seconds=24.0)
    by_hour = [sum(hour <= at < hour + 1 for at in found) for hour in range(24)]
    assert max(range(24), key=by_hour.__getitem__) in (19, 20, 21, 22)
    assert min(range(24), key=by_hour.__getitem__) in range(5, 13)
    assert max(by_hour) > 3 * min(by_hour)
    assert rate_at_hour(21) == pytest.approx(1.25)


def test_hours_past_midnight_go_on_with_the_next_day():
    late, next_day = times(Arrivals(hours=(21, 27))), times(Arrivals(hours=(21, 24)))
    assert sum(at < 50 for at in late) > sum(at < 50 for at in next_day)


def test_a_crowd_is_as_large_as_said_and_comes_at_its_time():
    crowd = FlashCrowd(at=0.4, share=0.25, lasts=0.1)
    found = arrival_times(Arrivals(crowds=(crowd,)), 4000, 100, seed=1)
    theirs = [arrival.at_s for arrival in found if arrival.crowd is crowd]
    assert len(theirs) == 1000
    assert min(theirs) >= 40
    assert max(theirs) <= 50
    assert sum(at < 43 for at in theirs) > 500, "most of a crowd comes early"


def test_crowds_never_bring_more_players_than_there_are():
    crowds = (FlashCrowd(0.1, 0.8), FlashCrowd(0.5, 0.8))
    assert len(arrival_times(Arrivals(crowds=crowds), 10, 100, seed=1)) == 10
