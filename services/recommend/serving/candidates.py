"""For each audience, the titles that lists are chosen from, with the models' view of them, kept ready.

A list scores at most MAX_POOL titles however large the catalogue is: those that most viewers watched, and a share of
those that hardly anybody has watched yet. What the rest is good for, the trend and the catalogue's popularity say.

What a set holds may be older than the catalogue by a moment, so ask `TitleTable.may_show` before a title is shown.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from services.recommend.models.blend import FittedModel, Pool, make_pool
from services.recommend.models.interactions import Floats, Indices
from services.recommend.serving.live_trends import LiveTrends
from services.recommend.serving.title_table import TitleTable
from services.recommend.titles import Audience

MAX_POOL = 12_000
COLD_SHARE = 0.2
MAX_SETS = 64
MAX_NEWEST = 300
MAX_ORDER = 3_000
"""Titles of a trend that are kept in order."""
REBUILD_SECONDS = 1.0
TREND_SECONDS = 2.0
MAX_LOG_POPULARITY = 28.0
"""Above the logarithm of any popularity that the catalogue accepts."""


@dataclass
class CandidateSet:
    """The titles of an audience: `positions` side by side with `pool`; `order` is their trend, best first."""

    version: int
    built: float
    positions: Indices
    column: Indices
    """By position: the column of the title, -1 if it is not in the set."""
    pool: Pool | None
    order: Indices
    order_scores: Floats
    order_version: int
    order_built: float
    newest: Indices
    """The titles that were published last, the latest first."""


class CandidateSets:
    """The sets of the audiences asked for lately."""

    def __init__(self, table: TitleTable, trends: LiveTrends) -> None:
        self._table = table
        self._trends = trends
        self._model: FittedModel | None = None
        self._numbers: tuple[int, Indices] = (-1, np.zeros(0, np.int32))
        self._sets: OrderedDict[Audience, CandidateSet] = OrderedDict()
        self._new_factors: dict[int, Floats] = {}

    def use_model(self, model: FittedModel | None) -> None:
        """Build sets for another model from now on."""
        self._model = model
        self._numbers = (-1, np.zeros(0, np.int32))
        self._sets.clear()
        self._new_factors.clear()

    def find(self, audience: Audience, now: float) -> CandidateSet:
        """The set of an audience; `now` by the monotonic clock. It lags behind the catalogue until `refresh_one`."""
        found = self._sets.get(audience)
        if found is None:
            found = self._sets[audience] = self._build(audience, now)
            if len(self._sets) > MAX_SETS:
                self._sets.popitem(last=False)
        self._sets.move_to_end(audience)
        return found

    def refresh_one(self, now: float) -> bool:
        """Bring one set up to date, whose audience will ask again; False when none needs it. Call it often."""
        for audience, found in reversed(self._sets.items()):
            if found.version != self._table.version and now - found.built >= REBUILD_SECONDS:
                self._sets[audience] = self._build(audience, now)
                return True
            if found.order_version != self._trends.version and now - found.order_built >= TREND_SECONDS:
                self._sort(found, audience, now)
                return True
        return False

    def numbers(self) -> Indices:
        """The model's number of each title by position, -1 where it knows none."""
        size = len(self._table)
        if self._numbers[0] != size:
            known = self._numbers[1]
            number_of: Mapping[str, int] = {} if self._model is None else self._model.number_of
            more = [number_of.get(title.content_id, -1) for title in self._table.titles[len(known) :]]
            self._numbers = (size, np.concatenate([known, np.array(more, np.int32)]))
        return self._numbers[1]

    def _build(self, audience: Audience, now: float) -> CandidateSet:
        table, model = self._table, self._model
        allowed = np.flatnonzero(table.shown_mask(audience)).astype(np.int32)
        found = CandidateSet(
            table.version, now, allowed[:0], allowed[:0], None, allowed[:0], np.zeros(0, np.float32), -1, now,
            self._newest(allowed),
        )  # fmt: skip
        if model is not None:
            numbers = self.numbers()[allowed]
            viewers = np.where(numbers >= 0, model.viewers[np.maximum(numbers, 0)], 0.0) if len(model.items) else 0.0
            chosen = self._choose(allowed, np.broadcast_to(viewers, len(allowed)))
            found.positions = chosen
            found.column = np.full(len(table), -1, np.int32)
            found.column[chosen] = np.arange(len(chosen), dtype=np.int32)
            found.pool = make_pool(model, self.numbers()[chosen], self._factors(model, chosen))
        self._sort(found, audience, now, allowed)
        return found

    def _newest(self, allowed: Indices) -> Indices:
        published = self._table.columns().published[allowed].astype(np.int64) * len(self._table) + allowed
        return allowed[_largest(published, MAX_NEWEST)]

    def _choose(self, allowed: Indices, viewers: NDArray[np.floating]) -> Indices:
        if len(allowed) <= MAX_POOL:
            return allowed
        popularity = self._table.columns().popularity[allowed]
        cold = int(MAX_POOL * COLD_SHARE)
        first = _largest(viewers.astype(np.float64) + popularity / MAX_LOG_POPULARITY, MAX_POOL - cold)
        is_rest = np.ones(len(allowed), dtype=bool)
        is_rest[first] = False
        rest = allowed[is_rest]
        # Of the rest, those that nobody watched yet and that came last: new titles must find their first viewers.
        unseen = rest - viewers[is_rest].astype(np.float64) * len(self._table)
        return np.sort(np.concatenate([allowed[first], rest[_largest(unseen, cold)]]))

    def _factors(self, model: FittedModel, chosen: Indices) -> Floats:
        numbers = self.numbers()[chosen]
        factors = np.zeros((len(chosen), model.factors.shape[1]), np.float32)
        known = numbers >= 0
        factors[known] = model.factors[numbers[known]]
        if model.content is not None and not known.all():
            unknown = chosen[~known]
            missing = [int(at) for at in unknown if int(at) not in self._new_factors]
            if missing:
                made = model.content.factors([self._table.titles[at].text for at in missing])
                self._new_factors.update(zip(missing, made, strict=True))
            factors[~known] = np.stack([self._new_factors[int(at)] for at in unknown])
        return factors

    def _sort(self, found: CandidateSet, audience: Audience, now: float, allowed: Indices | None = None) -> None:
        table = self._table
        if allowed is None:
            allowed = np.flatnonzero(table.shown_mask(audience)).astype(np.int32)
        trend = self._trends.scores(audience.country, len(table))[allowed]
        popularity = table.columns().popularity[allowed] / MAX_LOG_POPULARITY
        # What is watched now first, in its order; then by the catalogue's popularity.
        score = np.where(trend > 0, 2.0 + trend / (1.0 + trend), 1.0 + 0.999 * popularity)
        order = _largest(score, MAX_ORDER)
        found.order, found.order_scores = allowed[order], score[order].astype(np.float32)
        found.order_version, found.order_built = self._trends.version, now


def _largest(values: NDArray[Any], limit: int) -> NDArray[np.intp]:
    """Where the largest values are, descending; of equal ones, the first."""
    if len(values) > limit:
        border = np.partition(values, len(values) - limit)[len(values) - limit]
        above, at_border = np.flatnonzero(values > border), np.flatnonzero(values == border)
        kept = np.concatenate([above, at_border[: limit - len(above)]])
    else:
        kept = np.arange(len(values))
    return kept[np.lexsort((kept, -values[kept]))]
