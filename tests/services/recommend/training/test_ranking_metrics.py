"""Recall and NDCG."""

import numpy as np
import pytest

from services.recommend.training.ranking_metrics import judge_scores, judge_viewers


def test_lists_are_judged_as_published():
    scores = np.array([[0.9, 0.8, 0.7, 0.6], [0.1, 0.2, 0.3, 0.4], [1, 1, 1, 1]], np.float32)
    relevant = np.array([[1, 0, 1, 0], [1, 0, 0, 0], [0, 0, 0, 0]], bool)
    found = judge_scores(scores, relevant, 3)
    assert found.viewers == 2
    assert found.recall == pytest.approx((1 + 0) / 2)
    assert found.ndcg == pytest.approx(((1 + 0.5) / (1 + 1 / np.log2(3)) + 0) / 2)
    each = judge_viewers(scores, relevant, 3)
    assert each.counted.tolist() == [True, True, False]
    assert each.recall.tolist() == [1.0, 0.0, 0.0]


def test_nothing_to_find_is_no_viewer():
    found = judge_scores(np.zeros((2, 5), np.float32), np.zeros((2, 5), bool), 9)
    assert (found.viewers, found.recall, found.size) == (0, 0.0, 5)
