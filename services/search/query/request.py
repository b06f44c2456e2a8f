"""A search and its results, as the stages pass them on. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from services.search.index.entry import TitleRow
from services.search.query.filters import Filters
from services.search.query.parse import Hints, ParsedQuery
from services.search.ranking.grade import Grade

MAX_OFFSET = 100_000
"""Results of one search that pages reach."""


CLICK_WEIGHT = 1.2
TASTE_WEIGHT = 0.3
"""How far clicks and taste lift an exact match, in grades."""


WHOLE_TYPO_COST, CLEAR_TYPO_COST = 1.0001, 1.3
"""A title with one typing error and a cost below the first is that title; below the second it may only begin so."""


class Sort(StrEnum):
    """The order of results."""

    RELEVANCE = "relevance"
    POPULARITY = "popularity"
    YEAR = "year"
    TITLE = "title"


class Stage(StrEnum):
    """What found a result."""

    BROWSE = "browse"
    """Filters alone."""
    EXACT = "exact"
    """Its words, spelt right."""
    HINT = "hint"
    """A year, a genre or a person in the query."""
    TYPO = "typo"
    """Words that resemble those of the query."""
    PIN = "pin"
    """An operator put it there."""


@dataclass(frozen=True, slots=True)
class Boosts:
    """What lifts titles for this query and viewer, by contentId: `clicks` and `taste` 0 to 1, `pins` in order."""

    clicks: Mapping[str, float] = field(default_factory=dict)
    taste: Mapping[str, float] = field(default_factory=dict)
    pins: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class SearchRequest:
    """One search. `hints` None = the query has none; `typos` False finds exact matches only."""

    query: ParsedQuery
    filters: Filters
    hints: Hints | None = None
    limit: int = 20
    offset: int = 0
    sort: Sort = Sort.RELEVANCE
    typos: bool = True
    boosts: Boosts = field(default_factory=Boosts)


@dataclass(frozen=True, slots=True)
class Hit:
    """A result, how it was found, and its typing errors."""

    row: TitleRow
    stage: Stage
    grade: Grade = Grade.NONE
    score: float = 0.0
    typos: int = 0


@dataclass(frozen=True, slots=True)
class Results:
    """One page of hits; `everything` makes the query of all pages; `partial` if the time limit cut it off."""

    hits: list[Hit]
    everything: Callable[[], Any]
    stage: str
    partial: bool = False
    suggestion: str | None = None


def order_hits(hits: Sequence[Hit], boosts: Boosts) -> list[Hit]:
    """Hits in order, exact matches lifted by clicks and taste.

    Names with all words go first, whatever resembles them; then titles with one typing error, what hints mean, titles
    that begin so with one, names that are only begun. Any resembling title goes before descriptions: among so many
    words a misspelt one often stands.
    """
    if not boosts.clicks and not boosts.taste:
        return sorted(hits, key=lambda hit: (place_hit(hit), -hit.score, -hit.row.rank))
    lift = _lift([hit for hit in hits if hit.stage is not Stage.TYPO], boosts)
    return sorted(hits, key=lambda hit: (place_hit(hit), -hit.score - lift.get(hit.row.content_id, 0.0), -hit.row.rank))


def place_hit(hit: Hit) -> int:
    """The group of results that a hit belongs to; lower ones go first."""
    if hit.stage is Stage.TYPO:
        if hit.typos > 1 or hit.score <= -CLEAR_TYPO_COST:
            return 5
        return 1 if hit.score > -WHOLE_TYPO_COST else 3
    if hit.stage is Stage.HINT:
        return 2
    if hit.grade >= Grade.MIXED:
        return 0
    return 4 if hit.grade > Grade.TEXT else 6


def _lift(hits: Sequence[Hit], boosts: Boosts) -> dict[str, float]:
    """What clicks and taste add to the scores of exact matches, in grades."""
    ids = [hit.row.content_id for hit in hits]
    clicks, taste = boosts.clicks, boosts.taste
    return {
        name: CLICK_WEIGHT * min(1.0, clicks.get(name, 0.0)) + TASTE_WEIGHT * min(1.0, taste.get(name, 0.0))
        for name in ids
    }
