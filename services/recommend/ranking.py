"""Rank recommendations: personal scores first, then local trends, then popularity. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from services.recommend.model import Model

Floats = NDArray[np.float64]
PERSONAL, TREND, POPULAR, SEEN = 3.0, 2.0, 1.0, 0.0
"""The base of each kind of score in rankScore; the scores of a kind lie within 1 above its base."""


@dataclass
class TitleTable:
    """All titles as arrays: position by contentId, popularity, licence and whether each can be played."""

    ids: list[str] = field(default_factory=list)
    position: dict[str, int] = field(default_factory=dict)
    popularity: list[float] = field(default_factory=list)
    licence: list[int] = field(default_factory=list)
    playable: list[bool] = field(default_factory=list)
    licences: dict[tuple[str, ...] | None, int] = field(default_factory=lambda: {None: 0})
    version: int = 0
    _positions: tuple[Sequence[str], int, NDArray[np.int64]] | None = None
    _arrays: tuple[int, Floats, NDArray[np.int64], NDArray[np.bool_]] | None = None

    def upsert(self, content_id: str, countries: tuple[str, ...] | None, popularity: float, *, playable: bool) -> None:
        """Insert or update a title."""
        licence = self.licences.setdefault(countries, len(self.licences))
        at = self.position.get(content_id)
        if at is None:
            self.position[content_id] = len(self.ids)
            self.ids.append(content_id)
            self.popularity.append(popularity)
            self.licence.append(licence)
            self.playable.append(playable)
        else:
            self.popularity[at], self.licence[at], self.playable[at] = popularity, licence, playable
        self.version += 1

    def arrays(self) -> tuple[Floats, NDArray[np.int64], NDArray[np.bool_]]:
        """(popularity scaled to 1, licence numbers, playable) as arrays, cached until a title changes."""
        if self._arrays is None or self._arrays[0] != self.version:
            popularity = np.log1p(np.array(self.popularity, dtype=np.float64))
            top = popularity.max(initial=0.0)
            scaled = popularity / top if top > 0 else popularity
            self._arrays = (self.version, scaled, np.array(self.licence), np.array(self.playable, dtype=bool))
        return self._arrays[1:]

    def positions(self, items: Sequence[str]) -> NDArray[np.int64]:
        """The position of each of a model's items, -1 for unknown titles; cached."""
        if self._positions is None or self._positions[0] is not items or self._positions[1] != len(self.ids):
            where = np.array([self.position.get(item, -1) for item in items], dtype=np.int64)
            self._positions = (items, len(self.ids), where)
        return self._positions[2]

    def allowed_mask(self, country: str | None, *, playable: bool) -> NDArray[np.bool_]:
        """Mask of the titles that a viewer in a country (None = unknown) may see."""
        _, licence, can_play = self.arrays()
        licensed = np.zeros(len(self.licences), dtype=bool)
        for countries, number in self.licences.items():
            licensed[number] = countries is None or country in countries
        mask = licensed[licence] if len(licence) else np.zeros(0, dtype=bool)
        return mask & can_play if playable else mask


@dataclass(frozen=True)
class Taste:
    """The profile of one viewer: weights by contentId, titles seen, titles disliked."""

    liked: Mapping[str, float] = field(default_factory=dict)
    seen: frozenset[str] = frozenset()
    disliked: frozenset[str] = frozenset()


def rank_titles(
    table: TitleTable, model: Model, taste: Taste, country: str | None, limit: int, *, playable: bool = False
) -> list[tuple[str, float]]:
    """(contentId, rankScore) of the best `limit` titles, best first.

    Masks unlicensed and disliked titles before selecting the best. Titles already seen rank last instead of being
    left out, so that the list is empty only if no title is allowed.
    """
    popularity, _, _ = table.arrays()
    mask = table.allowed_mask(country, playable=playable)
    for content in taste.disliked:
        at = table.position.get(content)
        if at is not None:
            mask[at] = False
    score = POPULAR + 0.5 * popularity
    _raise_scores(score, table, model.items, model.all_time, POPULAR + 0.5, scale=0.499)
    _raise_scores(score, table, model.items, model.trends(country), TREND)
    _raise_scores(score, table, model.items, model.scores(taste.liked), PERSONAL)
    for content in taste.seen:
        at = table.position.get(content)
        if at is not None:
            score[at] = SEEN + 0.999 * popularity[at]
    score[~mask] = -1.0
    return [(table.ids[at], round(float(score[at]), 6)) for at in _top(score, limit) if score[at] >= 0]


def _raise_scores(
    score: Floats, table: TitleTable, items: Sequence[str], values: Floats, floor: float, *, scale: float = 0.999
) -> None:
    """Raise the score of each title with a positive value above `floor`, in the order of the values."""
    where = table.positions(items)
    found = np.flatnonzero((values > 0) & (where >= 0))
    if len(found):
        score[where[found]] = floor + scale * values[found] / values[found].max()


def _top(score: Floats, limit: int) -> list[int]:
    """Positions of the largest scores, descending; ties keep their order."""
    if len(score) > limit:
        border = np.partition(score, len(score) - limit)[len(score) - limit]
        kept = np.flatnonzero(score >= border)
    else:
        kept = np.arange(len(score))
    return [int(at) for at in kept[np.lexsort((kept, -score[kept]))][:limit]]
