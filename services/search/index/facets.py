"""Count the values of facets over all results of a search. No I/O."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Any

from tantivy import Occur, Query

from services.search.index.stages import Clauses
from services.search.index.title_index import Snapshot

MAX_VALUES = 100
"""Values of one facet, the most frequent ones."""


class Facet(StrEnum):
    """The facets that can be asked for; each is also a filter, whose result is as large as its count."""

    GENRE = "genre"
    YEAR = "year"
    LANGUAGE = "language"
    MATURITY = "maturity"
    TIER = "tier"
    SERIES = "series"
    CAST = "cast"
    PLAYABLE = "playable"


_FIELDS = {
    Facet.GENRE: "genres",
    Facet.YEAR: "year",
    Facet.LANGUAGE: "languages",
    Facet.MATURITY: "maturity",
    Facet.TIER: "tier",
    Facet.SERIES: "kind",
    Facet.CAST: "cast_names",
    Facet.PLAYABLE: "playable",
}


def count_facets(
    snapshot: Snapshot, everything: Any, clauses: Clauses, wanted: Sequence[Facet], names: Mapping[str, str]
) -> dict[str, list[dict[str, Any]]]:
    """For each facet its values with their counts, the most frequent first. `names` shows folded genres and people."""
    if not wanted:
        return {}
    query = Query.boolean_query([(Occur.Must, everything), *clauses])
    terms = {
        facet.value: {"terms": {"field": _FIELDS[facet], "size": MAX_VALUES, "segment_size": 10_000}}
        for facet in wanted
    }
    found = snapshot.searcher.aggregate(query, terms)
    return {facet.value: _values(facet, found[facet.value]["buckets"], names) for facet in wanted}


def _values(facet: Facet, buckets: Sequence[Mapping[str, Any]], names: Mapping[str, str]) -> list[dict[str, Any]]:
    counts = [(bucket["key"], int(bucket["doc_count"])) for bucket in buckets]
    if facet is Facet.SERIES:
        films = sum(count for kind, count in counts if kind == "film")
        others = sum(count for _, count in counts) - films
        return [{"value": value, "count": count} for value, count in ((False, films), (True, others)) if count]
    if facet is Facet.PLAYABLE:
        return [{"value": bool(value), "count": count} for value, count in counts]
    if facet is Facet.YEAR:
        return [{"value": int(year), "count": count} for year, count in counts if year]
    if facet is Facet.MATURITY:
        return _up_to(counts)
    return [{"value": names.get(str(value), str(value)), "count": count} for value, count in counts]


def _up_to(counts: Sequence[tuple[Any, int]]) -> list[dict[str, Any]]:
    """Ages with the number of titles for that age or younger, as the filter `maturity` counts them."""
    total, values = 0, []
    for age, count in sorted((int(age), count) for age, count in counts):
        total += count
        values.append({"value": age, "count": total})
    return values
