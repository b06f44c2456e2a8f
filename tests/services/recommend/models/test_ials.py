"""Implicit ALS."""

import numpy as np

from services.recommend.models.ials import IalsParameters, base_matrix, fit_ials, fold_in, solve_rows

SMALL = IalsParameters(size=8, unobserved=0.1, ridge=0.02, iterations=8)


def test_each_step_minimises_the_loss_of_its_side(camps):
    matrix = camps.matrix()
    users, items = fit_ials(matrix, SMALL, seed=1)

    def loss(users):
        scores = users @ items.T
        ridge = SMALL.ridge * (np.diff(matrix.indptr) + SMALL.unobserved * matrix.shape[1])
        seen = matrix.toarray() > 0
        return (
            np.square(1 - scores[seen]).sum()
            + SMALL.unobserved * np.square(scores).sum()
            + (ridge * np.square(users).sum(axis=1)).sum()
        )

    best = solve_rows(matrix, items, SMALL)
    draw = np.random.default_rng(0)
    for _ in range(5):
        assert loss(best) < loss(best + 0.01 * draw.standard_normal(users.shape).astype(np.float32))


def test_viewers_of_one_camp_are_closer_to_its_titles(camps):
    users, items = fit_ials(camps.matrix(), SMALL, seed=1)
    scores = users @ items.T
    own = scores[1::2, :30].mean() + scores[::2, 30:].mean()
    assert own > 2 * (scores[1::2, 30:].mean() + scores[::2, :30].mean())


def test_a_viewer_who_comes_later_gets_the_same_factors(camps):
    matrix = camps.matrix()
    users, items = fit_ials(matrix, SMALL, seed=1)
    row = matrix[5]
    found = fold_in(base_matrix(items, SMALL), items, row.indices, row.data, SMALL, len(items))
    assert np.allclose(found, users[5], atol=1e-4)
