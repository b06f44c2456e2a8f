"""Reads the lake with DuckDB (extra `analytics`): quality by a dimension, drop-off, and a title's counts.

Each query has a connection of its own, in memory, with a bound on its memory and threads: there is no DuckDB file,
which only one process could use. Views that are not in the lake yet are handed in as rows, and count like the others.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import duckdb

from kernel.errors import StorageFailed
from services.analytics.lake.lake_files import VIEWS, LakeFile, files_between
from services.analytics.lake.lake_store import LakeStore
from services.analytics.lake.parquet_rows import EVENT_SCHEMA, VIEW_SCHEMA, table_of
from services.analytics.views.quality import (
    DIMENSIONS,
    MAX_MINUTES,
    PERCENTILES,
    Sums,
    describe_drop_off,
    describe_quality,
)
from services.analytics.views.view import ViewRow

MAX_VIEW_SECONDS = 36 * 3600.0
"""A view's row is written when it has closed: files up to so much later are read for it."""
MAX_ROWS = 1_000
MEMORY_LIMIT = "512MB"
THREADS = 2

SUMS_SQL = """
  count(*) FILTER (part = 0) AS views,
  count(*) FILTER (part = 0 AND outcome IN ('played', 'playback-failure')) AS starts,
  count(*) FILTER (part = 0 AND outcome = 'exit-before-start') AS exits,
  count(*) FILTER (outcome = 'start-failure' AND failure_class <> 'business') AS start_failures_technical,
  count(*) FILTER (outcome = 'start-failure' AND failure_class = 'business') AS start_failures_business,
  count(*) FILTER (outcome = 'playback-failure' AND failure_class <> 'business') AS playback_failures_technical,
  count(*) FILTER (outcome = 'playback-failure' AND failure_class = 'business') AS playback_failures_business,
  CAST(sum(played_ms) AS BIGINT) AS played_ms,
  CAST(sum(stalled_ms) AS BIGINT) AS stalled_ms,
  CAST(sum(sought_ms) AS BIGINT) AS sought_ms,
  CAST(sum(stalls) AS BIGINT) AS stalls,
  CAST(sum(errors) AS BIGINT) AS errors,
  CAST(sum(switches) AS BIGINT) AS switches,
  sum(kilobits) AS kilobits,
  CAST(sum(rated_ms) AS BIGINT) AS rated_ms
"""
"""The sums of `quality.Sums`, in its order, in SQL that DuckDB and Spark both read; `views` is the reference."""
COUNTED_SQL = "outcome <> 'unreported'"


