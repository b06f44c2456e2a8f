"""Rate how well a title matches a query with typing errors. Pure."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

from rapidfuzz.distance import OSA

from services.search.index.entry import TitleRow
from services.search.index.stages import typos_allowed
from services.search.query.parse import ParsedQuery
from services.search.ranking.grade import FREE_HALVINGS

BEGINNING_COST = 0.4
WORDS_COST = 0.45
PEOPLE_COST = 0.75
EXTRA_WORD_COST = 0.06
MISSING_WORD_COST = 2.2
VARIANT_COST = 0.5
POPULARITY_GAIN = 0.35
"""Typing errors that popularity makes up for at most; less than one, so that fewer errors usually win."""
LENGTH_COST = 0.5
MAX_TYPOS = 3


@dataclass(frozen=True, slots=True)
class Resemblance:
    """How a title resembles a query: `typos` in all, and `cost`, by which results are ordered."""

    row: TitleRow
    typos: int
    cost: float


def rate_titles(rows: Sequence[TitleRow], query: ParsedQuery, weigh: Callable[[TitleRow], float]) -> list[Resemblance]:
    """The rows that resemble the query, best first; `weigh` gives the weight of a title, 0 to 1."""
    allowed = allowed_typos(query)
    rated = [found for row in rows if (found := _rate(row, query, allowed, weigh)) is not None]
    rated.sort(key=lambda found: (found.cost, -found.row.rank))
    return rated


def allowed_typos(query: ParsedQuery) -> int:
    """Typing errors allowed in a whole query."""
    letters = len(query.line)
    most = sum(typos_allowed(word.text) for word in query.words)
    return min(MAX_TYPOS, max(most, 0 if letters < 4 else 1 if letters < 6 else 2 if letters < 12 else 3))


def _rate(row: TitleRow, query: ParsedQuery, allowed: int, weigh: Callable[[TitleRow], float]) -> Resemblance | None:
    line, size = query.line, len(query.line)
    best: tuple[float, int] | None = None
    for form in row.forms:
        variant = 0.0 if form in row.same else VARIANT_COST
        gap = len(form) - size
        if -allowed <= gap <= allowed and (typos := OSA.distance(line, form, score_cutoff=allowed)) <= allowed:
            best = _lesser(best, typos + variant, typos)
        if gap > 0:
            typos = _beginning_typos(line, form, allowed)
            if typos <= allowed:
                missing = max(0.0, math.log2(len(form) / size) - FREE_HALVINGS)
                best = _lesser(best, typos + variant + BEGINNING_COST + LENGTH_COST * missing, typos)
    if best is None or best[1] > 1:
        words = _words_cost(row, query, allowed)
        best = words if best is None or (words is not None and words[0] < best[0]) else best
    return None if best is None else Resemblance(row, best[1], best[0] - POPULARITY_GAIN * weigh(row))


def _lesser(best: tuple[float, int] | None, cost: float, typos: int) -> tuple[float, int]:
    return best if best is not None and best[0] <= cost else (cost, typos)


def _beginning_typos(line: str, form: str, allowed: int) -> int:
    """Typing errors of a line as the beginning of a title, which may be a letter shorter or longer than it."""
    size = len(line)
    best = OSA.distance(line, form[:size], score_cutoff=allowed)
    for cut in (size - 1, size + 1):
        if best > 1 and 0 < cut < len(form):
            best = min(best, OSA.distance(line, form[:cut], score_cutoff=allowed))
    return best


def _words_cost(row: TitleRow, query: ParsedQuery, allowed: int) -> tuple[float, int] | None:
    """(cost, typing errors) of the words one by one in title and cast; None if too many are missing."""
    names: list[str] = []
    total, missing, people = 0, 0, 0
    for index, word in enumerate(query.words):
        last = index == len(query.words) - 1
        typos = _word_typos(word.text, row.tokens, last=last)
        if typos != 0:
            names = names or " ".join(row.people).split()
            among = _word_typos(word.text, names, last=last)
            if among is not None and (typos is None or among < typos):
                typos = among
                people += 1
        if typos is None:
            missing += 1
        else:
            total += typos
    if missing > len(query.words) // 3 or total > allowed or missing == len(query.words):
        return None
    extra = max(0, len(row.tokens) - len(query.words))
    base = PEOPLE_COST if people else WORDS_COST
    return total + base + missing * MISSING_WORD_COST + EXTRA_WORD_COST * min(extra, 5), total


def is_whole(row: TitleRow, query: ParsedQuery) -> bool:
    """Whether a query is the whole of a title with typing errors."""
    allowed = allowed_typos(query)
    return any(OSA.distance(query.line, form, score_cutoff=allowed) <= allowed for form in row.forms)


def correct_words(row: TitleRow, query: ParsedQuery) -> str | None:
    """The query with each misspelt word as title and cast have it; None if none of them has one."""
    own = dict.fromkeys([*row.tokens, *" ".join(row.people).split()])
    made = [_correct_word(word.text, own) for word in query.words]
    return " ".join(made) if made != [word.text for word in query.words] else None


def _correct_word(word: str, own: Collection[str]) -> str:
    allowed = typos_allowed(word)
    if word in own or not allowed:
        return word
    nearest = min(own, key=lambda token: OSA.distance(word, token), default=word)
    return nearest if OSA.distance(word, nearest) <= allowed else word


def _word_typos(word: str, own: Sequence[str], *, last: bool) -> int | None:
    """The fewest typing errors of a word among others; None if it resembles none."""
    if word in own:
        return 0
    if last and any(token.startswith(word) for token in own):
        return 0
    allowed = typos_allowed(word)
    if not allowed:
        return None
    size = len(word)
    best = allowed + 1
    for token in own:
        gap = len(token) - size
        if -allowed <= gap <= allowed:
            best = min(best, OSA.distance(word, token, score_cutoff=allowed))
        elif last and gap > 0:
            best = min(best, OSA.distance(word, token[:size], score_cutoff=1))
        if best == 1:
            break
    return best if best <= allowed else None
