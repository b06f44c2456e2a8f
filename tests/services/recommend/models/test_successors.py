"""What is watched after what."""

import numpy as np

from services.recommend.models.successors import count_successors
from services.recommend.models.top_weights import rows_of

ALL = np.arange(3, dtype=np.int32)


def after(found, item, size):
    weights = count_successors(found, ALL, np.bincount(found.item, minlength=size).astype(np.float32))
    return weights.scores(rows_of(ALL, np.array([item], np.int32)), np.ones(1, np.float32))


def test_order_and_distance_count(make_interactions):
    found = make_interactions([(f"u{user}", item, at) for user in range(4) for at, item in enumerate("abc", 1)])
    from_a, from_c = after(found, 0, 3), after(found, 2, 3)
    assert from_a[1] > from_a[2] > 0
    assert from_c[:3].tolist() == [0, 0, 0]


def test_titles_at_one_time_follow_each_other_both_ways_whatever_order_they_came_in(make_interactions):
    rows = [(f"u{user}", item, 5.0) for user in range(4) for item in "abc"]
    for found in (make_interactions(rows), make_interactions(rows[::-1])):
        assert after(found, 0, 3)[1] == after(found, 1, 3)[0] > 0


def test_titles_that_take_no_part_are_passed_over(make_interactions):
    found = make_interactions([("u", item, at) for at, item in enumerate("axc")])
    weights = count_successors(found, np.array([0, 1], np.int32), np.ones(3, np.float32))
    assert weights.scores(np.array([0], np.int32), np.ones(1, np.float32))[1] > 0
