"""EASE^R."""

import numpy as np
import pytest
from scipy import sparse

from services.recommend.models.ease import ease_weights, gram_matrix, invert_symmetric, most_watched

WATCHED = sparse.csr_matrix(np.random.default_rng(1).random((40, 8)) < 0.4, dtype=np.float32)


def test_the_weights_solve_the_regression_without_a_title_predicting_itself():
    gram = gram_matrix(WATCHED, 0.0)
    assert np.allclose(gram, (WATCHED.T @ WATCHED).toarray(), atol=1e-4)
    found = ease_weights(gram, 2.0, 0.0)
    inverse = np.linalg.inv(gram.astype(np.float64) + 2.0 * np.eye(8))
    expected = np.eye(8) - inverse / np.diag(inverse)
    np.fill_diagonal(expected, 0)
    assert np.allclose(found, expected, atol=1e-4)
    shrunk = ease_weights(gram, 2.0, 0.5)
    assert np.abs(shrunk).sum() < np.abs(found).sum()


def test_rare_titles_are_lifted_up_to_the_plain_autoencoder():
    gram = gram_matrix(WATCHED, 0.0)
    inverse = np.linalg.inv(gram.astype(np.float64) + 2.0 * np.eye(8))
    plain = -(inverse - np.diag(np.diag(inverse)))
    found = ease_weights(gram, 2.0, 0.0, 1.0)
    assert np.allclose(found / np.abs(found).max(), plain / np.abs(plain).max(), atol=1e-4)


def test_busy_viewers_can_count_less():
    rows = sparse.csr_matrix(np.array([[1, 1, 0, 0], [1, 1, 1, 1], [0, 1, 1, 0]], np.float32))
    assert gram_matrix(rows, 1.0)[2, 3] == pytest.approx(2 / 4)


def test_a_matrix_that_cannot_be_inverted_is_told():
    with pytest.raises(np.linalg.LinAlgError):
        invert_symmetric(np.zeros((2, 2), np.float32, order="F"))


def test_the_most_watched_are_chosen_and_titles_of_one_viewer_left_out():
    rows = sparse.csr_matrix(np.array([[1, 1, 0, 1], [1, 0, 0, 1], [1, 0, 1, 0]], np.float32))
    assert most_watched(rows, 10).tolist() == [0, 3]
    assert most_watched(rows, 1).tolist() == [0]
