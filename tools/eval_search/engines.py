"""The engines that are compared: ours, and three that a platform could use as they are."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Protocol

import tantivy

from services.search.engine import Search
from services.search.index.entry import IndexedTitle
from services.search.index.title_index import TitleIndex
from services.search.query.filters import Filters
from services.search.query.parse import parse_query, read_hints
from services.search.query.request import SearchRequest
from services.search.text.fold import key
from tools.eval_search.corpus import Film

LIMIT = 10


class Engine(Protocol):
    """An engine with the corpus in it."""

    def find(self, text: str) -> list[str]:
        """The contentIds of the first ten results."""


class Matinee:
    """Our search, without HTTP."""

    def __init__(self, corpus: Sequence[Film], folder: Path) -> None:
        self._index = TitleIndex(folder / "matinee")
        self._index.create("eval")
        self._index.update_titles(
            IndexedTitle(one.content_id, one.title, one.year, one.genres, one.cast, one.text, None, one.popularity)
            for one in corpus
        )
        self._index.commit(1, complete=True)
        self._genres = {key(genre) for one in corpus for genre in one.genres}

    def find(self, text: str) -> list[str]:
        """The contentIds of the first ten results."""
        request = SearchRequest(parse_query(text), Filters(None), read_hints(text, self._genres, {}), LIMIT)
        results = Search(self._index.snapshot, request, lambda: True).run()
        return [hit.row.content_id for hit in results.hits]


class PlainTantivy:
    """Tantivy with its own query parser: every field, fuzzy words, titles weigh more."""

    def __init__(self, corpus: Sequence[Film], folder: Path) -> None:
        builder = tantivy.SchemaBuilder()
        builder.add_text_field("id", stored=True, tokenizer_name="raw")
        for name in ("title", "cast", "text"):
            builder.add_text_field(name)
        (folder / "tantivy").mkdir(parents=True)
        self._index = tantivy.Index(builder.build(), path=str(folder / "tantivy"))
        writer = self._index.writer(64 << 20, 1)
        for one in corpus:
            writer.add_document(
                tantivy.Document(id=[one.content_id], title=[one.title], cast=[" ".join(one.cast)], text=[one.text])
            )
        writer.commit()
        self._index.reload()

    def find(self, text: str) -> list[str]:
        """The contentIds of the first ten results."""
        fuzzy = {"title": (True, 2 if len(text) > 7 else 1, True)}
        query, _ = self._index.parse_query_lenient(
            text, ["title", "cast", "text"], field_boosts={"title": 4.0, "cast": 2.0}, fuzzy_fields=fuzzy
        )
        searcher = self._index.searcher()
        hits = searcher.search(query, LIMIT, count=False).hits
        return [str(searcher.doc(address).get_first("id")) for _, address in hits]


class SqliteFts:
    """SQLite FTS5: words with prefixes, then trigrams."""

    def __init__(self, corpus: Sequence[Film], folder: Path) -> None:
        self._base = sqlite3.connect(folder / "fts.sqlite3")
        self._base.execute("CREATE VIRTUAL TABLE words USING fts5(id UNINDEXED, title, people, body, prefix='2 3')")
        self._base.execute("CREATE VIRTUAL TABLE grams USING fts5(id UNINDEXED, title, tokenize='trigram')")
        rows = [(one.content_id, key(one.title), key(" ".join(one.cast)), one.text) for one in corpus]
        self._base.executemany("INSERT INTO words VALUES (?, ?, ?, ?)", rows)
        self._base.executemany("INSERT INTO grams VALUES (?, ?)", [row[:2] for row in rows])

    def find(self, text: str) -> list[str]:
        """The contentIds of the first ten results."""
        line = key(text)
        terms = [f'"{word}"' for word in line.split()]
        found = self._ask("words", " ".join([*terms[:-1], terms[-1] + "*"]) if terms else "", "bm25(words, 0, 8, 4, 1)")
        if not found:
            grams = {line[at : at + 3] for at in range(len(line) - 2)}
            found = self._ask("grams", " OR ".join(f'"{gram}"' for gram in sorted(grams)), "bm25(grams)")
        return found

    def _ask(self, table: str, match: str, order: str) -> list[str]:
        if not match:
            return []
        query = f"SELECT id FROM {table} WHERE {table} MATCH ? ORDER BY {order} LIMIT {LIMIT}"  # noqa: S608
        return [row[0] for row in self._base.execute(query, (match,))]


class PgTrgm:
    """PostgreSQL's pg_trgm: similarity of the title or of a part of it, by a GIN index."""

    def __init__(self, corpus: Sequence[Film], run: Callable[..., Any]) -> None:
        """`run(sql, *parameters)` runs a statement and returns its rows; a list of parameters runs it for each."""
        self._run = run
        run("CREATE EXTENSION IF NOT EXISTS pg_trgm")
        run("DROP TABLE IF EXISTS eval_titles")
        run("CREATE TABLE eval_titles (id text, title text, popularity float)")
        run(
            "INSERT INTO eval_titles VALUES ($1, $2, $3)",
            [(one.content_id, key(one.title), one.popularity) for one in corpus],
        )
        run("CREATE INDEX ON eval_titles USING gin (title gin_trgm_ops)")
        run("ANALYZE eval_titles")

    def find(self, text: str) -> list[str]:
        """The contentIds of the first ten results."""
        query = (
            "SELECT id FROM eval_titles WHERE title % $1 OR $1 <% title"
            " ORDER BY greatest(similarity(title, $1), 0.9 * word_similarity($1, title)) DESC, popularity DESC LIMIT 10"
        )
        return [row[0] for row in self._run(query, key(text))]
