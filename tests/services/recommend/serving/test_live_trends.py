"""Trends move with each event."""

import numpy as np

from services.recommend.models.trend import Trend
from services.recommend.serving.live_trends import LiveTrends

DAY = 86_400.0


def test_an_event_of_now_counts_more_than_trained_ones_of_long_ago():
    trends = LiveTrends(DAY)
    trends.start_from({"": Trend(np.array([9.0, 1.0]), 0.0, DAY)}, np.array([1, 0], np.int32))
    assert trends.scores("DE", 3).tolist() == [1 / 9, 1.0, 0.0]
    trends.count_event("u", 2, "DE", 10 * DAY, 10 * DAY)
    assert trends.scores(None, 3).argmax() == 2
    assert trends.scores("DE", 3).argmax() == 2
    assert trends.scores("FR", 3).tolist() == trends.scores(None, 3).tolist()


def test_a_viewer_counts_once_for_a_title():
    trends = LiveTrends(DAY)
    for _ in range(50):
        trends.count_event("fan", 0, "DE", 5.0, 5.0)
    for user in "abc":
        trends.count_event(user, 1, "DE", 5.0, 5.0)
    assert trends.scores("DE", 2).argmax() == 1


def test_an_event_of_the_future_counts_as_one_of_now():
    trends = LiveTrends(DAY)
    trends.count_event("u", 0, None, 1e9, 100.0)
    trends.count_event("v", 1, None, 100.0, 100.0)
    assert trends.scores(None, 2).tolist() == [1.0, 1.0]


def test_counts_do_not_overflow_in_years():
    trends = LiveTrends(60.0)
    for day in range(0, 4000, 10):
        trends.count_event(f"u{day}", day % 3, "DE", day * DAY, day * DAY)
    found = trends.scores("DE", 3)
    assert np.isfinite(found).all()
    assert found.argmax() == 3990 % 3
