"""The search service: updates the index from the change log, and runs queries in threads of its own."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Protocol, TypeVar

import structlog

from kernel.errors import Overloaded, StorageFailed
from kernel.vocabulary import OverloadReason
from services.counters import Counters
from services.search import rank
from services.search.index import MAX_CANDIDATES, TitleIndex
from services.search.rank import Candidate
from services.search.schema import Filters, IndexedTitle

log = structlog.get_logger()

MIN_RETRY_SECONDS = 1.0
MAX_RETRY_SECONDS = 30.0
MAX_QUERIES = 256
"""Queries that may wait; further ones get 503."""
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


class SearchService:
    """Answers queries; its task `run` keeps the index up to date."""

    def __init__(self, titles: TitleSource, index: TitleIndex, counters: Counters) -> None:
        self._titles = titles
        self._index = index
        self._counters = counters
        self._threads = ThreadPoolExecutor(2, thread_name_prefix="search")
        self._waiting = 0
        self._damaged = asyncio.Event()
        self.ready = asyncio.Event()
        """Set once the index contains all titles that existed at the start."""

    async def run(self) -> None:
        """Follow the change log for ever; after a failure, continue from the index's checkpoint."""
        pause = MIN_RETRY_SECONDS
        while True:
            self._damaged.clear()
            try:
                await self._follow_until_damaged()
                pause = MIN_RETRY_SECONDS
            except* StorageFailed as group:
                log.warning("search-feed-failed", error=str(group.exceptions[0]), retry_in=pause)
                await asyncio.sleep(pause)
                pause = min(pause * 2, MAX_RETRY_SECONDS)

    async def _follow_until_damaged(self) -> None:
        async with asyncio.TaskGroup() as tasks:
            following = tasks.create_task(self._follow())
            await self._damaged.wait()
            following.cancel()

    async def _follow(self) -> None:
        rebuilt = self._index.rebuild_count
        cursor = await self._in_thread(self._index.open, self._titles.epoch)
        if self._index.rebuild_count > rebuilt:
            self._counters.rebuilds.inc()
        head = await self._titles.head()
        self._update_readiness(cursor, head)
        async for read, entries in self._titles.follow(cursor):
            await self._in_thread(self._index.update_titles, entries, read)
            self._update_readiness(read, head)

    def _update_readiness(self, cursor: int, head: int) -> None:
        self._counters.documents.set(self._index.title_count)
        if cursor >= head:
            self.ready.set()

    async def search(self, query: Sequence[str], filters: Filters, limit: int) -> list[Candidate]:
        """The best `limit` titles for the words (none: the most popular). Raises Overloaded, StorageFailed."""
        if self._waiting >= MAX_QUERIES:
            raise Overloaded(OverloadReason.SEARCHES_WAITING)
        self._waiting += 1
        try:
            stage, found = await self._in_thread(self._search_index, query, filters, limit)
        except StorageFailed:
            raise
        except asyncio.CancelledError:
            raise
        except BaseException as error:
            if isinstance(error, (KeyboardInterrupt, SystemExit)):
                raise
            log.exception("search-failed")
            await self._in_thread(self._index.discard)
            self._damaged.set()
            raise Overloaded(OverloadReason.SEARCH_INDEX_REBUILDING) from None
        finally:
            self._waiting -= 1
        self._counters.queries.labels(stage).inc()
        return found

    def _search_index(self, query: Sequence[str], filters: Filters, limit: int) -> tuple[str, list[Candidate]]:
        size = max(MAX_CANDIDATES, limit)
        if not query:
            return "browse", self._index.most_popular(filters, limit)
        exact = rank.rank_exact(self._index.find_exact(query, filters, size), query)
        if not rank.may_be_misspelt(exact):
            return "exact", [candidate for _, candidate in exact][:limit]
        least = rank.MIN_SIMILARITY_AFTER_EXACT if any(grade for grade, _ in exact) else rank.MIN_SIMILARITY
        found = rank.merge(exact, rank.rank_similar(self._index.find_similar(query, filters, size), query, least))
        return ("fuzzy" if found else "none"), found[:limit]

    async def _in_thread(self, call: Callable[..., T], *arguments: object) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._threads, call, *arguments)

    def close(self) -> None:
        """Stop the threads and release the index."""
        self._threads.shutdown(wait=True, cancel_futures=True)
        self._index.close()
