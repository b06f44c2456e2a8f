"""Trends by country, over a window that adapts to the traffic."""

import numpy as np

from services.recommend.models.trend import fit_trend, fit_trends

DAY = 86_400.0


def test_new_events_count_more_and_each_country_has_its_own(make_interactions):
    rows = [(f"d{n}", "old", 0.0, "DE") for n in range(3)] + [(f"d{n}", "new", 100 * DAY, "DE") for n in range(2)]
    rows += [("f", "french", 100 * DAY, "FR")]
    trends = fit_trends(make_interactions(rows), DAY)
    german, french = trends["DE"].counts, trends["FR"].counts
    assert german[1] > german[2] > 0  # items are sorted: french, new, old
    assert french.tolist() == [1.0, 0.0, 0.0]
    assert trends[""].counts[1] > trends[""].counts[0]


def test_the_window_widens_until_it_holds_enough():
    at = np.arange(0, 1000 * DAY, 10 * DAY)
    items, weights = np.zeros(len(at), np.int32), np.ones(len(at), np.float32)
    slow = fit_trend(items, weights, at, 1, DAY)
    assert slow.half_life >= 64 * DAY
    busy = fit_trend(np.zeros(5000, np.int32), np.ones(5000, np.float32), np.full(5000, 9.0), 1, DAY)
    assert busy.half_life == DAY
    assert fit_trend(items[:0], weights[:0], at[:0], 2, DAY).counts.tolist() == [0.0, 0.0]
