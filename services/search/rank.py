"""The order of what was found: exact before typos, better titles first, popularity among equals. Pure."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass

from rapidfuzz.distance import OSA

from services.search.words import index_text

MIN_SIMILARITY = 0.62
"""From this similarity on (0 to 1) a title is taken for what a misspelt query meant: two typos in six letters."""
MIN_SIMILARITY_AFTER_EXACT = 0.8
"""The same where something was found exactly: only what is very near stands beside it."""
ENOUGH_EXACT_MATCHES = 5
"""So many exact finds in titles and casts make looking for typos needless."""
_ARTICLE = re.compile(r"^(?:the|a|an|der|die|das|le|la|les|el|il) (?=.)")


@dataclass(frozen=True, slots=True)
class Candidate:
    """A title that the index found: `key` its folded words, `cast` the folded names, `score` the index's."""

    content_id: str
    title: str
    key: str
    cast: tuple[str, ...]
    text: str
    popularity: float
    year: int
    score: float


def match_grade(candidate: Candidate, query: Sequence[str]) -> int:
    """How exactly a title or its cast matches the query's words, the last of which may be begun only.

    5 the very title, 4 it begins so, 3 all words in the title, 2 begun in the title, 1 in title and cast, 0 elsewhere.
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
    """The index's score lifted by popularity, each ten times as popular worth about a third more."""
    return candidate.score * (1 + math.log10(1 + max(0.0, candidate.popularity)) / 3)


def merge(exact: Sequence[tuple[int, Candidate]], fuzzy: Sequence[Candidate]) -> list[Candidate]:
    """One list without doubles: exact in title or cast, then what a typo may have meant, then words in descriptions."""
    strong = [candidate for grade, candidate in exact if grade]
    weak = [candidate for grade, candidate in exact if not grade]
    seen: dict[str, Candidate] = {}
    for candidate in (*strong, *fuzzy, *weak):
        seen.setdefault(candidate.content_id, candidate)
    return list(seen.values())


def may_be_misspelt(exact: Sequence[tuple[int, Candidate]]) -> bool:
    """Whether so little was found exactly that the query may be misspelt."""
    return sum(1 for grade, _ in exact if grade) < ENOUGH_EXACT_MATCHES


def rank_similar(
    candidates: Sequence[Candidate], query: Sequence[str], least: float = MIN_SIMILARITY
) -> list[Candidate]:
    """Those that a misspelt query may have meant (at least so similar), likeliest first."""
    line = " ".join(query)
    rated = [(similarity(candidate, line, query), candidate) for candidate in candidates]
    near = [(rate, candidate) for rate, candidate in rated if rate >= least]
    # a hundredth of similarity is worth about ten times the popularity
    near.sort(key=lambda pair: (-pair[0] - math.log10(1 + pair[1].popularity) / 100, pair[1].key, pair[1].content_id))
    return [candidate for _, candidate in near]


def similarity(candidate: Candidate, line: str, query: Sequence[str]) -> float:
    """How near a title (or a name in its cast) is to a query line, 0 to 1; the query may stop before the end."""
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
    """How well each word of the query is found among a title's words, the worst word counting double."""
    if not own:
        return 0.0
    best = [max(_word_rate(word, other) for other in own) for word in query]
    return (sum(best) + min(best)) / (len(best) + 1)


def _word_rate(word: str, other: str) -> float:
    begun = 0.9 if len(word) > 2 and other.startswith(word) else 0.0
    return max(begun, OSA.normalized_similarity(word, other))
