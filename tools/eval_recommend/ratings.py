"""Reads MovieLens ratings as interactions, and splits them."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np

from services.recommend.models.interactions import Indices, Interactions, Mask, sort_interactions


def read_ratings(folder: Path, core: int) -> Interactions:
    """All ratings as views; viewers and titles with fewer than `core` of them are left out. Raises OSError."""
    with (folder / "ratings.csv").open(encoding="utf-8", newline="") as file:
        rows = [(row["userId"], row["movieId"], float(row["timestamp"])) for row in csv.DictReader(file)]
    users, user = np.unique([row[0] for row in rows], return_inverse=True)
    items, item = np.unique([row[1] for row in rows], return_inverse=True)
    at = np.array([row[2] for row in rows])
    kept = np.ones(len(rows), dtype=bool)
    while True:
        enough = (np.bincount(user[kept], minlength=len(users)) >= core)[user]
        enough &= (np.bincount(item[kept], minlength=len(items)) >= core)[item]
        if (enough & kept).sum() == kept.sum():
            break
        kept &= enough
    user_names, user = np.unique(users[user[kept]], return_inverse=True)
    item_names, item = np.unique(items[item[kept]], return_inverse=True)
    size = len(user)
    return sort_interactions(
        Interactions(
            user_names.tolist(),
            item_names.tolist(),
            [],
            user.astype(np.int32),
            item.astype(np.int32),
            np.ones(size, np.float32),
            at[kept],
            np.full(size, -1, np.int32),
        )
    )


def without_times(found: Interactions) -> Interactions:
    """The same rows, all at one time."""
    return sort_interactions(
        Interactions(
            found.users, found.items, found.countries, found.user, found.item, found.weight,
            np.zeros(len(found)), found.country,
        )
    )  # fmt: skip


def random_part(found: Interactions, share: float, seed: int) -> Mask:
    """A random share of each viewer's rows."""
    draw = np.random.default_rng(seed).random(len(found))
    order = np.lexsort((draw, found.user))
    user = found.user[order]
    rank = np.arange(len(order)) - np.searchsorted(user, user)
    part = np.zeros(len(found), dtype=bool)
    part[order] = rank < np.round(np.bincount(found.user)[user] * share)
    return part


def last_rows(found: Interactions) -> Mask:
    """Each viewer's last row; the rows are sorted by viewer and time."""
    last = np.ones(len(found), dtype=bool)
    last[:-1] = found.user[1:] != found.user[:-1]
    return last


def some_viewers(found: Interactions, share: float, seed: int) -> Indices:
    """A random share of the viewers, by number."""
    mixed = np.random.default_rng(seed).permutation(len(found.users))
    return np.sort(mixed[: int(share * len(mixed))]).astype(np.int32)
