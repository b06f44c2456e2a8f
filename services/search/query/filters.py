"""The filters of a query, as clauses of the index and as a predicate of rows. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from tantivy import FieldType, Occur, Query

from services.search.index.entry import EVERYWHERE, TitleRow, is_licensed
from services.search.index.schema import SCHEMA


@dataclass(frozen=True, slots=True)
class Filters:
    """What a title must be to be found; None or empty does not filter.

    `country` is the viewer's (None = unknown: only titles licensed everywhere), `genres` and `cast` are folded and a
    title must have all, `maturity` is the highest minimum age, `tier` the plan that a title needs, `series` True for
    series with their seasons and episodes, False for films, `parent` the contentId that a title belongs to.
    """

    country: str | None
    genres: tuple[str, ...] = ()
    year_from: int | None = None
    year_to: int | None = None
    cast: tuple[str, ...] = ()
    language: str | None = None
    rating_from: float | None = None
    maturity: int | None = None
    tier: str | None = None
    playable: bool | None = None
    series: bool | None = None
    parent: str | None = None


def filter_clauses(filters: Filters) -> list[tuple[Any, Any]]:
    """Clauses that filter a query without changing its scores."""
    places = [EVERYWHERE] + ([filters.country] if filters.country else [])
    # Not a set query: that would visit every title of the index for each search.
    licensed = [Query.term_query(SCHEMA, "countries", place, "basic") for place in places]
    needed = [licensed[0] if len(licensed) == 1 else Query.boolean_query([(Occur.Should, one) for one in licensed])]
    needed += [Query.term_query(SCHEMA, "genres", genre, "basic") for genre in filters.genres]
    needed += [Query.term_query(SCHEMA, "cast_names", name, "basic") for name in filters.cast]
    if filters.year_from is not None or filters.year_to is not None:
        first = 1 if filters.year_from is None else max(1, filters.year_from)
        needed.append(_range("year", FieldType.Unsigned, first, filters.year_to))
    if filters.rating_from is not None:
        needed.append(_range("rating", FieldType.Float, filters.rating_from, None))
    if filters.maturity is not None:
        needed.append(_range("maturity", FieldType.Unsigned, 0, filters.maturity))
    for field, value in (("languages", filters.language), ("tier", filters.tier), ("parent", filters.parent)):
        if value is not None:
            needed.append(Query.term_query(SCHEMA, field, value, "basic"))
    clauses = [(Occur.Must, Query.const_score_query(query, 0.0)) for query in needed]
    if filters.playable:
        clauses.append((Occur.Must, Query.const_score_query(Query.term_query(SCHEMA, "playable", True), 0.0)))
    if filters.series is not None:
        film = Query.term_query(SCHEMA, "kind", "film", "basic")
        clauses.append((Occur.MustNot if filters.series else Occur.Must, Query.const_score_query(film, 0.0)))
    return clauses


def _range(field: str, kind: Any, first: float, last: float | None) -> Any:
    return Query.range_query(SCHEMA, field, kind, first, last, include_lower=True, include_upper=True)


def passes(row: TitleRow, filters: Filters) -> bool:
    """Whether a title passes the filters, as the clauses do."""
    return (
        is_licensed(row, filters.country)
        and (filters.playable is not True or row.playable)
        and (filters.tier is None or row.tier == filters.tier)
        and (filters.language is None or filters.language in row.languages)
        and (filters.maturity is None or row.maturity <= filters.maturity)
        and (filters.series is None or (row.kind != "film") == filters.series)
        and (filters.parent is None or row.parent == filters.parent)
        and (filters.rating_from is None or (row.rating is not None and row.rating >= filters.rating_from))
        and _passes_year(row, filters)
        and set(filters.cast) <= set(row.people)
        and set(filters.genres) <= {folded for folded, _ in row.genres}
    )


def _passes_year(row: TitleRow, filters: Filters) -> bool:
    if filters.year_from is None and filters.year_to is None:
        return True
    return row.year > 0 and (filters.year_from or 1) <= row.year <= (filters.year_to or 9999)
