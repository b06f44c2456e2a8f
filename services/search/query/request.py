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
    taste: Callable[[Sequence[str]], Mapping[str, float]] | None = None
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
    """One page of hits; `everything` is the query of all pages; `partial` if the time limit cut it off."""

    hits: list[Hit]
    everything: Any
    stage: str
    partial: bool = False
    suggestion: str | None = None
