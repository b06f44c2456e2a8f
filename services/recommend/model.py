"""Item-item co-occurrence and trends: fitted to events, asked for scores. Pure: NumPy and SciPy, time passed in.

Two titles are near when the same people were drawn to both (cosine of time-decayed weights, shrunk where few people
stand behind it). Trends are time-decayed counts by country.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

Floats = NDArray[np.float64]

NEIGHBOURS = 100
"""Kept for each title."""
SHRINK = 5.0
"""So many people's worth of doubt stands against a pair of titles."""
TASTE_HALF_LIFE = 180 * 86400.0
"""Seconds after which an event counts half for tastes."""
TREND_EVENTS = 1000
"""So many events at least make a trend, where there are so many."""
MAX_EACH = 500
"""Titles of one user that count, the latest: pairs grow with the square."""


@dataclass(frozen=True)
class Columns:
    """Events as columns: indexes into `users`, `items` and `countries` (-1 = unknown), `at` in Unix seconds."""

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
    """A fitted model. `near` is items x items, CSR; `trend` and `ever` (all time) have one value an item, at most 1."""

    items: Sequence[str]
    index: Mapping[str, int]
    near: sparse.csr_matrix
    trend: Floats
    ever: Floats
    trend_by_country: Mapping[str, Floats] = field(default_factory=dict)
    events: int = 0

    def scores(self, liked: Mapping[str, float]) -> Floats:
        """A score an item for one who weighs titles as `liked` says; all zero where nothing is known of them."""
        taste = np.zeros(len(self.items))
        for content, value in liked.items():
            at = self.index.get(content)
            if at is not None and value > 0:
                taste[at] = value
        if not taste.any():
            return taste
        return np.asarray(sparse.csr_matrix(taste).dot(self.near).todense()).ravel()

    def trends(self, country: str | None) -> Floats:
        """What is watched now in a country, and with a tenth of the weight elsewhere."""
        here = self.trend_by_country.get(country) if country else None
        return self.trend if here is None else here + 0.1 * self.trend


def empty() -> Model:
    """A model that knows nothing."""
    return Model((), {}, sparse.csr_matrix((0, 0)), np.zeros(0), np.zeros(0))


def decay(at: Floats, now: float, half_life: float) -> Floats:
    """How much moments still count at `now`; the future counts as now."""
    return np.exp2(-np.maximum(0.0, now - at) / half_life)


def trend_window(at: Floats, now: float, half_life: float) -> tuple[float, float]:
    """(moment, half-life) that trends are counted by: the newest event's, and long enough that a trend is no accident.

    Where little happens, or the events are old, a window of days would hold nobody.
    """
    newest = min(now, float(at.max(initial=0.0)))
    enough = min(TREND_EVENTS, len(at) / 2)
    while float(decay(at, newest, half_life).sum()) < enough:
        half_life *= 2
    return newest, half_life


def fit(events: Columns, now: float, trend_half_life: float) -> Model:
    """A model of all events."""
    if not len(events.items):
        return empty()
    near = _near(_tastes(events, now), len(events.items))
    drawn = np.maximum(0.0, events.weight)
    positive = drawn * decay(events.at, *trend_window(events.at, now, trend_half_life))
    by_country = {
        country: _scaled(_count(events.item, positive * (events.country == at), len(events.items)))
        for at, country in enumerate(events.countries)
    }
    return Model(
        items=events.items,
        index={item: at for at, item in enumerate(events.items)},
        near=near,
        trend=_scaled(_count(events.item, positive, len(events.items))),
        ever=_scaled(_count(events.item, drawn, len(events.items))),
        trend_by_country=by_country,
        events=len(events.user),
    )


def _count(item: NDArray[np.int64], weight: Floats, size: int) -> Floats:
    return np.bincount(item, weights=weight, minlength=size).astype(np.float64)


def _scaled(values: Floats) -> Floats:
    top = values.max(initial=0.0)
    return values / top if top > 0 else values


def _tastes(events: Columns, now: float) -> sparse.csr_matrix:
    """Users x items: decayed weights summed, negative ones left out, the latest MOST_EACH of a user."""
    shape = (len(events.users), len(events.items))
    weight = events.weight * decay(events.at, now, TASTE_HALF_LIFE)
    order = np.lexsort((-events.at, events.user))
    user = events.user[order]
    first = np.searchsorted(user, user)
    kept = order[np.arange(len(order)) - first < MAX_EACH]
    summed = sparse.coo_matrix((weight[kept], (events.user[kept], events.item[kept])), shape=shape).tocsr()
    # ages old as they may be, tastes are told apart by what each user did: the strongest counts 1
    summed.data = np.maximum(summed.data, 0.0)
    summed.eliminate_zeros()
    top = summed.max(axis=1).toarray().ravel()
    scale = np.divide(1.0, top, out=np.zeros_like(top), where=top > 0)
    return (sparse.diags(scale) @ summed).tocsr()


def _near(tastes: sparse.csr_matrix, size: int) -> sparse.csr_matrix:
    """Each item's nearest others by shrunk cosine, row by row in blocks so that memory stays bounded."""
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
            cosine.data *= together.data / (together.data + SHRINK)
        blocks.append(_strongest(cosine, start))
    return sparse.vstack(blocks).tocsr() if blocks else sparse.csr_matrix((size, size))


def _strongest(rows: sparse.csr_matrix, offset: int) -> sparse.csr_matrix:
    """The NEIGHBOURS largest of each row, the item itself (row number + offset) left out."""
    columns, values, ends = [], [], [0]
    for number in range(rows.shape[0]):
        part = slice(rows.indptr[number], rows.indptr[number + 1])
        others = rows.indices[part] != number + offset
        index, value = rows.indices[part][others], rows.data[part][others]
        if len(value) > NEIGHBOURS:
            top = np.argpartition(-value, NEIGHBOURS)[:NEIGHBOURS]
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
