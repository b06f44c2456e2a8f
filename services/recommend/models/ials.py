"""Implicit ALS with regularisation by frequency (Rendle et al., RecSys 2022), and the fold-in of one viewer."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import sparse
from scipy.linalg import lapack

from services.recommend.models.interactions import Floats, Indices


@dataclass(frozen=True, slots=True)
class IalsParameters:
    """`unobserved` is the weight of each title that a viewer did not watch; `ridge` grows with what is observed."""

    size: int = 128
    unobserved: float = 0.1
    ridge: float = 0.03
    iterations: int = 10


def initial_factors(rows: int, size: int, seed: int) -> Floats:
    """Random factors to start from."""
    found = np.random.default_rng(seed).standard_normal((rows, size), dtype=np.float32)
    return found * np.float32(0.1 / np.sqrt(size))


def fit_ials(
    found: sparse.csr_matrix, parameters: IalsParameters, seed: int, start: Floats | None = None
) -> tuple[Floats, Floats]:
    """(viewers' factors, titles' factors); `start` are titles' factors to go on from."""
    transposed = found.T.tocsr()
    items = initial_factors(found.shape[1], parameters.size, seed) if start is None else start
    users = solve_rows(found, items, parameters)
    for _ in range(parameters.iterations):
        items = solve_rows(transposed, users, parameters)
        users = solve_rows(found, items, parameters)
    return users, items


def solve_rows(found: sparse.csr_matrix, other: Floats, parameters: IalsParameters) -> Floats:
    """The factors of each row, given those of the columns."""
    base = base_matrix(other, parameters)
    solved = np.zeros((found.shape[0], other.shape[1]), np.float32)
    starts, columns, weights = found.indptr, found.indices, found.data
    for row in range(found.shape[0]):
        first, last = starts[row], starts[row + 1]
        if first < last:
            solved[row] = fold_in(base, other, columns[first:last], weights[first:last], parameters, len(other))
    return solved


def base_matrix(other: Floats, parameters: IalsParameters) -> Floats:
    """What every row's equations share: the unobserved part."""
    gram: Floats = np.float32(parameters.unobserved) * (other.T @ other)
    return gram


def fold_in(
    base: Floats, other: Floats, columns: Indices, weights: Floats, parameters: IalsParameters, total: int
) -> Floats:
    """The factors of one row that observed these columns of `total` with these weights (over 0)."""
    known = other[columns]
    matrix = base + (known * weights[:, None]).T @ known
    # The ridge grows with what the row's loss sums over: its observations, and the unobserved part of all columns.
    ridge = parameters.ridge * (float(weights.sum()) + parameters.unobserved * total)
    matrix.flat[:: len(matrix) + 1] += np.float32(max(ridge, 1e-6))
    _, solved, failed = lapack.sposv(matrix, weights @ known, lower=1, overwrite_a=1)
    return solved if not failed else np.zeros(other.shape[1], np.float32)
