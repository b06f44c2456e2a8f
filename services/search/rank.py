"""Rank search results: exact matches before typos, better matches first, then by popularity. Pure."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass

from rapidfuzz.distance import OSA

from services.search.words import index_text

MIN_SIMILARITY = 0.62
"""Minimum similarity (0 to 1) of a title to a misspelt query: admits two typos in six letters."""
MIN_SIMILARITY_AFTER_EXACT = 0.8
"""The same if there are exact matches: only very similar titles are listed besides them."""
ENOUGH_EXACT_MATCHES = 5
"""With this many exact matches in titles and casts, no search for typos is needed."""
_ARTICLE = re.compile(r"^(?:the|a|an|der|die|das|le|la|les|el|il) (?=.)")


@dataclass(frozen=True, slots=True)
class Candidate:
    """A title from the index: `key` is its folded words, `cast` the folded names, `score` the index's score."""

    content_id: str
    title: str
    key: str
    cast: tuple[str, ...]
    text: str
    popularity: float
    year: int
    score: float


def match_grade(candidate: Candidate, query: Sequence[str]) -> int:
    """How well a title or its cast matches the words of a query, the last of which may be a prefix.

    5: the whole title. 4: the start of the title. 3: all words in the title. 2: all in the title, the last as a prefix.
    1: all in title and cast. 0: else.
    """
    line = " ".join(query)
    own = index_text(candidate.title).split()
    if candidate.key == line or candidate.key.replace(" ", "") == line.replace(" ", ""):
        return 5
    if candidate.key.startswith(line + " ") or (len(line) > 1 and candidate.key.startswith(line)):
        return 4
    names = set(own)
    if all(word in names for word in query):
        return 3
    if _matches_as_prefix(query, own):
        return 2
    people = names.union(word for name in candidate.cast for word in name.split())
    if all(word in people for word in query):
        return 1
    return 1 if len(query) > 1 and _matches_as_prefix(query, [*people]) else 0


def _matches_as_prefix(query: Sequence[str], own: Sequence[str]) -> bool:
    known = set(own)
    return all(word in known for word in query[:-1]) and any(word.startswith(query[-1]) for word in own)


def rank_exact(candidates: Sequence[Candidate], query: Sequence[str]) -> list[tuple[int, Candidate]]:
    """(grade, candidate) of exact matches, best first."""
    graded = [(match_grade(candidate, query), candidate) for candidate in candidates]
    return sorted(graded, key=lambda pair: (-pair[0], -_weight(pair[1]), pair[1].key, pair[1].content_id))


def _weight(candidate: Candidate) -> float:
    """The index's score, raised by a third for each factor of ten in popularity."""
    return candidate.score * (1 + math.log10(1 + max(0.0, candidate.popularity)) / 3)


def merge(exact: Sequence[tuple[int, Candidate]], fuzzy: Sequence[Candidate]) -> list[Candidate]:
    """Merge without duplicates: exact in title or cast, then similar titles, then exact in the description."""
    strong = [candidate for grade, candidate in exact if grade]
    weak = [candidate for grade, candidate in exact if not grade]
    seen: dict[str, Candidate] = {}
    for candidate in (*strong, *fuzzy, *weak):
        seen.setdefault(candidate.content_id, candidate)
    return list(seen.values())


def may_be_misspelt(exact: Sequence[tuple[int, Candidate]]) -> bool:
    """Whether there are so few exact matches that the query may be misspelt."""
    return sum(1 for grade, _ in exact if grade) < ENOUGH_EXACT_MATCHES


def rank_similar(
    candidates: Sequence[Candidate], query: Sequence[str], least: float = MIN_SIMILARITY
) -> list[Candidate]:
    """The candidates with at least the similarity `least` to the query, most similar first."""
    line = " ".join(query)
    rated = [(similarity(candidate, line, query), candidate) for candidate in candidates]
    near = [(rate, candidate) for rate, candidate in rated if rate >= least]
    # 0.01 of similarity outweighs a factor of ten in popularity.
    near.sort(key=lambda pair: (-pair[0] - math.log10(1 + pair[1].popularity) / 100, pair[1].key, pair[1].content_id))
    return [candidate for _, candidate in near]


def similarity(candidate: Candidate, line: str, query: Sequence[str]) -> float:
    """The similarity of a title or a name in its cast to a query, 0 to 1; the query may be a prefix."""
    title = candidate.key
    short = _ARTICLE.sub("", title)
    rates = [
        OSA.normalized_similarity(line, title),
        0.99 * OSA.normalized_similarity(line, short),
        0.98 * OSA.normalized_similarity(" ".join(sorted(query)), " ".join(sorted(title.split()))),
        0.9 * _words_found(query, title.split()),
    ]
    rates += [
        0.97 * OSA.normalized_similarity(line, own[: len(line)]) for own in (title, short) if len(own) > len(line)
    ]
    rates += [0.93 * OSA.normalized_similarity(line, name) for name in candidate.cast]
    return max(rates)


def _words_found(query: Sequence[str], own: Sequence[str]) -> float:
    """How well the words of the query match the title's words, 0 to 1; the worst word counts twice."""
    if not own:
        return 0.0
    best = [max(_word_rate(word, other) for other in own) for word in query]
    return (sum(best) + min(best)) / (len(best) + 1)


def _word_rate(word: str, other: str) -> float:
    prefix = 0.9 if len(word) > 2 and other.startswith(word) else 0.0
    return max(prefix, OSA.normalized_similarity(word, other))
