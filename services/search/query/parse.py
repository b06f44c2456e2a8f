"""Read what a viewer typed: words, and hints such as a year, a decade, a genre or "with Tom Hanks". Pure."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from services.search.text.fold import fold, key, query_tokens, words
from services.search.text.names import number_form, query_forms

MAX_QUERY_LENGTH = 256
"""Characters of a query."""
MAX_WORDS = 16
MAX_SYNONYMS = 8
"""Synonyms of one word or query."""
_YEAR = re.compile(r"(18[89]\d|19\d\d|20\d\d)\Z")
_DECADE = re.compile(r"(?:(18[89]|19\d|20\d)0s|([2-9])0s)\Z")
_PERSON = re.compile(r"(?:^|\s)(?:with|starring|by|mit|avec|con)\s+(.+)\Z")
_FILLERS = frozenset(["film", "films", "movie", "movies", "series", "show", "shows", "from", "of", "the", "in"])
_SIGNS = re.compile(r"\s+")


@dataclass(frozen=True, slots=True)
class QueryWord:
    """A word of a query: `tokens` a title must have all of; `others` replace it, such as `2` for `two`."""

    text: str
    tokens: tuple[str, ...]
    others: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ParsedQuery:
    """The words of a query, and `lines` to compare with whole titles, the most literal first."""

    words: tuple[QueryWord, ...]
    lines: tuple[str, ...]

    @property
    def line(self) -> str:
        """The words as one line."""
        return self.lines[0] if self.lines else ""


@dataclass(frozen=True, slots=True)
class Hints:
    """What remains of a query without its hints, and the filters that they mean; `person` is a folded name."""

    rest: ParsedQuery
    year_from: int | None = None
    year_to: int | None = None
    genres: tuple[str, ...] = ()
    person: str | None = None


def parse_query(text: str, synonyms: Mapping[str, tuple[str, ...]] | None = None) -> ParsedQuery:
    """Split a query into words; one of signs only, such as `$`, has lines but no words."""
    found = words(text)[:MAX_WORDS]
    if not found:
        signs = _SIGNS.sub("", fold(text))
        return ParsedQuery((), (signs,) if signs else ())
    return _with_words(found, synonyms or {})


def _with_words(found: list[str], synonyms: Mapping[str, tuple[str, ...]]) -> ParsedQuery:
    made = tuple(
        QueryWord(word, tuple(query_tokens(word)), _others(word, first=index == 0, synonyms=synonyms))
        for index, word in enumerate(found)
    )
    lines = query_forms(found)
    lines += [line for line in synonyms.get(" ".join(found), ()) if line not in lines][:MAX_SYNONYMS]
    return ParsedQuery(made, tuple(lines))


def _others(word: str, *, first: bool, synonyms: Mapping[str, tuple[str, ...]]) -> tuple[str, ...]:
    digits = number_form(word, first=first)
    others = [] if digits == word else [digits]
    others += [other for other in synonyms.get(word, ()) if " " not in other]
    return tuple(dict.fromkeys(others))[:MAX_SYNONYMS]


def read_hints(text: str, genres: Collection[str], synonyms: Mapping[str, tuple[str, ...]]) -> Hints | None:
    """The hints of a query, if it has any: `dune 2021`, `comedy 1990s`, `with Tom Hanks`. `genres` are folded names."""
    line = " ".join(words(text)[:MAX_WORDS])
    person = None
    if found := _PERSON.search(line):
        person, line = found[1], line[: found.start()]
    kept: list[str] = []
    wanted: list[str] = []
    years: tuple[int, int] | None = None
    parts = line.split()
    at = 0
    while at < len(parts):
        span = _read_years(parts[at])
        if span is not None and years is None and (at > 0 or len(parts) > 1 or person):
            years = span
        elif (genre := _genre_at(parts, at, genres)) is not None:
            wanted.append(genre[0])
            at += genre[1] - 1
        else:
            kept.append(parts[at])
        at += 1
    if years is None and not wanted and person is None:
        return None
    if wanted or years or person:
        stripped = [word for word in kept if word not in _FILLERS]
        kept = kept if stripped else []
    rest = _with_words(kept, synonyms) if kept else ParsedQuery((), ())
    first, last = years or (None, None)
    return Hints(rest, first, last, tuple(dict.fromkeys(wanted)), person)


def _read_years(word: str) -> tuple[int, int] | None:
    if _YEAR.match(word):
        return int(word), int(word)
    found = _DECADE.match(word)
    if found is None:
        return None
    first = int(found[1] + "0") if found[1] else 1900 + int(found[2]) * 10
    return first, first + 9


def _genre_at(parts: list[str], at: int, genres: Collection[str]) -> tuple[str, int] | None:
    """(genre, number of words) if a genre's name begins at a word; plural names count too."""
    for size in (3, 2, 1):
        name = " ".join(parts[at : at + size])
        if at + size > len(parts):
            continue
        for form in (name, name.removesuffix("s"), name[:-3] + "y" if name.endswith("ies") else name):
            if form in genres:
                return form, size
    return None


def fold_synonyms(groups: Collection[Collection[str]]) -> dict[str, tuple[str, ...]]:
    """For each name of each group of synonyms, the others, all folded."""
    found: dict[str, dict[str, None]] = {}
    for group in groups:
        names = [key(name) for name in group]
        for name in names:
            found.setdefault(name, {}).update(dict.fromkeys(other for other in names if other != name))
    return {name: tuple(others)[:MAX_SYNONYMS] for name, others in found.items()}
