"""Dense and truncated title-to-title weights give the same scores where nothing is dropped."""

import numpy as np
from scipy import sparse

from services.recommend.models.top_weights import (
    DenseWeights,
    no_weights,
    rows_of,
    strongest_of_dense,
    strongest_of_sparse,
)

TITLES = np.array([2, 5, 7, 9], np.int32)
MATRIX = np.array([[0, 0.5, -2, 0], [1, 0, 0.1, 0], [0, 0, 0, 3], [0.2, 0.4, 0.3, 0]], np.float32)


def test_rows_of_titles_that_take_no_part_are_the_last_one():
    assert rows_of(TITLES, np.array([5, 6, 9, 100, -1], np.int32)).tolist() == [1, 4, 3, 4, 4]
    assert rows_of(TITLES[:0], np.array([5], np.int32)).tolist() == [0]


def test_all_ways_to_keep_weights_score_alike():
    rows, weights = rows_of(TITLES, np.array([5, 6, 9], np.int32)), np.array([1.0, 1.0, 0.5], np.float32)
    expected = [1.1, 0.2, 0.25, 0, 0]
    assert np.allclose(DenseWeights(TITLES, MATRIX).scores(rows, weights), expected)
    assert np.allclose(strongest_of_dense(TITLES, MATRIX, 4).scores(rows, weights), expected)
    assert np.allclose(strongest_of_sparse(TITLES, sparse.csr_matrix(MATRIX), 4).scores(rows, weights), expected)


def test_the_strongest_are_kept_also_the_negative_ones():
    assert np.allclose(
        strongest_of_dense(TITLES, MATRIX, 1).scores(np.array([0], np.int32), np.ones(1, np.float32)), [0, 0, -2, 0, 0]
    )
    found = strongest_of_sparse(TITLES, sparse.csr_matrix(MATRIX), 2)
    assert np.allclose(found.scores(np.array([3], np.int32), np.ones(1, np.float32)), [0, 0.4, 0.3, 0, 0])


def test_nothing_speaks_for_nothing():
    assert no_weights().scores(np.zeros(0, np.int32), np.zeros(0, np.float32)).tolist() == [0.0]
