"""Grade how well a title matches a query without typing errors. Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from enum import IntEnum

from services.search.index.entry import TitleRow
from services.search.query.parse import ParsedQuery, QueryWord

POPULARITY_SCALE = 4.0
"""Factors of ten of popularity that count."""


COVERAGE_WEIGHT = 0.75
"""How much a title gains when the query has all of its words."""


class Grade(IntEnum):
    """Where and how the words of a query match a title; a higher one is better."""

    NONE = 0
    TEXT = 1
    """In the description, the genres or the characters."""
    PEOPLE_BEGIN = 2
    """In title and cast, the last word only as the beginning of a name."""
    MIXED = 3
    """Some words in the title, the others in the cast."""
    PEOPLE = 4
    """All in the names of the cast."""
    PERSON = 5
    """The whole name of one of the cast."""
    WORDS_BEGIN = 6
    """All in the title, the last as a beginning."""
    WORDS = 7
    """All in the title."""
    PHRASE = 8
    """In the title, one behind the other."""
    BEGINNING = 9
    """The beginning of the title."""
    WHOLE = 10
    """The whole title in another form: no article, numbers as digits, joined."""
    SAME = 11
    """The whole title as written."""


SCORES = {grade: float(grade) for grade in Grade} | {Grade.WHOLE: 9.2}
"""A title of a lower grade can pass one of a higher grade only where the difference is less than one."""


def grade_title(row: TitleRow, query: ParsedQuery) -> Grade:
    """How well a title matches all words of a query."""
    line, lines, forms = query.line, query.lines, row.forms
    if line in row.same:
        return Grade.SAME
    begins = False
    for form in forms:
        if form in lines:
            return Grade.WHOLE
        begins = begins or form.startswith(line)
    if begins:
        return Grade.BEGINNING
    if not query.words:
        return Grade.NONE
    own = row.tokens
    if _has_all(own, query.words[:-1]):
        last = query.words[-1]
        if _has(own, last):
            return Grade.PHRASE if _is_phrase(row, line) else Grade.WORDS
        if _begins(own, last):
            return Grade.WORDS_BEGIN
    return _grade_people(row, query)


def _grade_people(row: TitleRow, query: ParsedQuery) -> Grade:
    if query.line in row.people:
        return Grade.PERSON
    names = " ".join(row.people).split()
    if _has_all(names, query.words):
        return Grade.PEOPLE
    both = [*row.tokens, *names]
    if not _has_all(both, query.words[:-1]):
        return Grade.TEXT
    last = query.words[-1]
    if _has(both, last):
        return Grade.MIXED
    return Grade.PEOPLE_BEGIN if _begins(both, last) else Grade.TEXT


def has_all_words(row: TitleRow, query: ParsedQuery) -> bool:
    """Whether all words, the last one too, are whole words of title and cast."""
    own = [*row.tokens, *" ".join(row.people).split()]
    return _has_all(own, query.words)


def _has_all(own: Sequence[str], words: Sequence[QueryWord]) -> bool:
    return all(_has(own, word) for word in words)


def _has(own: Sequence[str], word: QueryWord) -> bool:
    # This runs a thousand times for a query, and a generator costs more than one comparison.
    tokens = word.tokens
    if tokens[0] in own and (len(tokens) == 1 or all(token in own for token in tokens)):
        return True
    return bool(word.others) and any(other in own for other in word.others)


def _begins(own: Sequence[str], word: QueryWord) -> bool:
    return _has(own, word) or any(token.startswith(word.text) for token in own)


def _is_phrase(row: TitleRow, line: str) -> bool:
    return any(f" {line} " in f" {form} " for form in row.forms)


def popularity_weight(row: TitleRow) -> float:
    """Popularity as 0 to 1, with a little for recent titles."""
    popular = min(1.0, math.log10(1.0 + max(0.0, row.popularity)) / POPULARITY_SCALE)
    recent = min(1.0, max(0, row.year - 1900) / 200)
    return 0.97 * popular + 0.03 * recent


def score_title(row: TitleRow, query: ParsedQuery, grade: Grade) -> float:
    """The number by which exact matches are ordered: the grade, popularity, and how much of the title was typed."""
    if grade >= Grade.BEGINNING:
        closeness = _typed_share(row, query.line)
    elif grade in (Grade.PEOPLE, Grade.PERSON, Grade.TEXT):
        closeness = 0.0
    else:
        matched = sum(1 for word in query.words if _has(row.tokens, word))
        closeness = matched / max(len(row.tokens), matched, 1)
    return SCORES[grade] + 0.9 * (COVERAGE_WEIGHT * closeness + (1 - COVERAGE_WEIGHT) * popularity_weight(row))


def score_beginning(row: TitleRow, query: ParsedQuery) -> float:
    """The same for a title that begins with the query: popular titles first, then those of which little is missing.

    The weights are chosen on one half of the films of `make eval-search`.
    """
    missing = -math.log2(max(1e-6, _typed_share(row, query.line)))
    inner = 0.4 + 0.35 * popularity_weight(row) - 0.15 * missing
    return SCORES[Grade.BEGINNING] + 0.9 * max(0.0, inner)


def _typed_share(row: TitleRow, line: str) -> float:
    """The share of a title that was typed, of its form that begins with the line, 0 to 1."""
    shortest = min((len(form) for form in row.forms if form.startswith(line)), default=len(row.forms[0]))
    return min(1.0, len(line) / max(1, shortest))
