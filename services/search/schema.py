"""The schema of the search index, its documents, and the clauses of queries. No I/O."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import msgspec
from tantivy import Document, Filter, Occur, Query, SchemaBuilder, TextAnalyzer, TextAnalyzerBuilder, Tokenizer

from services.search.rank import Candidate
from services.search.words import fold, index_text, key, trigrams, words

INDEX_VERSION = 2
"""Increment when the schema or the analysis changes: an index of another version is rebuilt."""
EVERYWHERE = "*"


class IndexedTitle(msgspec.Struct, frozen=True):
    """A title for search. `countries` None = everywhere; `deleted` when it leaves the index."""

    content_id: str
    title: str
    year: int | None
    genres: tuple[str, ...]
    cast: tuple[str, ...]
    text: str
    countries: tuple[str, ...] | None
    popularity: float
    deleted: bool = False


@dataclass(frozen=True, slots=True)
class Filters:
    """The filters of a query: the viewer's country (None = unknown), and genres that a title must all have."""

    country: str | None
    genres: tuple[str, ...] = ()


def analyzers() -> dict[str, TextAnalyzer]:
    """The tokenizers that the schema names; their input is folded already."""
    english = TextAnalyzerBuilder(Tokenizer.whitespace()).filter(Filter.remove_long(60))
    return {
        "folded": TextAnalyzerBuilder(Tokenizer.whitespace()).build(),
        "english": english.filter(Filter.stemmer("english")).build(),
    }


def _build_schema() -> Any:
    builder = SchemaBuilder()
    builder.add_text_field("id", stored=True, tokenizer_name="raw", index_option="basic")
    builder.add_text_field("title", tokenizer_name="folded")
    builder.add_text_field("title_key", tokenizer_name="raw", index_option="basic")
    builder.add_text_field("trigrams", tokenizer_name="raw", index_option="freq")
    builder.add_text_field("cast", tokenizer_name="folded", index_option="freq")
    builder.add_text_field("text", tokenizer_name="english", index_option="freq")
    builder.add_text_field("genres", tokenizer_name="raw", index_option="basic")
    builder.add_text_field("countries", tokenizer_name="raw", index_option="basic")
    builder.add_float_field("popularity", fast=True)
    builder.add_bytes_field("stored", stored=True)
    return builder.build()


SCHEMA = _build_schema()


class _Stored(msgspec.Struct, array_like=True):
    """The stored fields of a title. Folded at indexing, because each query compares a hundred of them."""

    title: str
    key: str
    cast: tuple[str, ...]
    text: str
    popularity: float
    year: int


_stored = msgspec.msgpack.Decoder(_Stored)


def to_document(entry: IndexedTitle) -> Any:
    """Convert a title to a document of the index."""
    line = key(entry.title)
    people = tuple(key(name) for name in entry.cast)
    kept = _Stored(entry.title, line, people, entry.text, entry.popularity, entry.year or 0)
    fields = {
        "id": [entry.content_id],
        "title": [index_text(entry.title)],
        "title_key": [line[:500]],
        "trigrams": trigrams(line[:200]),
        "cast": [index_text(name) for name in entry.cast],
        "text": [" ".join(words(entry.text))],
        "genres": [key(genre) for genre in entry.genres],
        "countries": [EVERYWHERE] if entry.countries is None else list(entry.countries),
        "popularity": [entry.popularity],
        "stored": [msgspec.msgpack.encode(kept)],
    }
    return Document.from_dict(fields, SCHEMA)


def to_candidate(document: Any, score: Any) -> Candidate:
    """Convert a document to a candidate for ranking."""
    kept = _stored.decode(bytes(document.get_first("stored")))
    content_id = document.get_first("id")
    rated = float(score) if isinstance(score, (int, float)) else 0.0
    return Candidate(content_id, kept.title, kept.key, kept.cast, kept.text, kept.popularity, kept.year, rated)


def word_query(word: str, *, last: bool) -> Any:
    """Query for titles with a word in title, cast or text; the `last` word of a query may be a prefix."""
    ways = [
        Query.boost_query(Query.term_query(SCHEMA, "title", word), 4.0),
        Query.boost_query(Query.term_query(SCHEMA, "cast", word, "freq"), 2.0),
        Query.boost_query(Query.term_query(SCHEMA, "text", _stem(word), "freq"), 1.0),
    ]
    if last:
        for field, boost in (("title", 2.0), ("cast", 1.0)):
            prefix = Query.fuzzy_term_query(SCHEMA, field, word, distance=0, prefix=True)
            ways.append(Query.boost_query(prefix, boost))
    return Query.disjunction_max_query(ways, tie_breaker=0.2)


_STEMMER = TextAnalyzerBuilder(Tokenizer.whitespace()).filter(Filter.stemmer("english")).build()


def _stem(word: str) -> str:
    return (_STEMMER.analyze(word) or [word])[0]


def filter_clauses(filters: Filters) -> list[tuple[Any, Any]]:
    """Clauses that filter a query without changing its scores."""
    places = [EVERYWHERE] + ([filters.country] if filters.country else [])
    licensed = Query.term_set_query(SCHEMA, "countries", places)
    needed = [licensed, *(Query.term_query(SCHEMA, "genres", genre, "basic") for genre in filters.genres)]
    return [(Occur.Must, Query.const_score_query(query, 0.0)) for query in needed]


def genre_key(genre: str) -> str:
    """The form of a genre in the index."""
    return key(genre) or fold(genre)