class DuckdbReader:
    """The lake as DuckDB sees it. Calls block, so they run in threads; each raises StorageFailed."""

    def __init__(self, lake: LakeStore, files: Sequence[LakeFile]) -> None:
        """`files` are all of the lake's at the moment of the views that are not in it."""
        self._lake = lake
        self._all_files = files

    def quality(
        self, by: Sequence[str], since: float, until: float, unflushed: Sequence[ViewRow], where: Mapping[str, str]
    ) -> list[dict[str, Any]]:
        """Rows of a report by dimensions, most views first: the views that started from `since` up to `until` (Unix
        seconds). `where`: only those with this value of a dimension."""
        columns = [DIMENSIONS[one] for one in by]
        shares = ", ".join(str(share) for share in PERCENTILES)
        sql = (
            f"SELECT {', '.join([*columns, SUMS_SQL])},"
            f" quantile_disc(startup_ms, [{shares}]) FILTER (part = 0 AND startup_ms >= 0) AS startups"
            f" FROM viewed WHERE {COUNTED_SQL} GROUP BY {', '.join(columns)}"
            f" ORDER BY views DESC, {', '.join(columns)} LIMIT {MAX_ROWS}"
        )
        rows = self._query_views(sql, since, until, unflushed, where)
        return [_quality_row(by, row) for row in rows]

    def drop_off(self, content_id: str, since: float, until: float, unflushed: Sequence[ViewRow]) -> dict[str, Any]:
        """How many were still watching at each minute of a title."""
        sql = (
            f"SELECT least({MAX_MINUTES}, CAST(floor(left_at_s / 60) AS INTEGER)) AS minute, count(*),"
            " max(duration_s) FROM viewed"
            " WHERE outcome IN ('played', 'playback-failure') AND left_at_s >= 0 GROUP BY minute"
        )
        rows = self._query_views(sql, since, until, unflushed, {"title": content_id})
        longest = max((row[2] for row in rows), default=-1.0)
        return {"contentId": content_id} | describe_drop_off({row[0]: row[1] for row in rows}, longest)

    def left_early(
        self, since: float, until: float, unflushed: Sequence[ViewRow], share: float, least: int
    ) -> list[dict[str, Any]]:
        """Titles that most left before `share` of their length, with at least `least` views; the worst first."""
        sql = (
            f"SELECT content_id, count(*) AS views, count(*) FILTER (left_at_s < duration_s * {share}) AS early,"
            " median(left_at_s) AS middle, max(duration_s) FROM viewed"
            " WHERE outcome IN ('played', 'playback-failure') AND left_at_s >= 0 AND duration_s > 0 AND part = 0"
            f" GROUP BY content_id HAVING count(*) >= {least} ORDER BY early / views DESC, views DESC, content_id"
            f" LIMIT {MAX_ROWS}"
        )
        return [
            {
                "contentId": title, "views": views, "leftEarly": early, "leftEarlyRatio": round(early / views, 4),
                "medianSeconds": round(middle, 1), "durationSeconds": length,
            }
            for title, views, early, middle, length in self._query_views(sql, since, until, unflushed, {})
        ]  # fmt: skip

    def sessions(
        self, since: float, until: float, unflushed: Sequence[ViewRow], where: Mapping[str, str], most: int
    ) -> list[dict[str, Any]]:
        """Views, newest first, as their rows say."""
        sql = f"SELECT {', '.join(ViewRow._fields)} FROM viewed ORDER BY started_ms DESC, session LIMIT {most}"
        rows = self._query_views(sql, since, until, unflushed, where)
        return [dict(zip(_NAMES, row, strict=True)) for row in rows]

    def view_counts(self, since: float, until: float, unflushed: Sequence[ViewRow]) -> list[dict[str, Any]]:
        """Each title's views by players' events, and by edges' logs: sessions that fetched a segment; and those that
        only one of the two knows."""
        sql = (
            "WITH players AS (SELECT DISTINCT content_id, session FROM viewed WHERE outcome <> 'unreported'),"
            " edges AS (SELECT DISTINCT content_id, session FROM logs WHERE session <> '' AND name = 'segment'"
            f" AND at_ms >= {since * 1000:.0f} AND at_ms < {until * 1000:.0f})"
            " SELECT content_id, count(players.session), count(edges.session),"
            " count(*) FILTER (edges.session IS NULL), count(*) FILTER (players.session IS NULL)"
            " FROM players FULL JOIN edges USING (content_id, session) GROUP BY content_id"
            f" ORDER BY 2 DESC, content_id LIMIT {MAX_ROWS}"
        )
        with self._connect() as connection:
            self._offer(connection, "logs", self._files(["logs"], since, until + MAX_VIEW_SECONDS), EVENT_SCHEMA)
            rows = self._run(connection, sql, since, until, unflushed, {})
        names = ("contentId", "byEvents", "byEdges", "onlyEvents", "onlyEdges")
        return [dict(zip(names, row, strict=True)) for row in rows]

    def _query_views(
        self, sql: str, since: float, until: float, unflushed: Sequence[ViewRow], where: Mapping[str, str]
    ) -> list[Any]:
        with self._connect() as connection:
            return self._run(connection, sql, since, until, unflushed, where)

    def _run(
        self, connection: Any, sql: str, since: float, until: float, unflushed: Sequence[ViewRow],
        where: Mapping[str, str],
    ) -> list[Any]:  # fmt: skip
        files = self._files([VIEWS], since, until + MAX_VIEW_SECONDS)
        self._offer(connection, "stored", files, VIEW_SCHEMA)
        connection.register("unflushed", table_of(unflushed, VIEW_SCHEMA))
        conditions = "".join(f" AND {DIMENSIONS[name]} = $text{number}" for number, name in enumerate(where))
        parameters = {f"text{number}": value for number, value in enumerate(where.values())}
        views = (
            "WITH every AS (FROM stored UNION ALL BY NAME FROM unflushed), viewed AS (FROM every WHERE"
            f" started_ms >= {since * 1000:.0f} AND started_ms < {until * 1000:.0f}{conditions})"
        )
        joined = f"{views}, {sql[5:]}" if sql.startswith("WITH ") else f"{views} {sql}"
        return list(connection.execute(joined, parameters).fetchall())

    @contextmanager
    def _connect(self) -> Iterator[Any]:
        """A connection; files that cannot be read are found both when they are named and when they are read."""
        try:
            with duckdb.connect(":memory:", config={"memory_limit": MEMORY_LIMIT, "threads": THREADS}) as connection:
                self._lake.open_for(connection)
                yield connection
        except (duckdb.Error, OSError) as error:
            raise StorageFailed(f"the lake {self._lake.name} cannot be read: {error}") from error

    def _files(self, kinds: Sequence[str], since: float, until: float) -> list[LakeFile]:
        return [file for kind in kinds for file in files_between(self._all_files, kind, since, until)]

    def _offer(self, connection: Any, name: str, files: Iterable[LakeFile], schema: Any) -> None:
        """Make files a table of this name; one without rows where there are none."""
        locations = list(self._lake.locations([file.key for file in files]))
        if not locations:
            connection.register(name, table_of([], schema))
            return
        listed = ", ".join("'" + one.replace("'", "''") + "'" for one in locations)
        connection.execute(
            f"CREATE VIEW {name} AS SELECT * FROM read_parquet([{listed}], union_by_name = true,"
            " hive_partitioning = false)"
        )


def _camel(name: str) -> str:
    first, *more = name.split("_")
    return first + "".join(word.capitalize() for word in more)


_NAMES = tuple(map(_camel, ViewRow._fields))


def _quality_row(by: Sequence[str], row: Sequence[Any]) -> dict[str, Any]:
    keys = dict(zip(by, row, strict=False))
    sums = Sums(*row[len(by) : -1])
    startups = row[-1] or [None] * len(PERCENTILES)
    names = [f"p{share * 100:.0f}" for share in PERCENTILES]
    return keys | describe_quality(sums, dict(zip(names, startups, strict=True)))
