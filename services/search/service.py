"""Search: keeps the index fed from the change log, and answers queries in a thread of its own."""

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
from services.search.schema import Entry, Filters

log = structlog.get_logger()

RETRY_SECONDS = 1.0
MAX_RETRY = 30.0
MAX_QUERIES = 256
"""Queries that may wait; more are answered 503."""
T = TypeVar("T")


class Titles(Protocol):
    """What search needs of the catalogue: its change log."""

    @property
    def epoch(self) -> str:
        """Names the change log for ever."""

    def follow(self, after: int) -> AsyncIterator[tuple[int, list[Entry]]]:
        """(cursor, titles changed up to it), for ever."""

    async def head(self) -> int:
        """The cursor of the latest change."""


class SearchService:
    """`run` keeps the index up to date; `search` asks it."""

    def __init__(self, titles: Titles, index: TitleIndex, counters: Counters) -> None:
        self._titles = titles
        self._index = index
        self._counters = counters
        self._threads = ThreadPoolExecutor(2, thread_name_prefix="search")
        self._asked = 0
        self._damaged = asyncio.Event()
        self.ready = asyncio.Event()
        """Set when the index has read all that there was."""

    async def run(self) -> None:
        """Follow the change log for ever; after a failure again from where the index stands."""
        pause = RETRY_SECONDS
        while True:
            self._damaged.clear()
            try:
                await self._follow_until_damaged()
                pause = RETRY_SECONDS
            except* StorageFailed as group:
                log.warning("search-feed-failed", error=str(group.exceptions[0]), retry_in=pause)
                await asyncio.sleep(pause)
                pause = min(pause * 2, MAX_RETRY)

    async def _follow_until_damaged(self) -> None:
        async with asyncio.TaskGroup() as tasks:
            following = tasks.create_task(self._follow())
            await self._damaged.wait()
            following.cancel()

    async def _follow(self) -> None:
        rebuilt = self._index.rebuilt
        cursor = await self._in_thread(self._index.open, self._titles.epoch)
        if self._index.rebuilt > rebuilt:
            self._counters.rebuilds.inc()
        head = await self._titles.head()
        self._show(cursor, head)
        async for read, entries in self._titles.follow(cursor):
            await self._in_thread(self._index.take_in, entries, read)
            self._show(read, head)

    def _show(self, cursor: int, head: int) -> None:
        self._counters.documents.set(self._index.titles)
        if cursor >= head:
            self.ready.set()

    async def search(self, query: Sequence[str], filters: Filters, limit: int) -> list[Candidate]:
        """The best `limit` titles for a query's words (none: the most popular). Raises Overloaded, StorageFailed."""
        if self._asked >= MAX_QUERIES:
            raise Overloaded(OverloadReason.SEARCHES_WAITING)
        self._asked += 1
        try:
            stage, found = await self._in_thread(self._look, query, filters, limit)
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
            self._asked -= 1
        self._counters.queries.labels(stage).inc()
        return found

    def _look(self, query: Sequence[str], filters: Filters, limit: int) -> tuple[str, list[Candidate]]:
        size = max(MAX_CANDIDATES, limit)
        if not query:
            return "browse", self._index.all(filters, limit)
        exact = rank.exact_order(self._index.exact(query, filters, size), query)
        if not rank.is_weak(exact):
            return "exact", [candidate for _, candidate in exact][:limit]
        least = rank.SIMILAR_TOO if any(grade for grade, _ in exact) else rank.SIMILAR
        found = rank.merge(exact, rank.fuzzy_order(self._index.fuzzy(query, filters, size), query, least))
        return ("fuzzy" if found else "none"), found[:limit]

    async def _in_thread(self, call: Callable[..., T], *arguments: object) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._threads, call, *arguments)

    def close(self) -> None:
        """Let the threads end and the index go."""
        self._threads.shutdown(wait=True, cancel_futures=True)
        self._index.close()
