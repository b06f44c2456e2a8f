"""From stored marks to interactions."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from dataclasses import replace

import numpy as np

from services.recommend.marks import UserMarkRow, mark_weight
from services.recommend.models.interactions import Indices, Interactions, sort_interactions


class InteractionsBuilder:
    """Numbers viewers, titles and countries as rows come in, and keeps the marks that speak for their title.

    `series` names the series of each episode and season: what is watched of them counts once for it.
    """

    def __init__(self, series: Mapping[str, str] | None = None) -> None:
        self._series = series or {}
        self._users: dict[str, int] = {}
        self._items: dict[str, int] = {}
        self._countries: dict[str, int] = {}
        self._columns: list[tuple[list[int], list[int], list[float], list[float], list[int]]] = []

    def add_rows(self, rows: Sequence[UserMarkRow]) -> None:
        """Add rows as `FeedbackStore.read_all_marks` gives them."""
        users, items, countries = self._users, self._items, self._countries
        user_column, item_column, weights, times, places = ([] for _ in range(5))
        for user, content, verdict, viewed, clicked, share, at, country in rows:
            weight = mark_weight(verdict, bool(viewed), bool(clicked), share)
            if weight <= 0:
                continue
            content = self._series.get(content, content)
            user_column.append(users.setdefault(user, len(users)))
            item_column.append(items.setdefault(content, len(items)))
            weights.append(weight)
            times.append(at)
            places.append(countries.setdefault(country, len(countries)) if country else -1)
        self._columns.append((user_column, item_column, weights, times, places))

    def build(self, titles: Iterable[str]) -> Interactions:
        """The interactions; the items are those of the rows and `titles`.

        Names are numbered in their alphabetical order: the same marks give the same arrays after any erasure.
        """
        users, user_number = _ranked(self._users, ())
        items, item_number = _ranked(self._items, titles)
        countries, country_number = _ranked(self._countries, ())
        parts = [np.array([value for column in self._columns for value in column[at]]) for at in range(5)]
        user, item, weight, at, country = parts if len(parts[0]) else [np.zeros(0)] * 5
        country = country.astype(np.int64)
        known = np.append(country_number, -1)
        return _once_each(
            Interactions(
                users,
                items,
                countries,
                user_number[user.astype(np.int64)],
                item_number[item.astype(np.int64)],
                weight.astype(np.float32),
                at.astype(np.float64),
                known[country].astype(np.int32),
            )
        )


def _once_each(found: Interactions) -> Interactions:
    """Sorted, and of several rows of a viewer and title one, the latest, with the largest weight."""
    found = sort_interactions(found)
    pair = found.user.astype(np.int64) * (len(found.items) + 1) + found.item
    order = np.argsort(pair, kind="stable")
    last = np.ones(len(order), dtype=bool)
    last[:-1] = pair[order][1:] != pair[order][:-1]
    if last.all():
        return found
    first = np.flatnonzero(np.concatenate([[True], last[:-1]]))
    weight = found.weight.copy()
    weight[order[last]] = np.maximum.reduceat(found.weight[order], first)
    kept = np.zeros(len(order), dtype=bool)
    kept[order[last]] = True
    return replace(found, weight=weight).rows(kept)


def _ranked(numbers: dict[str, int], more: Iterable[str]) -> tuple[list[str], Indices]:
    """(all names sorted, the new number of each old one)."""
    names = sorted({*numbers, *more})
    number_of = {name: number for number, name in enumerate(names)}
    return names, np.array([number_of[name] for name in numbers], dtype=np.int32)


async def read_interactions(
    marks: AsyncIterator[Sequence[UserMarkRow]], titles: Iterable[str], series: Mapping[str, str] | None = None
) -> Interactions:
    """The interactions of all marks; `series` as of InteractionsBuilder. Raises StorageFailed."""
    builder = InteractionsBuilder(series)
    async for rows in marks:
        builder.add_rows(rows)
    return builder.build(titles)
