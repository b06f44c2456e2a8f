"""The Tantivy index on disk: open or rebuild it, update titles, query candidates. Blocking: call it in threads."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
import structlog
import tantivy
from tantivy import Occur, Query

from kernel.errors import MatineeError, StorageFailed
from services.search.rank import Candidate
from services.search.schema import (
    INDEX_VERSION,
    SCHEMA,
    Filters,
    IndexedTitle,
    analyzers,
    filter_clauses,
    to_candidate,
    to_document,
    word_query,
)
from services.search.words import trigrams
from system.durable_files import replace_file

log = structlog.get_logger()

WRITER_HEAP_BYTES = 64 << 20
MAX_CANDIDATES = 120


class IndexCheckpoint(msgspec.Struct, frozen=True):
    """What the index contains: the changes up to `cursor` of the change log `epoch`, as `titles` titles."""

    version: int
    epoch: str
    cursor: int
    titles: int


class TitleIndex:
    """An index that one process writes, one thread at a time; any thread may query it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._writing = threading.Lock()
        self._index: Any = None
        self._writer: Any = None
        self._checkpoint: IndexCheckpoint | None = None
        self.rebuild_count = 0

    @property
    def title_count(self) -> int:
        """Number of titles in the index."""
        return self._checkpoint.titles if self._checkpoint else 0

    def open(self, epoch: str) -> int:
        """Open the index, or rebuild it if it is absent, damaged or of another change log. Returns its cursor.

        Raises StorageFailed if the folder cannot be used, MatineeError if another process has the index open.
        """
        with self._writing:
            if self._checkpoint is None or self._checkpoint.epoch != epoch:
                self._checkpoint = self._open_existing(epoch)
            if self._checkpoint is None:
                self._rebuild(epoch)
            return self._checkpoint.cursor if self._checkpoint else 0

    def _open_existing(self, epoch: str) -> IndexCheckpoint | None:
        """Open the index on disk and return its checkpoint; None if it is absent, outdated or damaged."""
        path = self._folder / "checkpoint.json"
        try:
            checkpoint = msgspec.json.decode(path.read_bytes(), type=IndexCheckpoint)
            if (checkpoint.version, checkpoint.epoch) != (INDEX_VERSION, epoch):
                log.info("search-index-outdated", folder=str(self._folder))
                return None
            self._open_writer(tantivy.Index(SCHEMA, path=str(self._folder / "index"), reuse=True))
            self._check_readable(checkpoint.titles)
        except FileNotFoundError:
            return None
        except MatineeError:
            raise
        except BaseException as error:
            if isinstance(error, (KeyboardInterrupt, SystemExit)):
                raise
            log.warning("search-index-damaged", folder=str(self._folder), error=str(error)[:300])
            return None
        return checkpoint

    def _check_readable(self, titles: int) -> None:
        """Read each kind of file that queries read, so that damage shows now. Raises on damage."""
        searcher = self._index.searcher()
        if searcher.num_docs < titles:
            raise ValueError(f"contains {searcher.num_docs} of {titles} titles")
        for _, address in searcher.search(Query.all_query(), limit=3, order_by_field="popularity").hits:
            searcher.doc(address)
        searcher.search(Query.term_query(SCHEMA, "title", "the"), limit=1)

    def _rebuild(self, epoch: str) -> None:
        self._index = self._writer = None
        try:
            shutil.rmtree(self._folder / "index", ignore_errors=True)
            (self._folder / "checkpoint.json").unlink(missing_ok=True)
            (self._folder / "index").mkdir(parents=True, exist_ok=True)
            self._open_writer(tantivy.Index(SCHEMA, path=str(self._folder / "index"), reuse=False))
        except OSError as error:
            raise StorageFailed(f"the search index {self._folder} cannot be created: {error}") from error
        self.rebuild_count += 1
        self._checkpoint = IndexCheckpoint(INDEX_VERSION, epoch, 0, 0)

    def _open_writer(self, index: Any) -> None:
        for name, analyzer in analyzers().items():
            index.register_tokenizer(name, analyzer)
        try:
            writer = index.writer(heap_size=WRITER_HEAP_BYTES, num_threads=1)
        except ValueError as error:
            if "lock" in str(error).lower():
                raise MatineeError(f"the search index {self._folder} is in use by another process") from None
            raise
        self._index, self._writer = index, writer

    def discard(self) -> None:
        """Discard the index after a query found damage: the next `open` rebuilds it."""
        with self._writing:
            self._checkpoint = None
            self._index = self._writer = None
            (self._folder / "checkpoint.json").unlink(missing_ok=True)

    def update_titles(self, entries: Sequence[IndexedTitle], cursor: int) -> None:
        """Add or replace titles and commit them with the change log's `cursor` after them. Raises StorageFailed."""
        with self._writing:
            if self._checkpoint is None:
                raise StorageFailed("the search index is not open")
            try:
                for entry in entries:
                    self._writer.delete_documents_by_term("id", entry.content_id)
                    if not entry.deleted:
                        self._writer.add_document(to_document(entry))
                self._writer.commit()
                self._index.reload()
                count = self._index.searcher().num_docs
            except (OSError, ValueError, RuntimeError) as error:
                raise StorageFailed(f"the search index {self._folder} cannot be written: {error}") from error
            self._checkpoint = IndexCheckpoint(INDEX_VERSION, self._checkpoint.epoch, cursor, count)
            replace_file(self._folder / "checkpoint.json", msgspec.json.encode(self._checkpoint))

    def close(self) -> None:
        """Release the index, so that another process can open it."""
        with self._writing:
            self._index = self._writer = self._checkpoint = None

    def find_exact(self, query: Sequence[str], filters: Filters, limit: int) -> list[Candidate]:
        """Titles with every word of the query in title, cast or text; the last word may be a prefix."""
        parts = [(Occur.Must, word_query(word, last=word is query[-1])) for word in query]
        line = " ".join(query)
        parts.append((Occur.Should, Query.boost_query(Query.term_query(SCHEMA, "title_key", line), 30.0)))
        return self._run_query(parts, filters, limit)

    def find_similar(self, query: Sequence[str], filters: Filters, limit: int) -> list[Candidate]:
        """Titles that share trigrams or similar words with the query: candidates for `rank_similar`."""
        grams = trigrams(" ".join(query))[:64]
        shared = [(Occur.Should, Query.term_query(SCHEMA, "trigrams", gram, "freq")) for gram in grams]
        need = max(1, len(grams) // 4)
        ways = [(Occur.Should, Query.boolean_query(shared, minimum_number_should_match=need))]
        for word in query:
            distance = 2 if len(word) > 5 else 1 if len(word) > 2 else 0
            for field in ("title", "cast"):
                near = Query.fuzzy_term_query(SCHEMA, field, word, distance=distance, transposition_cost_one=True)
                ways.append((Occur.Should, Query.boost_query(near, 4.0)))
        return self._run_query([(Occur.Must, Query.boolean_query(ways))], filters, limit)

    def most_popular(self, filters: Filters, limit: int) -> list[Candidate]:
        """The most popular titles within the filters."""
        return self._run_query([(Occur.Must, Query.all_query())], filters, limit, by_popularity=True)

    def _run_query(
        self, parts: list[tuple[Any, Any]], filters: Filters, limit: int, *, by_popularity: bool = False
    ) -> list[Candidate]:
        index = self._index
        if index is None:
            raise StorageFailed("the search index is not open")
        query = Query.boolean_query(parts + filter_clauses(filters))
        searcher = index.searcher()
        order = "popularity" if by_popularity else None
        found = searcher.search(query, limit=limit, count=False, order_by_field=order)
        return [to_candidate(searcher.doc(address), score) for score, address in found.hits]
