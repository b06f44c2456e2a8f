"""The order of what viewers watched."""

import numpy as np

from services.recommend.models.interactions import ages, is_ordered, positions


def test_events_at_one_time_share_their_place():
    user = np.array([0, 0, 0, 0, 1, 1], np.int32)
    at = np.array([5.0, 9.0, 9.4, 10.2, 7.0, 8.0])
    # 9.0, 9.4 and 10.2 are a chain of gaps below a second: nobody watched three films in it.
    assert positions(user, at).tolist() == [0.0, 2.0, 2.0, 2.0, 0.0, 1.0]
    assert ages(user, at).tolist() == [3.0, 1.0, 1.0, 1.0, 1.0, 0.0]
    assert positions(user[:0], at[:0]).tolist() == []


def test_equal_times_are_no_order(make_interactions):
    equal = make_interactions([(f"u{number}", item, 5.0) for number in range(3) for item in "cba"])
    assert not is_ordered(equal)
    assert is_ordered(make_interactions([("u", item, at) for at, item in enumerate("abc")]))
    assert not is_ordered(make_interactions([("u", "a", 1.0)]))
    # Ratings of one sitting, of which half carry the same second, still say what came late.
    assert is_ordered(make_interactions([("u", f"{item:02}", 10.0 * (item // 3)) for item in range(30)]))


def test_rows_are_sorted_whatever_order_they_came_in(make_interactions):
    rows = [("u", "b", 5.0), ("u", "a", 5.0), ("t", "c", 9.0)]
    one, other = make_interactions(rows), make_interactions(rows[::-1])
    assert one.item.tolist() == other.item.tolist() == [2, 0, 1]
    assert one.matrix().toarray().tolist() == [[0, 0, 1], [1, 1, 0]]
