"""All titles of the catalogue by position: where each may be shown, and what rows are made of. Pure."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field

import numpy as np

from services.recommend.models.interactions import Floats, Indices, Mask
from services.recommend.titles import MAX_LEVELS, Audience, RecommendTitle, TitleText, find_series


@dataclass(frozen=True)
class TitleColumns:
    """The titles side by side: number of the licence, playable, maturity, popularity, newness (YYYYMMDD)."""

    licence: Indices
    playable: Mask
    maturity: Indices
    popularity: Floats
    published: Indices


@dataclass
class TitleTable:
    """Titles in the order in which they came; a position is never given to another title."""

    titles: list[RecommendTitle] = field(default_factory=list)
    position: dict[str, int] = field(default_factory=dict)
    version: int = 0
    _children: dict[str, set[str]] = field(default_factory=dict)
    _licences: dict[tuple[str, ...] | None, int] = field(default_factory=lambda: {None: 0})
    _columns: TitleColumns = field(default_factory=lambda: _empty_columns(1024))

    def __len__(self) -> int:
        return len(self.titles)

    def upsert(self, title: RecommendTitle) -> int:
        """Insert or update a title; its position."""
        at = self.position.get(title.content_id)
        if at is None:
            at = self.position[title.content_id] = len(self.titles)
            self.titles.append(title)
            if at >= len(self._columns.licence):
                self._columns = _grown_columns(self._columns)
        else:
            if (old := self.titles[at].parent) is not None:
                self._children.get(old, set()).discard(title.content_id)
            self.titles[at] = title
        if title.parent is not None:
            self._children.setdefault(title.parent, set()).add(title.content_id)
        columns = self._columns
        columns.licence[at] = self._licences.setdefault(title.countries, len(self._licences))
        columns.playable[at] = title.playable
        columns.maturity[at] = (title.maturity or 0) if title.is_listed else UNLISTED
        columns.popularity[at] = np.log1p(title.popularity)
        columns.published[at] = _date_number(title.published)
        self.version += 1
        return at

    def series_of(self, content_id: str) -> str:
        """The series of an episode or a season; any other title itself."""
        return find_series(content_id, self._parent_of)

    def _parent_of(self, content_id: str) -> str | None:
        at = self.position.get(content_id)
        return None if at is None else self.titles[at].parent

    def episodes_of(self, series: str, levels: int = MAX_LEVELS) -> int:
        """How many episodes a series has."""
        children = self._children.get(series, ())
        if levels <= 0:
            return 0
        return sum(self.episodes_of(one, levels - 1) or 1 for one in children)

    def forget_text(self, at: int) -> None:
        """Drop a title's text, once a model has made of it what it can."""
        self.titles[at] = self.titles[at]._replace(text=TitleText())

    def may_show(self, at: int, audience: Audience) -> bool:
        """Whether this audience may be shown a title now."""
        title = self.titles[at]
        return (
            title.is_listed
            and (title.countries is None or audience.country in title.countries)
            and (title.playable or not audience.playable)
            and (audience.maturity is None or (title.maturity or 0) <= audience.maturity)
        )

    def shown_mask(self, audience: Audience) -> Mask:
        """`may_show` of all titles."""
        columns = self.columns()
        licensed = np.zeros(len(self._licences), dtype=bool)
        for countries, number in self._licences.items():
            licensed[number] = countries is None or audience.country in countries
        mask: Mask = licensed[columns.licence]
        if audience.playable:
            mask &= columns.playable
        return mask & (columns.maturity <= (UNLISTED - 1 if audience.maturity is None else audience.maturity))

    def columns(self) -> TitleColumns:
        """The columns; they change with the table."""
        size, held = len(self.titles), self._columns
        return TitleColumns(
            held.licence[:size],
            held.playable[:size],
            held.maturity[:size],
            held.popularity[:size],
            held.published[:size],
        )

    def positions_of(self, content_ids: Collection[str]) -> Indices:
        """The positions of titles, -1 for unknown ones."""
        get = self.position.get
        return np.fromiter((get(one, -1) for one in content_ids), np.int32, len(content_ids))


UNLISTED = 1_000
"""The `maturity` of what nobody is shown, in columns."""


def _empty_columns(size: int) -> TitleColumns:
    return TitleColumns(
        np.zeros(size, np.int32),
        np.zeros(size, bool),
        np.zeros(size, np.int32),
        np.zeros(size, np.float32),
        np.zeros(size, np.int32),
    )


def _grown_columns(held: TitleColumns) -> TitleColumns:
    size = len(held.licence)
    return TitleColumns(
        *(
            np.concatenate([column, np.zeros(size, column.dtype)])
            for column in (held.licence, held.playable, held.maturity, held.popularity, held.published)
        )
    )


def _date_number(published: str) -> int:
    """20261130 of an ISO date, 20260000 of a year, 0 of anything else."""
    digits = published[:10].replace("-", "")
    return int(digits.ljust(8, "0")) if digits.isascii() and digits.isdigit() and len(digits) <= 8 else 0
