"""What lists show, counted."""

from collections import Counter

import numpy as np
import pytest

from services.recommend.serving.census import MAX_COUNTRIES, OTHERS, Census, gini, judge_lists


@pytest.mark.parametrize(
    ("counts", "value"), [([5, 5, 5, 5], 0.0), ([0, 0, 0, 8], 0.75), ([0, 4, 4], 1 / 3), ([], 0.0), ([0, 0], 0.0)]
)
def test_gini(counts, value):
    assert gini(np.array(counts, np.int32)) == pytest.approx(value)


def test_counts_are_of_the_last_two_hours():
    census = Census()
    census.count_list("DE", "blend", [0, 1], 3, 10.0)
    census.count_list("DE", "trend-late", [1], 3, 3_700.0)
    lists, shown = census.of_country("DE", 4)
    assert (lists, shown.tolist()) == (Counter({"blend": 1, "trend-late": 1}), [1, 2, 0, 0])
    census.count_list(None, "blend", [3], 4, 7_400.0)
    assert census.of_country("DE", 4)[1].tolist() == [0, 1, 0, 0]
    census.count_list(None, "blend", [3], 4, 50_000.0)
    assert census.countries() == [""]


def test_countries_beyond_the_bound_are_counted_together():
    census = Census()
    for number in range(MAX_COUNTRIES + 3):
        census.count_list(f"c{number:03}", "blend", [0], 1, 1.0)
    assert len(census.countries()) == MAX_COUNTRIES + 1
    assert census.of_country(OTHERS, 1)[0]["blend"] == 3


def test_a_country_is_judged_by_what_may_be_shown_there():
    shown, allowed = np.array([6, 2, 0, 0], np.int32), np.array([True, True, True, False])
    viewers = np.array([50, 0, 50, 0], np.float32)
    found = judge_lists(Counter({"blend": 3, "trend-late": 1}), shown, allowed, viewers)
    assert found["coverage"] == pytest.approx(2 / 3, abs=1e-6)
    assert (found["titles"], found["titlesShown"], found["coldTitles"]) == (3, 2, 1)
    assert (found["fallbackRate"], found["coldShare"]) == (0.25, 0.25)
    assert judge_lists(Counter(), shown * 0, allowed, viewers)["fallbackRate"] == 0.0
