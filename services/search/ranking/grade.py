"""Grade how well a title matches a query without typing errors. Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from enum import IntEnum

from services.search.index.entry import TitleRow
from services.search.query.parse import ParsedQuery, QueryWord

COVERAGE_WEIGHT = 0.75
"""How much a title gains when the query has all of its words."""
POPULARITY_POINTS, MISSING_POINTS, OTHER_FORM_POINTS = 5.0, 2.5, 2.0
"""What orders beginnings: popularity, each halving of the share typed, and a form other than the title as written."""
FREE_HALVINGS = 0.7
"""So much may be missing at no cost: viewers stop typing when they see the title."""


class Grade(IntEnum):
    """Where and how the words of a query match a title; a higher one is better."""

    NONE = 0
    TEXT = 1
    """In the description, the genres or the characters."""
    PEOPLE_BEGIN = 2
    """In title and cast, the last word only as the beginning of a name."""
    JOINED_BEGIN = 3
    """The beginning of the title with its words typed as one."""
    MIXED = 4
    """Some words in the title, the others in the cast."""
    PEOPLE = 5
    """All in the names of the cast."""
    PERSON = 6
    """The whole name of one of the cast."""
    WORDS_BEGIN = 7
    """All in the title, the last as a beginning."""
    WORDS = 8
    """All in the title."""
    PHRASE = 9
    """In the title, one behind the other."""
    BEGINNING = 10
    """The beginning of the title."""
    WHOLE = 11
    """The whole title in another form: no article, numbers as digits, joined."""
    SAME = 12
    """The whole title as written."""


SCORES = {grade: float(grade) for grade in Grade} | {Grade.WHOLE: 10.2}
"""A title of a lower grade can pass one of a higher grade only where the difference is less than one."""


def grade_title(row: TitleRow, query: ParsedQuery) -> Grade:
    """How well a title matches all words of a query."""
    line, lines, forms = query.line, query.lines, row.forms
    if line in row.same:
        return Grade.SAME
    begins: list[str] = []
    for form in forms:
        if form in lines:
            return Grade.WHOLE
        if form.startswith(line):
            begins.append(form)
    own = row.tokens
    if begins and any(" " in form or form in own or form in row.same for form in begins):
        return Grade.BEGINNING
    if not query.words:
        return Grade.NONE
    if _has_all(own, query.words[:-1]):
        last = query.words[-1]
        if _has(own, last):
            return Grade.PHRASE if _is_phrase(row, line) else Grade.WORDS
        if _begins(own, last):
            return Grade.WORDS_BEGIN
    by_people = _grade_people(row, query)
    return Grade.JOINED_BEGIN if begins and by_people <= Grade.PEOPLE_BEGIN else by_people


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
    return _has_all([*row.tokens, *" ".join(row.people).split()], query.words)


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


def score_title(row: TitleRow, query: ParsedQuery, grade: Grade, weight: float) -> float:
    """The number by which exact matches are ordered: the grade, how much of the title was typed, and its `weight`."""
    if grade >= Grade.WHOLE:
        closeness = _whole_closeness(row, query)
    elif grade in (Grade.PEOPLE, Grade.PERSON, Grade.TEXT):
        closeness = 0.0
    elif grade is Grade.JOINED_BEGIN:
        closeness = _typed_share(row.forms, query.line)
    else:
        matched = sum(1 for word in query.words if _has(row.tokens, word))
        closeness = matched / max(len(row.tokens), matched, 1)
    return SCORES[grade] + 0.9 * (COVERAGE_WEIGHT * closeness + (1 - COVERAGE_WEIGHT) * weight)


def _whole_closeness(row: TitleRow, query: ParsedQuery) -> float:
    """1 for a title with all of its letters, less without its article or with numbers in another form."""
    letters = query.line.replace(" ", "")
    return 1.0 if any(name.replace(" ", "") == letters for name in row.same) else 0.9


def score_beginning(row: TitleRow, query: ParsedQuery, weight: float) -> float:
    """The same for a title that begins with the query: popular titles first, then those of which little is missing.

    The points are chosen on one half of the films of `make eval-search`.
    """
    line = query.line
    share = _typed_share(row.same, line)
    points = POPULARITY_POINTS * weight
    if not share:
        share = _typed_share(row.forms, line) or 1e-6
        points -= OTHER_FORM_POINTS
    points -= MISSING_POINTS * max(0.0, -math.log2(share) - FREE_HALVINGS)
    return SCORES[Grade.BEGINNING] + 0.4 * (1 + points / (1 + abs(points)))


def _typed_share(lines: Sequence[str], typed: str) -> float:
    """The share that was typed of the shortest line that begins so, 0 to 1; 0 if none does."""
    shortest = min((len(line) for line in lines if line.startswith(typed)), default=0)
    return len(typed) / shortest if shortest else 0.0
