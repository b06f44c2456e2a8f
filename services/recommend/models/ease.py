"""EASE^R: each title's weight for every other one, in closed form (Steck, WWW 2019), regularised as in EDLAE.

Only the most-watched titles take part, because the matrix among them is dense.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.linalg import lapack

from services.recommend.models.interactions import Floats, Indices


@dataclass(frozen=True, slots=True)
class EaseParameters:
    """`ridge` is added to the diagonal; `dropout` (0 to under 1) adds in proportion to it (Steck, NeurIPS 2020).

    `activity`: viewers count by their number of titles to the power of minus this. `rarity` lifts titles with few
    viewers: 0 is EASE^R, 1 the linear autoencoder without its constraint; what is between them ranks better.
    """

    ridge: float = 100.0
    dropout: float = 0.3
    activity: float = 0.3
    rarity: float = 0.0


def gram_matrix(found: sparse.csr_matrix, activity: float) -> Floats:
    """Titles x titles: how often two were watched by the same viewers."""
    counts = np.diff(found.indptr).astype(np.float64)
    return weighed_gram(found, activity, float(np.median(counts[counts > 0])) if counts.any() else 1.0)


def weighed_gram(found: sparse.csr_matrix, activity: float, typical: float) -> Floats:
    """The same, of a part of the viewers; `typical` is the median of all viewers' numbers of titles."""
    counts = np.diff(found.indptr).astype(np.float64)
    scale = np.power(np.maximum(counts, 1.0) / max(1.0, typical), -activity / 2)
    scaled = (sparse.diags(scale.astype(np.float32)) @ found).tocsr()
    users, items = found.shape
    if float(np.square(counts).sum()) * 20 < 2.0 * users * items**2:
        return np.asarray((scaled.T @ scaled).toarray(), dtype=np.float32)
    gram = np.zeros((items, items), np.float32)
    for start in range(0, users, 2000):
        part = scaled[start : start + 2000].toarray()
        gram += part.T @ part
    return gram


def ease_weights(gram: Floats, ridge: float, dropout: float, rarity: float = 0.0) -> Floats:
    """Row i, column j: what having watched title i says about title j."""
    return scale_weights(*invert_gram(gram, ridge, dropout), rarity)


def invert_gram(gram: Floats, ridge: float, dropout: float) -> tuple[Floats, Floats]:
    """(the inverse without its diagonal, the diagonal)."""
    matrix = np.array(gram, dtype=np.float32, order="F")
    diagonal = np.arange(len(matrix))
    matrix[diagonal, diagonal] += ridge + dropout / (1.0 - dropout) * gram[diagonal, diagonal]
    inverse = invert_symmetric(matrix)
    kept = inverse[diagonal, diagonal].copy()
    inverse[diagonal, diagonal] = 0.0
    return inverse, kept


def scale_weights(inverse: Floats, diagonal: Floats, rarity: float) -> Floats:
    """The weights of what `invert_gram` returns; so are scores by the inverse those by the weights."""
    # Few viewers have watched what has a large value on the diagonal; EASE divides by it.
    mean = float(diagonal.mean()) if len(diagonal) else 1.0
    return np.ascontiguousarray(inverse * (-np.power(diagonal / mean, rarity) / diagonal)[None, :])


def invert_symmetric(matrix: Floats) -> Floats:
    """The inverse of a positive definite matrix, which is overwritten. Raises numpy.linalg.LinAlgError."""
    factor, failed = lapack.spotrf(matrix, lower=1, overwrite_a=1)
    if not failed:
        inverse, failed = lapack.spotri(factor, lower=1, overwrite_c=1)
    if failed:
        raise np.linalg.LinAlgError("the matrix is not positive definite")
    lower = np.tril(inverse)
    result: Floats = lower + np.tril(inverse, -1).T
    return result


def most_watched(found: sparse.csr_matrix, limit: int) -> Indices:
    """The numbers of the `limit` titles that most viewers watched, ascending; titles with one viewer are left out."""
    counts: NDArray[np.int64] = np.bincount(found.indices, minlength=found.shape[1])
    order = np.lexsort((np.arange(len(counts)), -counts))[:limit]
    return np.sort(order[counts[order] > 1]).astype(np.int32)
