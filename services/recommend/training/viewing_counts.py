"""What models are fitted to: counts over all viewers, taken in this process or on a cluster."""

from __future__ import annotations

from typing import Protocol

import numpy as np
from scipy import sparse

from services.recommend.models.ease import gram_matrix
from services.recommend.models.interactions import Floats, Indices, Interactions
from services.recommend.models.successors import count_pairs


class ViewingCounts(Protocol):
    """Counts over viewers; titles by their number in the model."""

    def viewers(self) -> Floats:
        """How many viewers each title has."""

    def gram(self, titles: Indices, activity: float) -> Floats:
        """`gram_matrix` among these titles."""

    def pairs(self, titles: Indices) -> sparse.csr_matrix:
        """`count_pairs` among these titles."""


class LocalCounts:
    """The counts of interactions in memory."""

    def __init__(self, found: Interactions) -> None:
        self._found = found

    def viewers(self) -> Floats:
        """See ViewingCounts."""
        return np.bincount(self._found.item, minlength=len(self._found.items)).astype(np.float32)

    def gram(self, titles: Indices, activity: float) -> Floats:
        """See ViewingCounts."""
        among = self._found.matrix()[:, titles].tocsr()
        return gram_matrix(among[np.diff(among.indptr) > 0], activity)

    def pairs(self, titles: Indices) -> sparse.csr_matrix:
        """See ViewingCounts."""
        return count_pairs(self._found, titles)


def most_viewed(viewers: Floats, limit: int) -> Indices:
    """As `most_watched`, of the numbers of viewers."""
    order = np.lexsort((np.arange(len(viewers)), -viewers))[:limit]
    return np.sort(order[viewers[order] > 1]).astype(np.int32)
