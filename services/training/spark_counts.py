"""Counts over all viewers on Spark, from Parquet, for histories that no single machine reads in a night.

The Parquet files hold a row a viewer and title, with the columns of COLUMNS: what `write_parquet` writes.
Rows are brought together by viewer once; each task counts its viewers with the code that counts them on one machine,
and the counts are added up. What is solved from the counts, and what is chosen, is done where the trainer runs: it
depends on the number of titles, not on that of viewers. The factors of iALS are fitted to a sample of the viewers.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from scipy import sparse

from services.recommend.marks import UserMarkRow, mark_weight
from services.recommend.models.ease import weighed_gram
from services.recommend.models.interactions import Doubles, Floats, Indices, Interactions, sort_interactions
from services.recommend.models.successors import count_pairs

COLUMNS = ("user", "item", "weight", "at", "country")
"""Text, text, double over 0, double (Unix seconds), text ("" = unknown)."""
SAMPLE_VIEWERS = 200_000
DEPTH = 2
"""Levels in which the counts of tasks are added up."""


class SparkCounts:
    """ViewingCounts of a Parquet folder; `items` are the model's. Close the session yourself."""

    def __init__(self, session: Any, path: str, items: Sequence[str], partitions: int = 64) -> None:
        self._items = list(items)
        table = session.read.parquet(path).select(*COLUMNS)
        by_user = table.rdd.map(tuple).groupBy(_user_of, partitions)
        self._users = by_user.cache()

    def sample(self, viewers: int, seed: int) -> Interactions:
        """The interactions of so many viewers at random; of all, where there are no more."""
        total = self._users.count()
        if total > viewers:
            share = min(1.0, 1.1 * viewers / total)
            users = self._users.sample(withReplacement=False, fraction=share, seed=seed).collect()[:viewers]
        else:
            users = self._users.collect()
        return build_interactions((row for _, rows in users for row in rows), self._items)

    def viewers(self) -> Floats:
        """See ViewingCounts."""
        items = self._items
        parts = self._users.mapPartitions(lambda users: [count_viewers(users, items)])
        return np.asarray(parts.treeReduce(_add, DEPTH), dtype=np.float32)

    def gram(self, titles: Indices, activity: float) -> Floats:
        """See ViewingCounts."""
        items, typical = self._items, self._typical(titles)
        parts = self._users.mapPartitions(lambda users: [part_gram(users, items, titles, activity, typical)])
        return np.asarray(parts.treeReduce(_add, DEPTH), dtype=np.float32)

    def _typical(self, titles: Indices) -> float:
        items = self._items
        sizes: dict[int, int] = self._users.mapPartitions(
            lambda users: count_sizes(users, items, titles)
        ).countByValue()
        found = np.repeat(list(sizes), list(sizes.values())) if len(sizes) else np.ones(1)
        return float(np.median(found))

    def pairs(self, titles: Indices) -> sparse.csr_matrix:
        """See ViewingCounts."""
        items = self._items
        parts = self._users.mapPartitions(lambda users: [part_pairs(users, items, titles)])
        return parts.treeReduce(_add, DEPTH)


Grouped = Iterable[tuple[str, Iterable[tuple[Any, ...]]]]


def _user_of(row: tuple[Any, ...]) -> Any:
    return row[0]


def _add(one: Any, other: Any) -> Any:
    return one + other


def build_interactions(rows: Iterable[tuple[Any, ...]], items: Sequence[str]) -> Interactions:
    """Interactions from rows with COLUMNS; those of other titles than `items` are left out."""
    number_of = {item: number for number, item in enumerate(items)}
    kept = [row for row in rows if row[1] in number_of]
    users = sorted({row[0] for row in kept})
    countries = sorted({row[4] for row in kept if row[4]})
    user_number = {user: number for number, user in enumerate(users)}
    country_number = {country: number for number, country in enumerate(countries)}
    return sort_interactions(
        Interactions(
            users,
            items,
            countries,
            np.array([user_number[row[0]] for row in kept], np.int32),
            np.array([number_of[row[1]] for row in kept], np.int32),
            np.array([row[2] for row in kept], np.float32),
            np.array([row[3] for row in kept], np.float64),
            np.array([country_number.get(row[4], -1) for row in kept], np.int32),
        )
    )


def _of_partition(users: Grouped, items: Sequence[str]) -> Interactions:
    return build_interactions((row for _, rows in users for row in rows), items)


def count_viewers(users: Grouped, items: Sequence[str]) -> Doubles:
    """The viewers of each title among those of a partition."""
    found = _of_partition(users, items)
    return np.bincount(found.item, minlength=len(items)).astype(np.float64)


def _among(users: Grouped, items: Sequence[str], titles: Indices) -> sparse.csr_matrix:
    among = _of_partition(users, items).matrix()[:, titles].tocsr()
    return among[np.diff(among.indptr) > 0]


def count_sizes(users: Grouped, items: Sequence[str], titles: Indices) -> Iterator[int]:
    """How many of these titles each viewer of a partition has watched."""
    yield from np.diff(_among(users, items, titles).indptr).tolist()


def part_gram(users: Grouped, items: Sequence[str], titles: Indices, activity: float, typical: float) -> Floats:
    """The part of the Gram matrix that the viewers of a partition make."""
    among = _among(users, items, titles)
    if not among.shape[0]:
        return np.zeros((len(titles), len(titles)), np.float32)
    return weighed_gram(among, activity, typical)


def part_pairs(users: Grouped, items: Sequence[str], titles: Indices) -> sparse.csr_matrix:
    """The part of the successor counts that the viewers of a partition make."""
    return count_pairs(_of_partition(users, items), titles)


async def write_parquet(
    session: Any, path: str, marks: AsyncIterator[Sequence[UserMarkRow]], series: Mapping[str, str]
) -> int:
    """Write the marks of a store as Parquet, for a cluster to read; how many rows. Raises StorageFailed."""
    written = 0
    async for batch in marks:
        rows = [
            (user, series.get(content, content), weight, float(at), country or "")
            for user, content, verdict, viewed, clicked, share, at, country in batch
            if (weight := mark_weight(verdict, bool(viewed), bool(clicked), share)) > 0
        ]
        if rows:
            session.createDataFrame(rows, list(COLUMNS)).write.mode("append").parquet(path)
            written += len(rows)
    return written
