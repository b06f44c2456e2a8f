"""The queries of each stage of a search: whole titles, beginnings, words, and what resembles them. No I/O."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tantivy import Occur, Order, Query

from services.search.index.entry import TitleRow
from services.search.index.schema import LINE_HEAD, SCHEMA, WORD_HEAD, stem
from services.search.index.title_index import Snapshot, existing_rows
from services.search.query.parse import ParsedQuery, QueryWord
from services.search.text.fold import trigrams

MAX_GRAMS = 48
MAX_FUZZY_WORDS = 8
"""Words of a query that are compared with tolerance; further ones must match exactly."""
TITLE, NAMES, CHARACTERS, ALL = "title", "names", "characters", "all"
"""Fields of words: of the title; with the cast's; of characters; with those of everything else, as stems."""
FIELDS_WITH_HEADS = (TITLE, NAMES)
Clauses = list[tuple[Any, Any]]


def typos_allowed(word: str) -> int:
    """Typing errors allowed in a word: none up to three letters, one up to seven, then two."""
    return 0 if len(word) < 4 else 1 if len(word) < 8 else 2


def _term(field: str, word: str) -> Any:
    return Query.term_query(SCHEMA, field, word, "basic")


def _all(parts: Sequence[Any]) -> Any:
    return parts[0] if len(parts) == 1 else Query.boolean_query([(Occur.Must, part) for part in parts])


def _any(parts: Sequence[Any]) -> Any:
    return parts[0] if len(parts) == 1 else Query.boolean_query([(Occur.Should, part) for part in parts])


def _word_in(field: str, word: QueryWord, *, prefix: bool) -> Any:
    """Titles with a word in a field, or another word for it; with `prefix` also a longer word."""
    ways = [_all([_term(field, token) for token in word.tokens])]
    ways += [_term(field, other) for other in word.others]
    if prefix and len(word.tokens) == 1:
        ways.append(_begins(field, word.text))
    return _any(ways)


def _begins(field: str, text: str) -> Any:
    """Titles with a word in a field that begins so."""
    if len(text) <= WORD_HEAD and field in FIELDS_WITH_HEADS:
        return _term(f"{field}_heads", text)
    return Query.fuzzy_term_query(SCHEMA, field, text, distance=0, prefix=True)


def whole_query(query: ParsedQuery) -> Any:
    """Titles that are the query."""
    return _any([Query.term_query(SCHEMA, "forms", line, "basic") for line in query.lines])


def beginning_query(query: ParsedQuery) -> Any:
    """Titles that begin with the query."""
    lines = query.lines[:2] if len(query.lines) > 1 and query.lines[1].count(" ") else query.lines[:1]
    return _any(
        [
            _term("heads", line)
            if len(line) <= LINE_HEAD
            else Query.fuzzy_term_query(SCHEMA, "forms", line, distance=0, prefix=True)
            for line in lines
        ]
    )


def words_query(query: ParsedQuery, field: str) -> Any:
    """Titles with every word in the field TITLE or NAMES; the last one may be a beginning."""
    last = query.words[-1]
    return _all([_word_in(field, word, prefix=word is last) for word in query.words])


def all_words_query(query: ParsedQuery) -> Any:
    """Titles with every word anywhere; the last one may be a beginning in names of titles, cast and characters."""
    parts = [_word_anywhere(word) for word in query.words[:-1]]
    last = query.words[-1]
    ways = [_word_anywhere(last)]
    if len(last.tokens) == 1:
        # Of characters only longer beginnings: their first letters would find nearly every title.
        fields = (NAMES,) if len(last.text) <= WORD_HEAD else (NAMES, CHARACTERS)
        ways += [_begins(field, last.text) for field in fields]
    return _all([*parts, _any(ways)])


def _word_anywhere(word: QueryWord) -> Any:
    ways = [_all([_term(ALL, stem(token)) for token in word.tokens])]
    return _any(ways + [_term(ALL, stem(other)) for other in word.others])


def exact_query(query: ParsedQuery) -> Any:
    """All titles that match a query without a typing error."""
    ways = [whole_query(query), beginning_query(query)]
    if query.words:
        ways.append(all_words_query(query))
    return _any(ways)


def similar_lines_query(line: str, distance: int, *, prefix: bool) -> Any:
    """Titles within `distance` edits of a line, or that begin so."""
    return Query.fuzzy_term_query(SCHEMA, "forms", line, distance=distance, transposition_cost_one=True, prefix=prefix)


def similar_words_query(query: ParsedQuery, field: str, missing: int) -> Any:
    """Titles with all words but `missing` in a field, each with the typing errors that its length allows."""
    parts = []
    for index, word in enumerate(query.words):
        last = word is query.words[-1]
        distance = typos_allowed(word.text) if index < MAX_FUZZY_WORDS else 0
        ways = [_word_in(field, word, prefix=last and not distance)]
        if distance:
            ways.append(_similar_word(field, word.text, distance, prefix=last))
        parts.append((Occur.Should, Query.const_score_query(_any(ways), 1.0)))
    return Query.boolean_query(parts, minimum_number_should_match=max(1, len(parts) - missing))


