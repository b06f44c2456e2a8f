"""Suggestions while a viewer types: titles, people and genres by their beginnings. Pure."""

from __future__ import annotations

import heapq
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import islice

import numpy as np

from services.search.index.entry import TitleRow
from services.search.text.fold import key
from services.search.text.names import strip_article

MAX_PREFIX = 100
"""Characters of a prefix."""
MAX_RANKED = 500
"""Entries of one prefix that may be shown, the most popular ones."""
SHORT = 2
"""Prefixes up to this length are kept with their most popular entries."""


class SuggestionKind(StrEnum):
    """What a suggestion names."""

    TITLE = "title"
    PERSON = "person"
    GENRE = "genre"


@dataclass(frozen=True, slots=True)
class Suggestion:
    """A completion: `content_id` of a title only."""

    text: str
    kind: SuggestionKind
    content_id: str | None
    weight: float
    countries: frozenset[str] | None
    """Where one of its titles is licensed; None = everywhere."""
    maturity: int = 0
    """The lowest minimum age of its titles."""


class PrefixTable:
    """All suggestions of one state of the index, sorted by their folded text."""

    def __init__(self, rows: Iterable[TitleRow]) -> None:
        entries: list[tuple[str, int]] = []
        self._suggestions: list[Suggestion] = []
        for suggestion, lines in _make_suggestions(rows):
            number = len(self._suggestions)
            self._suggestions.append(suggestion)
            entries += [(line, number) for line in lines]
        entries.sort()
        self._lines = [line for line, _ in entries]
        self._numbers = [number for _, number in entries]
        self._weights = np.array([self._weight(number) for number in self._numbers])
        self._short: dict[str, list[int]] = self._keep_short()

    def _keep_short(self) -> dict[str, list[int]]:
        """The most popular entries of each short prefix, which has too many to compare at each key press."""
        groups: dict[str, list[int]] = {}
        for line, number in zip(self._lines, self._numbers, strict=True):
            for size in range(1, min(SHORT, len(line)) + 1):
                groups.setdefault(line[:size], []).append(number)
        weight = self._weight
        return {prefix: heapq.nlargest(MAX_RANKED, found, key=weight) for prefix, found in groups.items()}

    def _weight(self, number: int) -> float:
        return self._suggestions[number].weight

    def suggest(self, typed: str, country: str | None, maturity: int | None, limit: int) -> list[Suggestion]:
        """The most popular completions of what was typed that a viewer in `country` may see.

        `maturity` is the highest minimum age that the viewer's profile is shown, None = no limit.
        """
        prefix = key(typed)[:MAX_PREFIX]
        if not prefix:
            return []
        if len(prefix) <= SHORT:
            numbers: Sequence[int] = self._short.get(prefix, ())
        else:
            first = bisect_left(self._lines, prefix)
            numbers = self._most_popular(first, bisect_right(self._lines, prefix + "\U0010ffff"))
        shown = (one for number in numbers if _may_show(one := self._suggestions[number], country, maturity))
        return list(islice(_one_of_each_text(shown), limit))

    def _most_popular(self, first: int, last: int) -> Sequence[int]:
        """The entries from `first` to `last`, the most popular first; of many the best ones."""
        weights = self._weights[first:last]
        chosen = np.arange(len(weights))
        if len(weights) > MAX_RANKED:
            chosen = np.argpartition(weights, -MAX_RANKED)[-MAX_RANKED:]
        order = chosen[np.argsort(-weights[chosen], kind="stable")]
        return [self._numbers[first + at] for at in order]


def _one_of_each_text(found: Iterable[Suggestion]) -> Iterable[Suggestion]:
    """Suggestions without a second one of the same text and kind, such as a remake of the same name."""
    known: set[tuple[str, str]] = set()
    for suggestion in found:
        if (mark := (key(suggestion.text), suggestion.kind)) not in known:
            known.add(mark)
            yield suggestion


def _may_show(suggestion: Suggestion, country: str | None, maturity: int | None) -> bool:
    if maturity is not None and suggestion.maturity > maturity:
        return False
    return suggestion.countries is None or (country is not None and country in suggestion.countries)


def _make_suggestions(rows: Iterable[TitleRow]) -> Iterable[tuple[Suggestion, list[str]]]:
    """(suggestion, lines by which it is found) of titles, then of people and genres with all of their titles."""
    people: dict[str, _Group] = {}
    genres: dict[str, _Group] = {}
    for row in rows:
        countries = None if row.countries is None else frozenset(row.countries)
        title = Suggestion(row.title, SuggestionKind.TITLE, row.content_id, row.popularity, countries, row.maturity)
        lines = {line: None for same in row.same for line in (same, " ".join(strip_article(same.split())))}
        yield title, list(lines)
        for shown in row.shown_people:
            people.setdefault(key(shown), _Group(shown)).count_title(row)
        for folded, shown in row.genres:
            genres.setdefault(folded, _Group(shown)).count_title(row)
    for kind, groups in ((SuggestionKind.PERSON, people), (SuggestionKind.GENRE, genres)):
        for folded, group in groups.items():
            words = folded.split()
            starts = [" ".join(words[at:]) for at in range(min(len(words), 4))]
            yield group.suggestion(kind), starts or [folded]


class _Group:
    """The titles of a person or a genre: the sum of their popularity, and where one is licensed."""

    def __init__(self, shown: str) -> None:
        self._shown = shown
        self._weight = 0.0
        self._everywhere = False
        self._maturity = 99
        self._countries: set[str] = set()

    def count_title(self, row: TitleRow) -> None:
        self._weight += row.popularity
        self._maturity = min(self._maturity, row.maturity)
        if row.countries is None:
            self._everywhere = True
        else:
            self._countries.update(row.countries)

    def suggestion(self, kind: SuggestionKind) -> Suggestion:
        countries = None if self._everywhere else frozenset(self._countries)
        return Suggestion(self._shown, kind, None, self._weight, countries, self._maturity)
