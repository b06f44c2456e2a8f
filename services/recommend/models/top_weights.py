"""Title-to-title weights: all of them among a few thousand titles, else the strongest of each title. Pure.

Dropping weights costs some percent of accuracy, and adding up whole rows of a small matrix costs no more than adding
up the few strongest of a row.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from services.recommend.models.interactions import Floats, Indices

Values = NDArray[Any]


class TitleWeights(Protocol):
    """Weights among `titles`, which holds their numbers in the model, ascending."""

    @property
    def titles(self) -> Indices:
        """The titles that take part."""

    def scores(self, rows: Indices, weights: Floats) -> Values:
        """The summed weights of each row's title for a viewer of `rows` (with `weights`); the last value is 0.

        `rows` as `rows_of` gives them.
        """


def rows_of(titles: Indices, items: Indices) -> Indices:
    """The rows of items among `titles`, ascending numbers; len(titles) for those that are not there."""
    size = len(titles)
    if not size:
        return np.zeros(len(items), np.int32)
    found = np.searchsorted(titles, items)
    return np.where(titles[np.minimum(found, size - 1)] == items, found, size).astype(np.int32)


@dataclass(frozen=True)
class DenseWeights:
    """All weights: row r, column c is what titles[r] says about titles[c]."""

    titles: Indices
    matrix: Floats

    def scores(self, rows: Indices, weights: Floats) -> Values:
        """See TitleWeights."""
        known = rows < len(self.titles)
        found = np.zeros(len(self.titles) + 1, np.float32)
        if known.any():
            found[:-1] = weights[known] @ self.matrix[rows[known]]
        return found


@dataclass(frozen=True)
class TopWeights:
    """Row r holds the titles that titles[r] speaks for, as rows (`targets`), and how much (`weights`).

    Padded with weight 0 to rows of equal length, because a list gathers some hundred of them at once.
    """

    titles: Indices
    targets: Indices
    weights: Floats

    def scores(self, rows: Indices, weights: Floats) -> Values:
        """See TitleWeights."""
        size = len(self.titles)
        known = rows < size
        rows, weights = rows[known], weights[known]
        if not len(rows) or not self.targets.size:
            return np.zeros(size + 1)
        spoken = self.weights[rows] * weights[:, None]
        return np.bincount(self.targets[rows].ravel(), weights=spoken.ravel(), minlength=size + 1)


def no_weights() -> TopWeights:
    """Weights among no titles."""
    none = np.zeros((0, 0))
    return TopWeights(np.zeros(0, np.int32), none.astype(np.int32), none.astype(np.float32))


def strongest_of_dense(titles: Indices, dense: Floats, width: int) -> TopWeights:
    """The `width` weights of largest magnitude of each row of a square matrix."""
    rows = len(dense)
    width = min(width, rows)
    targets = np.empty((rows, width), np.int32)
    weights = np.empty((rows, width), np.float32)
    for start in range(0, rows, 500):
        part = dense[start : start + 500]
        top = np.argpartition(-np.abs(part), width - 1, axis=1)[:, :width] if width < rows else _all_columns(part)
        top.sort(axis=1)
        targets[start : start + 500] = top
        weights[start : start + 500] = np.take_along_axis(part, top, axis=1)
    return TopWeights(titles, targets, weights)


def _all_columns(part: Floats) -> NDArray[np.intp]:
    return np.tile(np.arange(part.shape[1]), (len(part), 1))


def strongest_of_sparse(titles: Indices, found: sparse.csr_matrix, width: int) -> TopWeights:
    """The `width` largest weights of each row."""
    rows = found.shape[0]
    counts = np.diff(found.indptr)
    row = np.repeat(np.arange(rows), counts)
    order = np.lexsort((found.indices, -found.data, row))
    rank = np.arange(len(order)) - np.repeat(found.indptr[:-1], counts)
    kept = rank < width
    width = min(width, int(counts.max(initial=0)))
    targets = np.zeros((rows, width), np.int32)
    weights = np.zeros((rows, width), np.float32)
    targets[row[kept], rank[kept]] = found.indices[order][kept]
    weights[row[kept], rank[kept]] = found.data[order][kept]
    return TopWeights(titles, targets, weights)
