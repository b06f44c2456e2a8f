"""Who watched what, as columns of numbers, and the order in which each viewer did. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

Floats = NDArray[np.float32]
Doubles = NDArray[np.float64]
Indices = NDArray[np.int32]
Mask = NDArray[np.bool_]

SAME_TIME_SECONDS = 1.0
"""Events of one viewer in a chain of shorter gaps have no order: an import or a script made them, nobody's evening."""


@dataclass(frozen=True)
class Interactions:
    """One row a viewer and title, sorted by viewer, time and title; `weight` is over 0 and at most 1.

    `user`, `item` and `country` (-1 = unknown) index the names; `at` is in Unix seconds.
    """

    users: Sequence[str]
    items: Sequence[str]
    countries: Sequence[str]
    user: Indices
    item: Indices
    weight: Floats
    at: Doubles
    country: Indices

    def __len__(self) -> int:
        return len(self.user)

    def rows(self, kept: Mask) -> Interactions:
        """Only these rows, with the same names."""
        columns = (self.user[kept], self.item[kept], self.weight[kept], self.at[kept], self.country[kept])
        return Interactions(self.users, self.items, self.countries, *columns)

    def matrix(self) -> sparse.csr_matrix:
        """Viewers x titles, with the weights."""
        shape = (len(self.users), len(self.items))
        return sparse.csr_matrix((self.weight, (self.user, self.item)), shape=shape, dtype=np.float32)


def sort_interactions(found: Interactions) -> Interactions:
    """The same rows in their order; of equal times, by title, so that the order of arrival means nothing."""
    order = np.lexsort((found.item, found.at, found.user))
    columns = (found.user[order], found.item[order], found.weight[order], found.at[order], found.country[order])
    return Interactions(found.users, found.items, found.countries, *columns)


def positions(user: Indices, at: Doubles) -> Doubles:
    """Each row's place in its viewer's order, from 0; rows at the same time share the mean of their places.

    The rows are sorted by viewer and time.
    """
    if not len(user):
        return np.zeros(0)
    starts = np.ones(len(user), dtype=bool)
    starts[1:] = user[1:] != user[:-1]
    firsts = np.flatnonzero(starts)
    place = np.arange(len(user)) - np.repeat(firsts, np.diff(np.append(firsts, len(user))))
    groups = starts.copy()
    groups[1:] |= at[1:] - at[:-1] >= SAME_TIME_SECONDS
    group = np.cumsum(groups) - 1
    means = np.bincount(group, weights=place) / np.bincount(group)
    return np.asarray(means[group], dtype=np.float64)


def ages(user: Indices, at: Doubles) -> Doubles:
    """How many of the viewer's rows are newer, as `positions`: 0 for the newest one."""
    place = positions(user, at)
    counts = np.bincount(user, minlength=int(user.max(initial=-1)) + 1)
    newest: Doubles = counts[user] - 1.0 - place
    return newest


ORDERED_SHARE = 0.2
"""The share of neighbours in a viewer's order that must be apart in time, so that the order is worth learning from."""


def is_ordered(found: Interactions) -> bool:
    """Whether the times say in which order viewers watched."""
    if len(found) < 2:
        return False
    same_user = found.user[1:] == found.user[:-1]
    apart = found.at[1:] - found.at[:-1] >= SAME_TIME_SECONDS
    return bool(apart[same_user].mean() > ORDERED_SHARE) if same_user.any() else False
