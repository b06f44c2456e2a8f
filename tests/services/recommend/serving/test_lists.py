"""The parts of a list."""

import numpy as np
import pytest

from services.recommend.serving.lists import cosines, spread_out, top_columns


@pytest.mark.parametrize("limit", [1, 2, 3, 10])
def test_the_best_columns_come_in_order_and_hidden_ones_never(limit):
    scores = np.array([1.0, 3.0, -np.inf, 3.0, 2.0], np.float32)
    assert top_columns(scores, limit).tolist() == [1, 3, 4, 0][:limit]


def test_cosines_of_nothing_are_0():
    assert cosines(np.array([[3.0, 0.0], [0.0, 0.0]], np.float32), np.array([2.0, 0.0], np.float32)).tolist() == [1, 0]


def test_a_spread_row_has_unlike_titles_and_falling_scores():
    vectors = {0: [1, 0], 1: [1, 0.01], 2: [0, 1], 3: [0.7, 0.7]}
    ranked = [(0, 3.9), (1, 3.89), (2, 3.8), (3, 3.1)]
    factors = {at: np.array(vector, np.float32) for at, vector in vectors.items()}
    found = spread_out(ranked, factors.get, 2, 0.5)
    assert [at for at, _ in found] == [0, 2]
    assert [score for _, score in found] == [3.9, 3.89]
    assert spread_out(ranked, factors.get, 3, 0.0) == ranked[:3]
    assert [at for at, _ in spread_out(ranked, lambda _: None, 4, 0.5)] == [0, 1, 2, 3]
