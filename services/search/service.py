"""The search service: follows the change log, rebuilds while the old index serves, and runs queries in threads."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Protocol, TypeVar

import msgspec
import structlog

from kernel.clock import Clock
from kernel.errors import MatineeError, Overloaded, StorageFailed
from kernel.vocabulary import OverloadReason
from services.counters import Counters
from services.search.engine import Search
from services.search.index.entry import IndexedTitle, TitleRow
from services.search.index.generations import Generations
from services.search.index.prefixes import PrefixTable, Suggestion
from services.search.index.title_index import Snapshot, TitleIndex
from services.search.query.request import Results, SearchRequest
from services.search.text.fold import key

log = structlog.get_logger()

MIN_RETRY_SECONDS = 1.0
MAX_RETRY_SECONDS = 30.0
MAX_QUERIES = 256
"""Queries that may wait; further ones get 503."""
MAX_UNCOMMITTED = 10_000
"""Titles written between two commits while the index is behind."""
TABLE_SECONDS = 5.0
"""How late suggestions see changed titles at least; the table is made as a whole."""
TABLE_SHARE = 0.05
"""The share of the time that making the table may take, so that a steady trickle of changes costs little."""
T = TypeVar("T")


class TitleSource(Protocol):
    """The part of the catalogue that search uses: its change log."""

    @property
    def epoch(self) -> str:
        """The permanent id of the change log."""

    def follow(self, after: int) -> AsyncIterator[tuple[int, list[IndexedTitle]]]:
        """Yield (cursor, titles changed up to it), for ever."""

    async def head(self) -> int:
        """The cursor of the latest change."""


@dataclass(frozen=True, slots=True)
class PreparedTable:
    """Suggestions of the index at `version`; `genres` folded, `names` how folded genres and people are shown."""

    prefixes: PrefixTable
    genres: frozenset[str]
    names: dict[str, str]
    version: int


class SearchService:
    """Answers queries; its tasks `run` and `keep_table` keep index and suggestions up to date."""

    def __init__(
        self, titles: TitleSource, folder: Generations, counters: Counters, clock: Clock, cutoff: float
    ) -> None:
        """`cutoff` in seconds: the time after which a query returns the best it has."""
        self._titles = titles
        self._folder = folder
        self._counters = counters
        self._clock = clock
        self._cutoff = cutoff
        self._threads = ThreadPoolExecutor(2, thread_name_prefix="search")
        self._index: TitleIndex | None = None
        self._table = PreparedTable(PrefixTable(()), frozenset(), {}, 0)
        self._waiting = 0
        self._broken = asyncio.Event()
        self._changed = asyncio.Event()
        self._rebuild_asked = False
        self.ready = asyncio.Event()
        """Set once the index contains all titles that existed at the start."""

    # --- the index ---

    async def run(self) -> None:
        """Follow the change log for ever; after a failure, continue from the index's checkpoint."""
        pause = MIN_RETRY_SECONDS
        while True:
            self._broken.clear()
            try:
                await self._follow_until_broken()
                pause = MIN_RETRY_SECONDS
            except* StorageFailed as group:
                log.warning("search-feed-failed", error=str(group.exceptions[0]), retry_in=pause)
                await asyncio.sleep(pause)
                pause = min(pause * 2, MAX_RETRY_SECONDS)

    async def _follow_until_broken(self) -> None:
        async with asyncio.TaskGroup() as tasks:
            following = tasks.create_task(self._follow())
            await self._broken.wait()
            following.cancel()

    async def _follow(self) -> None:
        if self._index is None:
            self._index = await self._in_thread(self._folder.open_latest)
        index = self._index
        if index is None or index.checkpoint.epoch != self._titles.epoch or self._rebuild_asked:
            index = await self._rebuild()
        cursor, head = index.checkpoint.cursor, await self._titles.head()
        self._note_progress(index)
        if cursor >= head:
            self.ready.set()
        async for read, entries in self._titles.follow(cursor):
            await self._in_thread(index.update_titles, entries)
            await self._in_thread(lambda at=read: index.commit(at, complete=True))
            self._note_progress(index)
            if read >= head:
                self.ready.set()

    async def _rebuild(self) -> TitleIndex:
        """Build the next generation, while the present one serves, and put it in its place."""
        self._counters.rebuilds.inc()
        head = await self._titles.head()
        log.info("search-index-rebuilding", changes=head)
        made = await self._in_thread(self._folder.create_next, self._titles.epoch)
        try:
            await self._fill(made, head)
        except BaseException:
            made.close()
            raise
        old, self._index = self._index, made
        if old is not None:
            old.close()
        self._rebuild_asked = False
        await self._in_thread(self._folder.remove_others, made)
        log.info("search-index-rebuilt", titles=made.checkpoint.titles)
        return made

    async def _fill(self, index: TitleIndex, head: int) -> None:
        pending = 0
        if head == 0:
            return await self._in_thread(lambda: index.commit(0, complete=True))
        async for read, entries in self._titles.follow(0):
            await self._in_thread(index.update_titles, entries)
            pending += len(entries)
            if read >= head or pending >= MAX_UNCOMMITTED:
                done = read >= head
                await self._in_thread(lambda at=read, whole=done: index.commit(at, complete=whole))
                pending = 0
                if done:
                    return None
        return None

    def _note_progress(self, index: TitleIndex) -> None:
        self._counters.documents.set(index.checkpoint.titles)
        self._changed.set()

    def rebuild(self) -> None:
        """Start a rebuild; the present index serves until it is done."""
        self._rebuild_asked = True
        self._broken.set()

    async def keep_table(self) -> None:
        """Make the table of suggestions again after changes, for ever."""
        while True:
            await self._changed.wait()
            self._changed.clear()
            began = self._clock.mono()
            if self._index is not None:
                self._table = await self._in_thread(_prepare_table, self._index.snapshot)
            await asyncio.sleep(max(TABLE_SECONDS, (self._clock.mono() - began) / TABLE_SHARE))

    # --- queries ---

    @property
    def snapshot(self) -> Snapshot:
        """The state of the index to query. Raises Overloaded while there is none."""
        if self._index is None:
            raise Overloaded(OverloadReason.SEARCH_INDEX_REBUILDING)
        return self._index.snapshot

    @property
    def table(self) -> PreparedTable:
        """What is made of all titles together, a few seconds after they changed."""
        return self._table

    def suggest(self, prefix: str, country: str | None, maturity: int | None, limit: int) -> list[Suggestion]:
        """Completions of what a viewer typed."""
        return self._table.prefixes.suggest(prefix, country, maturity, limit)

    async def search(self, request: SearchRequest) -> Results:
        """Run a search. Raises Overloaded, StorageFailed."""
        snapshot = self.snapshot
        results: Results = await self.run_query(self._search, snapshot, request)
        self._counters.queries.labels(results.stage).inc()
        return results

    def _search(self, snapshot: Snapshot, request: SearchRequest) -> Results:
        until = self._clock.mono() + self._cutoff
        return Search(snapshot, request, lambda: self._clock.mono() < until).run()

    async def run_query(self, call: Callable[..., T], *arguments: object) -> T:
        """Run a blocking query in a thread; damage that it shows starts a rebuild. Raises Overloaded, StorageFailed."""
        if self._waiting >= MAX_QUERIES:
            raise Overloaded(OverloadReason.SEARCHES_WAITING)
        self._waiting += 1
        try:
            return await self._in_thread(call, *arguments)
        except BaseException as error:
            if not _shows_damage(error):
                raise
            log.exception("search-failed")
            self.rebuild()
            raise Overloaded(OverloadReason.SEARCH_INDEX_REBUILDING) from None
        finally:
            self._waiting -= 1

    async def _in_thread(self, call: Callable[..., T], *arguments: object) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._threads, call, *arguments)

    def close(self) -> None:
        """Stop the threads and release the index."""
        self._threads.shutdown(wait=True, cancel_futures=True)
        if self._index is not None:
            self._index.close()


def _shows_damage(error: BaseException) -> bool:
    """Whether an error of a query comes from damaged files; a bug of ours must not cost a rebuild.

    Tantivy raises ValueError, or panics with an exception that is no Exception; a damaged row does not decode.
    """
    if isinstance(error, (MatineeError, asyncio.CancelledError, KeyboardInterrupt, SystemExit)):
        return False
    return not isinstance(error, Exception) or isinstance(error, (ValueError, OSError, msgspec.MsgspecError))


def _prepare_table(snapshot: Snapshot) -> PreparedTable:
    rows: Sequence[TitleRow] = list(snapshot.rows.values())
    genres: set[str] = set()
    names: dict[str, str] = {}
    for row in rows:
        for folded, shown in row.genres:
            genres.add(folded)
            names.setdefault(folded, shown)
        for shown in row.shown_people:
            names.setdefault(key(shown), shown)
    return PreparedTable(PrefixTable(rows), frozenset(genres), names, snapshot.version)