def _similar_word(field: str, word: str, distance: int, *, prefix: bool) -> Any:
    # A beginning with two errors resembles too much: allow one.
    return Query.fuzzy_term_query(
        SCHEMA,
        field,
        word,
        distance=min(distance, 1) if prefix else distance,
        transposition_cost_one=True,
        prefix=prefix,
    )


def joined_words_query(query: ParsedQuery) -> Any | None:
    """Titles with two neighbouring words of the query as one (`spider man` → `spiderman`)."""
    found = [word.text for word in query.words]
    if len(found) < 2:
        return None
    ways = []
    for at in range(min(len(found) - 1, MAX_FUZZY_WORDS)):
        line = [*found[:at], found[at] + found[at + 1], *found[at + 2 :]]
        ways.append(_all([_term(TITLE, word) for word in line]))
    return _any(ways)


def near_queries(query: ParsedQuery) -> list[Any]:
    """Titles one typing error away, as a whole or as a beginning, or with two words of the query as one."""
    near = (
        [similar_lines_query(query.line, 1, prefix=prefix) for prefix in (False, True)] if len(query.line) > 2 else []
    )
    joined = joined_words_query(query)
    return near if joined is None else [*near, joined]


def misspelt_queries(query: ParsedQuery) -> list[Any]:
    """Titles and people with every word misspelt as far as its length allows, or two errors away as a whole."""
    made = [similar_words_query(query, NAMES, 0)] if query.words else []
    if len(query.line) >= 5:
        made.append(similar_lines_query(query.line, 2, prefix=False))
    return made


def far_queries(query: ParsedQuery) -> list[Any]:
    """Titles that begin two errors away, or lack some of the words."""
    made = [similar_lines_query(query.line, 2, prefix=True)] if len(query.line) >= 8 else []
    if missing := len(query.words) // 3:
        made.append(similar_words_query(query, TITLE, missing))
    return made


def shared_trigrams_query(line: str) -> Any:
    """Titles that share at least two of five trigrams with a line."""
    grams = trigrams(line)[:MAX_GRAMS]
    parts = [(Occur.Should, Query.term_query(SCHEMA, "trigrams", gram, "basic")) for gram in grams]
    return Query.boolean_query(parts, minimum_number_should_match=max(1, len(grams) * 2 // 5))


def fetch_popular(snapshot: Snapshot, query: Any, clauses: Clauses, limit: int, offset: int = 0) -> list[TitleRow]:
    """The most popular titles of a query."""
    whole = Query.boolean_query([(Occur.Must, query), *clauses])
    hits = snapshot.searcher.search(whole, limit=limit, count=False, order_by_field="rank", offset=offset).hits
    return existing_rows(snapshot, [rank for rank, _ in hits])


def fetch_best(snapshot: Snapshot, query: Any, clauses: Clauses, limit: int) -> list[TitleRow]:
    """The titles of a query with the best score of the index, best first."""
    searcher = snapshot.searcher
    hits = searcher.search(Query.boolean_query([(Occur.Must, query), *clauses]), limit=limit, count=False).hits
    return existing_rows(snapshot, searcher.fast_field_values("rank", [address for _, address in hits]))


def count_titles(snapshot: Snapshot, query: Any, clauses: Clauses) -> int:
    """The number of titles of a query."""
    whole = Query.boolean_query([(Occur.Must, query), *clauses])
    return int(snapshot.searcher.search(whole, limit=1, count=True).count)


_SORT_FIELDS = {
    "popularity": ("rank", Order.Desc),
    "year": ("year_rank", Order.Desc),
    "title": ("title_sort", Order.Asc),
}


def fetch_sorted(
    snapshot: Snapshot, query: Any, clauses: Clauses, order: str, limit: int, offset: int
) -> list[TitleRow]:
    """The titles of a query in the order `popularity`, `year` (newest first) or `title`."""
    field, direction = _SORT_FIELDS[order]
    searcher = snapshot.searcher
    whole = Query.boolean_query([(Occur.Must, query), *clauses])
    hits = searcher.search(whole, limit=limit, count=False, order_by_field=field, order=direction, offset=offset).hits
    return existing_rows(snapshot, searcher.fast_field_values("rank", [address for _, address in hits]))


def all_titles() -> Any:
    """The query of every title."""
    return Query.all_query()


def fetch_titles(snapshot: Snapshot, content_ids: Sequence[str]) -> list[TitleRow]:
    """The titles with these contentIds, in any order."""
    if not content_ids:
        return []
    query = Query.term_set_query(SCHEMA, "id", list(content_ids))
    hits = snapshot.searcher.search(query, limit=len(content_ids), count=False, order_by_field="rank").hits
    return existing_rows(snapshot, [rank for rank, _ in hits])
