"""What viewers watched soon after a title: counts by order and distance, for "what next"."""

from __future__ import annotations

import numpy as np
from scipy import sparse

from services.recommend.models.interactions import Floats, Indices, Interactions, positions
from services.recommend.models.top_weights import TopWeights, strongest_of_sparse

WINDOW = 20
"""Titles after each one that count as its successors."""
FADING = 0.8
"""A successor counts by this to the power of its distance."""
SMOOTHING = 5.0
"""Viewers that each title is taken to have besides its own, so that few of them prove little."""
WIDTH = 100


def count_successors(found: Interactions, titles: Indices, viewers: Floats) -> TopWeights:
    """For each of `titles`, what was watched after it, by the share of its viewers (`viewers`, one value an item)."""
    return weigh_pairs(titles, count_pairs(found, titles), viewers)


def weigh_pairs(titles: Indices, pairs: sparse.csr_matrix, viewers: Floats) -> TopWeights:
    """The strongest successors of each title, from what `count_pairs` returns."""
    share = sparse.diags((1.0 / (viewers[titles] + SMOOTHING)).astype(np.float32)) @ pairs
    return strongest_of_sparse(titles, share.tocsr(), WIDTH)


def count_pairs(found: Interactions, titles: Indices) -> sparse.csr_matrix:
    """Titles x titles: how often one was watched soon after another, the sooner the more.

    Titles at the same time follow each other in both directions, at half the weight.
    """
    row_of = np.full(len(found.items), -1, np.int32)
    row_of[titles] = np.arange(len(titles), dtype=np.int32)
    found = found.rows(row_of[found.item] >= 0)
    item, size = row_of[found.item], len(titles)
    place = positions(found.user, found.at)
    total = sparse.csr_matrix((size, size), dtype=np.float32)
    rows: list[Indices] = []
    columns: list[Indices] = []
    weights: list[Floats] = []
    for distance in range(1, min(WINDOW, max(1, len(found) - 1)) + 1):
        same = found.user[distance:] == found.user[:-distance]
        before, after = item[:-distance][same], item[distance:][same]
        apart = (place[distance:] - place[:-distance])[same]
        weight = np.where(apart > 0, FADING ** (np.maximum(apart, 1.0) - 1), FADING ** (distance - 1.0) / 2)
        tied = apart <= 0
        rows += [before, after[tied]]
        columns += [after, before[tied]]
        weights += [weight.astype(np.float32), weight[tied].astype(np.float32)]
        if distance % 5 == 0 or distance == WINDOW:
            total = total + _summed(rows, columns, weights, size)
            rows, columns, weights = [], [], []
    if rows:
        total = total + _summed(rows, columns, weights, size)
    return total


def _summed(rows: list[Indices], columns: list[Indices], weights: list[Floats], size: int) -> sparse.csr_matrix:
    parts = (np.concatenate(weights), (np.concatenate(rows), np.concatenate(columns)))
    return sparse.coo_matrix(parts, shape=(size, size)).tocsr()
