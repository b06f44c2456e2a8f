"""Search one snapshot of the index in stages: exact matches by where they match, then what resembles the query."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import replace
from enum import Enum
from functools import cache, partial
from itertools import chain
from typing import Any

from tantivy import Occur, Query

from services.search.index import stages
from services.search.index.entry import TitleRow
from services.search.index.schema import SCHEMA
from services.search.index.stages import Clauses
from services.search.index.title_index import Snapshot
from services.search.query.filters import Filters, filter_clauses, passes
from services.search.query.parse import Hints, ParsedQuery
from services.search.query.request import Hit, Results, SearchRequest, Sort, Stage, order_hits, place_hit
from services.search.ranking.grade import Grade, grade_title, has_all_words, score_beginning, score_title
from services.search.ranking.typos import Resemblance, correct_words, is_whole, rate_titles

HEAD = 120
"""Titles of a stage that are graded one by one; those behind them follow by popularity."""
ENOUGH_EXACT = 10
"""With this many exact matches in titles and casts, a query is taken as spelt right."""
MAX_SIMILAR = 200
"""Titles with typing errors in the results of one query."""
HINT_SCORE = 8.5
CLEAR_GRADES = frozenset((Grade.SAME, Grade.WHOLE, Grade.PERSON))
"""Grades that alone show that a query is spelt right."""
CLEAR_COST = 2.4
"""A title that resembles a query by less than this ends the search for others."""


MAX_AT_ONCE = 48
"""Titles with all words anywhere that are graded at once; of more, those with the words in their titles come first."""

WHOLE_SCORE, BEGINNING_SCORE, WORDS_SCORE, NAMES_SCORE, TEXT_SCORE = 13.0, 10.99, 9.99, 6.99, 1.99
"""The highest score of a title that each exact stage found."""


class Spelling(Enum):
    """What the exact matches say about a query."""

    RIGHT = "right"
    """It is a title or a person, or matches many titles."""
    LIKELY = "likely"
    """Some title has all of its words: only titles one error away are looked for."""
    UNKNOWN = "unknown"


class Search:
    """One run of the stages over a snapshot. `has_time` says whether the time limit allows another stage."""

    def __init__(self, snapshot: Snapshot, request: SearchRequest, has_time: Callable[[], bool]) -> None:
        self._snapshot = snapshot
        self._request = request
        self._has_time = has_time
        self._clauses = filter_clauses(request.filters)
        self._hits: dict[str, Hit] = {}
        self._partial = False

    def run(self) -> Results:
        """The page of results."""
        request = self._request
        if not request.query.lines:
            return self._browse()
        want = request.offset + request.limit
        reading = self._hinted_reading()
        # At least so many, whatever the page: the decision about typing errors must not depend on the page.
        least = HEAD if self._has_boosts() else 2 * ENOUGH_EXACT
        self._run_stages(request.query, self._clauses, max(want, least), Stage.EXACT)
        if reading is not None:
            self._add_hinted(*reading)
        similar: list[str] = []
        if request.typos and (spelling := self._judge_spelling()) is not Spelling.RIGHT:
            similar = self._add_similar(spelling)
        everything = cache(partial(self._everything, similar, reading))
        if request.sort is not Sort.RELEVANCE:
            return self._sorted(everything)
        return self._page(everything, want, bool(similar))

    # --- stages ---

    def _has_boosts(self) -> bool:
        boosts = self._request.boosts
        return bool(boosts.clicks or boosts.taste)

    def _run_stages(self, query: ParsedQuery, clauses: Clauses, want: int, stage: Stage) -> None:
        """Collect exact matches, best stage first, until `want` titles are there."""
        # Whole titles and beginnings are ordered among one another, so both are always collected.
        self._collect(stages.whole_query(query), query, clauses, stage, WHOLE_SCORE)
        self._collect(stages.beginning_query(query), query, clauses, stage, BEGINNING_SCORE)
        if not query.words or len(self._hits) >= want or not self._still_has_time():
            return
        anywhere = stages.all_words_query(query)
        rows = stages.fetch_popular(self._snapshot, anywhere, clauses, MAX_AT_ONCE)
        if len(rows) < MAX_AT_ONCE:
            self._keep(rows, query, stage, WORDS_SCORE)
            return
        for made, most in (
            (stages.words_query(query, stages.TITLE), WORDS_SCORE),
            (stages.words_query(query, stages.NAMES), NAMES_SCORE),
            (anywhere, TEXT_SCORE),
        ):
            if len(self._hits) >= want or not self._still_has_time():
                return
            self._collect(made, query, clauses, stage, most)

    def _still_has_time(self) -> bool:
        self._partial = self._partial or not self._has_time()
        return not self._partial

    def _collect(self, made: Any, query: ParsedQuery, clauses: Clauses, stage: Stage, most: float) -> None:
        rows = stages.fetch_popular(self._snapshot, made, clauses, HEAD + len(self._hits))
        self._keep(rows, query, stage, most)

    def _keep(self, rows: Iterable[TitleRow], query: ParsedQuery, stage: Stage, most: float) -> None:
        """Grade the titles of a stage, which score at most `most`."""
        for row in rows:
            if row.content_id in self._hits:
                continue
            # Titles and people were searched before descriptions, so what only that stage finds is in none of them.
            grade = Grade.TEXT if most == TEXT_SCORE else grade_title(row, query)
            begins = grade is Grade.BEGINNING
            weight = self._snapshot.weigh(row)
            score = score_beginning(row, query, weight) if begins else score_title(row, query, grade, weight)
            # Titles beyond the head of an earlier stage come back in a later one: behind it, whatever their grade.
            self._hits[row.content_id] = Hit(row, stage, grade, min(score, most))

    def _judge_spelling(self) -> Spelling:
        """Whether the query is spelt right, by all titles of the country: filters do not change it."""
        request, base = self._request, Filters(self._request.filters.country)
        if request.filters == base:
            return _judge_spelling(self._hits.values(), request.query)
        unfiltered = Search(self._snapshot, SearchRequest(request.query, base), self._has_time)
        unfiltered._run_stages(request.query, filter_clauses(base), 2 * ENOUGH_EXACT, Stage.EXACT)
        self._partial = self._partial or unfiltered._partial
        return unfiltered._judge_spelling()

    def _add_similar(self, spelling: Spelling) -> list[str]:
        """Collect titles with typing errors behind the exact ones. Returns all of them, also those filtered out."""
        query = self._request.query
        base = filter_clauses(Filters(self._request.filters.country))
        rows: dict[str, TitleRow] = {}
        rated: list[Resemblance] = []
        for fetch in self._similar_stages(query, base):
            if not self._has_time():
                self._partial = True
                break
            rows.update((row.content_id, row) for row in fetch())
            rated = rate_titles(list(rows.values()), query, self._snapshot.weigh)
            if spelling is Spelling.LIKELY or (rated and rated[0].cost < CLEAR_COST):
                break
        rated = rated[:MAX_SIMILAR]
        for found in rated:
            if not passes(found.row, self._request.filters):
                continue
            hit = Hit(found.row, Stage.TYPO, Grade.NONE, -found.cost, found.typos)
            exact = self._hits.get(found.row.content_id)
            # The words may stand in the description of the very title that is misspelt.
            if exact is None or place_hit(hit) < place_hit(exact):
                self._hits[found.row.content_id] = hit
        return [found.row.content_id for found in rated]

    def _similar_stages(self, query: ParsedQuery, base: Clauses) -> list[Callable[[], Iterable[TitleRow]]]:
        """What fetches titles that resemble a query, each tried when those before found nothing clear."""
        snapshot = self._snapshot

        def fetch(made: Sequence[Any]) -> Iterable[TitleRow]:
            return chain.from_iterable(stages.fetch_popular(snapshot, one, base, MAX_SIMILAR) for one in made)

        return [
            lambda: fetch(stages.near_queries(query)),
            lambda: fetch(stages.misspelt_queries(query)),
            lambda: fetch(stages.far_queries(query)),
            lambda: stages.fetch_best(snapshot, stages.shared_trigrams_query(query.line), base, HEAD),
        ]

    def _hinted_reading(self) -> tuple[ParsedQuery, Clauses] | None:
        hints = self._request.hints
        if hints is None:
            return None
        clauses = [*self._clauses, *filter_clauses(_hinted_filters(self._request.filters, hints))]
        if hints.person:
            people = _person_query(hints.person)
            clauses.append((Occur.Must, Query.const_score_query(people, 0.0)))
        return hints.rest, clauses

    def _add_hinted(self, rest: ParsedQuery, clauses: Clauses) -> None:
        """Collect what the hints mean; whole titles of the literal query stay in front."""
        literal, self._hits = self._hits, {}
        if rest.lines:
            self._run_stages(rest, clauses, HEAD, Stage.HINT)
        else:
            rows = stages.fetch_popular(self._snapshot, Query.all_query(), clauses, HEAD)
            self._hits = {row.content_id: Hit(row, Stage.HINT, Grade.MIXED) for row in rows}
        # A word may be a genre and the title's own (`Silent Running`): titles with the whole phrase stay in front.
        hinted = {name: replace(hit, score=HINT_SCORE + hit.score / 25) for name, hit in self._hits.items()}
        first = {name: hit for name, hit in literal.items() if hit.grade >= Grade.PHRASE}
        self._hits = literal | hinted | first

    # --- pages ---

    def _everything(self, similar: Sequence[str], reading: tuple[ParsedQuery, Clauses] | None) -> Any:
        """The query of all results of all pages."""
        ways = [stages.exact_query(self._request.query)]
        if similar:
            ways.append(Query.term_set_query(SCHEMA, "id", list(similar)))
        if reading is not None:
            rest, clauses = reading
            inner = stages.exact_query(rest) if rest.lines else Query.all_query()
            ways.append(Query.boolean_query([(Occur.Must, inner), *clauses]))
        return Query.boolean_query([(Occur.Should, way) for way in ways])

    def _page(self, everything: Callable[[], Any], want: int, has_similar: bool) -> Results:
        hits = self._boosted(list(self._hits.values()))
        offset, limit = self._request.offset, self._request.limit
        page = hits[offset:want]
        if len(page) < limit and not self._partial:
            page += self._tail(everything, hits, max(0, offset - len(hits)), limit - len(page))
        stage = "exact" if any(hit.stage is not Stage.TYPO for hit in hits) else "fuzzy" if hits else "none"
        return Results(
            page, everything, stage, self._partial, _suggest(hits, self._request.query) if has_similar else None
        )

    def _tail(self, everything: Callable[[], Any], hits: Sequence[Hit], offset: int, limit: int) -> list[Hit]:
        """Results behind the graded ones, by popularity."""
        if len(hits) < min(HEAD, self._request.offset + self._request.limit):
            return []
        graded = Query.term_set_query(SCHEMA, "id", [hit.row.content_id for hit in hits])
        others = Query.boolean_query([(Occur.Must, everything()), (Occur.MustNot, graded)])
        rows = stages.fetch_popular(self._snapshot, others, self._clauses, limit, offset)
        return [Hit(row, Stage.EXACT, Grade.TEXT) for row in rows]

    def _boosted(self, hits: list[Hit]) -> list[Hit]:
        """Hits in order, with pins in front."""
        hits = order_hits(hits, self._request.boosts)
        return self._pinned(hits) if self._request.boosts.pins else hits

    def _pinned(self, hits: list[Hit]) -> list[Hit]:
        ids = list(self._request.boosts.pins)
        rows = stages.fetch_popular(
            self._snapshot, Query.term_set_query(SCHEMA, "id", ids), self._clauses, max(1, len(ids))
        )
        known = {row.content_id: row for row in rows}
        pinned = [Hit(known[name], Stage.PIN, Grade.WHOLE) for name in ids if name in known]
        return pinned + [hit for hit in hits if hit.row.content_id not in known]

    def _browse(self) -> Results:
        if self._request.sort is not Sort.RELEVANCE:
            return self._sorted(stages.all_titles)
        rows = stages.fetch_popular(
            self._snapshot, stages.all_titles(), self._clauses, self._request.limit, self._request.offset
        )
        return Results([Hit(row, Stage.BROWSE) for row in rows], stages.all_titles, "browse")

    def _sorted(self, everything: Callable[[], Any]) -> Results:
        """A page in an order that the index keeps."""
        rows = stages.fetch_sorted(
            self._snapshot, everything(), self._clauses, self._request.sort, self._request.limit, self._request.offset
        )
        hits = [self._hits.get(row.content_id, Hit(row, Stage.EXACT, Grade.TEXT)) for row in rows]
        return Results(hits, everything, "exact" if hits else "none", self._partial)


def _judge_spelling(hits: Collection[Hit], query: ParsedQuery) -> Spelling:
    strong = [hit for hit in hits if hit.grade >= Grade.MIXED and hit.stage is Stage.EXACT]
    if len(strong) >= ENOUGH_EXACT or any(hit.grade in CLEAR_GRADES for hit in strong):
        return Spelling.RIGHT
    if len(query.words) > 1 and any(has_all_words(hit.row, query) for hit in strong):
        return Spelling.LIKELY
    return Spelling.UNKNOWN


def _hinted_filters(filters: Filters, hints: Hints) -> Filters:
    return replace(Filters(filters.country), genres=hints.genres, year_from=hints.year_from, year_to=hints.year_to)


def _person_query(person: str) -> Any:
    parts = [Query.fuzzy_term_query(SCHEMA, "people", word, distance=0) for word in person.split()]
    return Query.boolean_query([(Occur.Must, part) for part in parts])


def _suggest(hits: Sequence[Hit], query: ParsedQuery) -> str | None:
    """What was probably meant, if no title matches exactly: a title, or the query with its words spelt right."""
    if not hits or any(hit.stage is not Stage.TYPO and hit.grade > Grade.TEXT for hit in hits):
        return None
    best = next((hit for hit in hits if hit.stage is Stage.TYPO), None)
    if best is None:
        return None
    return best.row.title if is_whole(best.row, query) else correct_words(best.row, query) or best.row.title
