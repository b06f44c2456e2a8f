"""Item-item co-occurrence and trends, fitted to feedback events. Pure: NumPy and SciPy, time passed in.

Two titles are neighbours if the same users liked both: the cosine of their time-decayed weights, shrunk towards zero
for few common users. Trends are time-decayed counts by country.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

Floats = NDArray[np.float64]

MAX_NEIGHBOURS = 100
"""Neighbours kept for each title."""
SHRINKAGE = 5.0
"""Shrinkage: a pair with n common users keeps n / (n + SHRINKAGE) of its cosine."""
TASTE_HALF_LIFE = 180 * 86400.0
"""Seconds after which an event has half its weight in a taste."""
MIN_TREND_EVENTS = 1000
"""A trend needs the decayed weight of this many events, or of half of all events if there are fewer."""
MAX_TITLES_PER_USER = 500
"""Only this many latest titles of a user are used: pairs grow with the square."""


@dataclass(frozen=True)
class EventColumns:
    """Events as columns, which index `users`, `items` and `countries` (-1 = unknown); `at` is in Unix seconds."""

    users: Sequence[str]
    items: Sequence[str]
    countries: Sequence[str]
    user: NDArray[np.int64]
    item: NDArray[np.int64]
    weight: Floats
    at: Floats
    country: NDArray[np.int64]


@dataclass(frozen=True)
class Model:
    """A fitted model. `neighbours` is items x items, CSR; `trend` and `all_time` have one value an item, 0 to 1."""

    items: Sequence[str]
    index: Mapping[str, int]
    neighbours: sparse.csr_matrix
    trend: Floats
    all_time: Floats
    trend_by_country: Mapping[str, Floats] = field(default_factory=dict)
    events: int = 0

    def scores(self, liked: Mapping[str, float]) -> Floats:
        """A score for each item for a viewer with the weights `liked`; all zero if no item has a weight."""
        taste = np.zeros(len(self.items))
        for content, value in liked.items():
            at = self.index.get(content)
            if at is not None and value > 0:
                taste[at] = value
        if not taste.any():
            return taste
        return np.asarray(sparse.csr_matrix(taste).dot(self.neighbours).todense()).ravel()

    def trends(self, country: str | None) -> Floats:
        """The trend of a country plus a tenth of the global trend; the global trend if the country has none."""
        here = self.trend_by_country.get(country) if country else None
        return self.trend if here is None else here + 0.1 * self.trend


def empty_model() -> Model:
    """A model without events."""
    return Model((), {}, sparse.csr_matrix((0, 0)), np.zeros(0), np.zeros(0))


def decay(at: Floats, now: float, half_life: float) -> Floats:
    """The weight at `now` of events at `at`, 0 to 1; events in the future have weight 1."""
    return np.exp2(-np.maximum(0.0, now - at) / half_life)


def trend_window(at: Floats, now: float, half_life: float) -> tuple[float, float]:
    """(reference time, half-life) for trends: the newest event's time, and a half-life that covers enough events.

    With few or old events, a window of a few days would be empty: the half-life doubles until it is not.
    """
    newest = min(now, float(at.max(initial=0.0)))
    enough = min(MIN_TREND_EVENTS, len(at) / 2)
    while float(decay(at, newest, half_life).sum()) < enough:
        half_life *= 2
    return newest, half_life


def fit(events: EventColumns, now: float, trend_half_life: float) -> Model:
    """Fit a model to all events."""
    if not len(events.items):
        return empty_model()
    near = _nearest_neighbours(_taste_matrix(events, now), len(events.items))
    drawn = np.maximum(0.0, events.weight)
    positive = drawn * decay(events.at, *trend_window(events.at, now, trend_half_life))
    by_country = {
        country: _scaled(_count(events.item, positive * (events.country == at), len(events.items)))
        for at, country in enumerate(events.countries)
    }
    return Model(
        items=events.items,
        index={item: at for at, item in enumerate(events.items)},
        neighbours=near,
        trend=_scaled(_count(events.item, positive, len(events.items))),
        all_time=_scaled(_count(events.item, drawn, len(events.items))),
        trend_by_country=by_country,
        events=len(events.user),
    )


def _count(item: NDArray[np.int64], weight: Floats, size: int) -> Floats:
    return np.bincount(item, weights=weight, minlength=size).astype(np.float64)


def _scaled(values: Floats) -> Floats:
    top = values.max(initial=0.0)
    return values / top if top > 0 else values


def _taste_matrix(events: EventColumns, now: float) -> sparse.csr_matrix:
    """Users x items: summed decayed weights without negative ones, of each user's MAX_TITLES_PER_USER latest events."""
    shape = (len(events.users), len(events.items))
    weight = events.weight * decay(events.at, now, TASTE_HALF_LIFE)
    order = np.lexsort((-events.at, events.user))
    user = events.user[order]
    first = np.searchsorted(user, user)
    kept = order[np.arange(len(order)) - first < MAX_TITLES_PER_USER]
    summed = sparse.coo_matrix((weight[kept], (events.user[kept], events.item[kept])), shape=shape).tocsr()
    # Scale each user's strongest taste to 1, so that users whose events are all old count too.
    summed.data = np.maximum(summed.data, 0.0)
    summed.eliminate_zeros()
    top = summed.max(axis=1).toarray().ravel()
    scale = np.divide(1.0, top, out=np.zeros_like(top), where=top > 0)
    return (sparse.diags(scale) @ summed).tocsr()


def _nearest_neighbours(tastes: sparse.csr_matrix, size: int) -> sparse.csr_matrix:
    """Each item's nearest neighbours by shrunk cosine, in blocks of rows to bound memory."""
    norms = np.sqrt(np.asarray(tastes.multiply(tastes).sum(axis=0)).ravel())
    inverse = np.divide(1.0, norms, out=np.zeros_like(norms), where=norms > 0)
    shown = tastes.copy()
    shown.data = np.ones_like(shown.data)
    unit = (tastes @ sparse.diags(inverse)).tocsr()
    blocks = []
    for start in range(0, size, 1000):
        stop = min(size, start + 1000)
        cosine = (unit[:, start:stop].T @ unit).tocsr()
        together = (shown[:, start:stop].T @ shown).tocsr()
        cosine.sort_indices()
        together.sort_indices()
        if cosine.nnz == together.nnz:
            cosine.data *= together.data / (together.data + SHRINKAGE)
        blocks.append(_strongest(cosine, start))
    return sparse.vstack(blocks).tocsr() if blocks else sparse.csr_matrix((size, size))


def _strongest(rows: sparse.csr_matrix, offset: int) -> sparse.csr_matrix:
    """The MAX_NEIGHBOURS largest values of each row, without the item itself (row number + offset)."""
    columns, values, ends = [], [], [0]
    for number in range(rows.shape[0]):
        part = slice(rows.indptr[number], rows.indptr[number + 1])
        others = rows.indices[part] != number + offset
        index, value = rows.indices[part][others], rows.data[part][others]
        if len(value) > MAX_NEIGHBOURS:
            top = np.argpartition(-value, MAX_NEIGHBOURS)[:MAX_NEIGHBOURS]
            index, value = index[top], value[top]
        columns.append(index)
        values.append(value)
        ends.append(ends[-1] + len(value))
    parts = (
        np.concatenate(values or [np.zeros(0)]),
        np.concatenate(columns or [np.zeros(0, np.int64)]),
        np.array(ends),
    )
    return sparse.csr_matrix(parts, shape=(rows.shape[0], rows.shape[1]))
