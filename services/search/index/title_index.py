"""One generation of the index on disk, and its rows in memory. Blocking: call it in threads.

One process writes it, one thread at a time; any thread queries its snapshot.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import structlog
import tantivy
from tantivy import Query

from kernel.errors import MatineeError, StorageFailed
from services.search.index.entry import IndexedTitle, TitleRow, make_row, share_texts
from services.search.index.schema import INDEX_VERSION, SCHEMA, analyzers, read_row, to_document
from services.search.ranking.popularity import merge_changes, weigh_title
from system.durable_files import replace_file

log = structlog.get_logger()

WRITER_HEAP_BYTES = 64 << 20
CHECKPOINT = "checkpoint.json"


class IndexCheckpoint(msgspec.Struct, frozen=True):
    """What the index contains: the changes up to `cursor` of the change log `epoch`, as `titles` titles.

    `complete` once it has held every title of the catalogue: only then may it serve.
    """

    version: int
    epoch: str
    cursor: int
    titles: int
    complete: bool = False


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A state of the index to query. `rows` by rank may already lack a title that the searcher still finds."""

    searcher: Any
    rows: Mapping[int, TitleRow]
    popularities: Sequence[float]
    """Of all titles, sorted."""
    version: int
    """Increases with each commit of this process."""

    def weigh(self, row: TitleRow) -> float:
        """The weight of a title by its popularity among all, 0 to 1."""
        return weigh_title(row, self.popularities)


class TitleIndex:
    """A generation of the index: `create` or `open` it, then update and query it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._writing = threading.Lock()
        self._index: Any = None
        self._writer: Any = None
        self._rows: dict[int, TitleRow] = {}
        self._ranks: dict[str, int] = {}
        self._removed: list[int] = []
        self._popularities: list[float] = []
        self._added: list[float] = []
        self._dropped: list[float] = []
        self._checkpoint: IndexCheckpoint | None = None
        self._snapshot: Snapshot | None = None

    @property
    def checkpoint(self) -> IndexCheckpoint:
        """What the index contains. Raises StorageFailed if it is not open."""
        if self._checkpoint is None:
            raise StorageFailed("the search index is not open")
        return self._checkpoint

    @property
    def snapshot(self) -> Snapshot:
        """The latest state to query. Raises StorageFailed if the index is not open."""
        if self._snapshot is None:
            raise StorageFailed("the search index is not open")
        return self._snapshot

    def create(self, epoch: str) -> None:
        """Create an empty index in a new folder. Raises StorageFailed."""
        with self._writing:
            try:
                (self.folder / "index").mkdir(parents=True)
                self._open_writer(tantivy.Index(SCHEMA, path=str(self.folder / "index"), reuse=False))
            except OSError as error:
                raise StorageFailed(f"the search index {self.folder} cannot be created: {error}") from error
            self._checkpoint = IndexCheckpoint(INDEX_VERSION, epoch, 0, 0)
            self._publish()

    def open(self) -> bool:
        """Open an existing index; False if it is absent, of another version or damaged.

        Raises MatineeError if another process has it open.
        """
        with self._writing:
            try:
                checkpoint = msgspec.json.decode((self.folder / CHECKPOINT).read_bytes(), type=IndexCheckpoint)
                if checkpoint.version != INDEX_VERSION:
                    log.info("search-index-outdated", folder=str(self.folder), version=checkpoint.version)
                    return False
                self._open_writer(tantivy.Index(SCHEMA, path=str(self.folder / "index"), reuse=True))
                self._load_rows(checkpoint.titles)
            except FileNotFoundError:
                return False
            except MatineeError:
                raise
            except BaseException as error:  # Tantivy panics on damaged files, with an exception of its own kind
                if isinstance(error, (KeyboardInterrupt, SystemExit)):
                    raise
                log.warning("search-index-damaged", folder=str(self.folder), error=str(error)[:300])
                self._index = self._writer = None
                return False
            self._checkpoint = checkpoint
            self._publish()
            return True

    def _load_rows(self, titles: int) -> None:
        """Read every title, which also shows damage. Raises ValueError if titles are missing."""
        searcher = self._index.searcher()
        for _, address in searcher.search(Query.all_query(), limit=max(1, searcher.num_docs), count=False).hits:
            self._keep(read_row(searcher.doc(address)))
        if len(self._rows) < titles:
            raise ValueError(f"contains {len(self._rows)} of {titles} titles")
        searcher.search(Query.term_query(SCHEMA, "title", "the"), limit=1)

    def _open_writer(self, index: Any) -> None:
        for name, analyzer in analyzers().items():
            index.register_tokenizer(name, analyzer)
        try:
            writer = index.writer(heap_size=WRITER_HEAP_BYTES, num_threads=1)
        except ValueError as error:
            if "lock" in str(error).lower():
                raise MatineeError(f"the search index {self.folder} is in use by another process") from None
            raise
        self._index, self._writer = index, writer

    def update_titles(self, entries: Iterable[IndexedTitle]) -> None:
        """Write titles, which `commit` makes visible. Raises StorageFailed."""
        with self._writing:
            if self._writer is None:
                raise StorageFailed("the search index is not open")
            try:
                for entry in entries:
                    if (old := self._ranks.pop(entry.content_id, None)) is not None:
                        self._writer.delete_documents_by_term("id", entry.content_id)
                        self._removed.append(old)
                        self._dropped.append(self._rows[old].popularity)
                    if not entry.deleted:
                        self._writer.add_document(to_document(entry, self._keep(make_row(entry))))
            except (OSError, ValueError, RuntimeError) as error:
                raise StorageFailed(f"the search index {self.folder} cannot be written: {error}") from error

    def _keep(self, row: TitleRow) -> TitleRow:
        """Keep a row under a rank of its own: two titles may share popularity and hash."""
        row = share_texts(row)
        rank = row.rank
        while rank in self._rows:
            rank += 1
        if rank != row.rank:
            row = msgspec.structs.replace(row, rank=rank)
        self._rows[rank] = row
        self._added.append(row.popularity)
        self._ranks[row.content_id] = rank
        return row

    def commit(self, cursor: int, *, complete: bool) -> None:
        """Make written titles visible, and note the change log's `cursor` after them. Raises StorageFailed."""
        with self._writing:
            before = self.checkpoint
            try:
                self._writer.commit()
                self._index.reload()
            except (OSError, ValueError, RuntimeError) as error:
                raise StorageFailed(f"the search index {self.folder} cannot be written: {error}") from error
            whole = complete or before.complete
            self._checkpoint = IndexCheckpoint(INDEX_VERSION, before.epoch, cursor, len(self._ranks), whole)
            self._publish()
            for rank in self._removed:
                self._rows.pop(rank, None)
            self._removed.clear()
            replace_file(self.folder / CHECKPOINT, msgspec.json.encode(self._checkpoint))

    def _publish(self) -> None:
        version = self._snapshot.version + 1 if self._snapshot else 1
        self._popularities = merge_changes(self._popularities, self._added, self._dropped)
        self._added, self._dropped = [], []
        self._snapshot = Snapshot(self._index.searcher(), self._rows, self._popularities, version)

    def close(self) -> None:
        """Release the index, so that another process can open it."""
        with self._writing:
            self._index = self._writer = self._checkpoint = self._snapshot = None
            self._rows, self._ranks, self._popularities = {}, {}, []


def existing_rows(snapshot: Snapshot, ranks: Sequence[int]) -> list[TitleRow]:
    """The rows of ranks that the searcher found, without those deleted meanwhile."""
    return [row for rank in ranks if (row := snapshot.rows.get(rank)) is not None]
