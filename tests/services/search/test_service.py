"""The service follows the change log, rebuilds while the old index serves, and recovers from damage."""

import asyncio

import pytest

from kernel.errors import Overloaded, StorageFailed
from services.counters import Counters
from services.search.index.generations import Generations
from services.search.query.filters import Filters
from services.search.query.parse import parse_query
from services.search.query.request import SearchRequest
from services.search.service import SearchService
from system.clock import SystemClock
from tests.services.search.conftest import entry


class Log:
    """A change log; `gate` closed holds back what is read from the beginning."""

    def __init__(self, epoch="e"):
        self.epoch = epoch
        self.queue = asyncio.Queue()
        self.batches = [(1, [entry("a", "Alien")])]
        self.gate = asyncio.Event()
        self.gate.set()

    async def head(self):
        return self.batches[-1][0]

    async def follow(self, after):
        if after == 0:
            await self.gate.wait()
        for cursor, entries in self.batches:
            if cursor > after:
                yield cursor, entries
        while True:
            yield await self.queue.get()


class Running:
    """A service with its tasks, on a folder that outlives it."""

    def __init__(self, folder, log):
        self.log = log
        self.counters = Counters()
        self.service = SearchService(log, Generations(folder), self.counters, SystemClock(), 5.0)

    async def __aenter__(self):
        loop = asyncio.get_running_loop()
        self.tasks = [loop.create_task(self.service.run()), loop.create_task(self.service.keep_table())]
        return self

    async def __aexit__(self, *_):
        for task in self.tasks:
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)
        self.service.close()

    async def ready(self):
        await asyncio.wait_for(self.service.ready.wait(), 10)
        return self

    async def titles(self, text):
        results = await self.service.search(SearchRequest(parse_query(text), Filters(None)))
        return [hit.row.title for hit in results.hits]

    def rebuilds(self):
        return self.counters.registry.get_sample_value("matinee_search_rebuilds_total")


async def test_what_is_added_later_is_found_and_suggested(tmp_path, until):
    async with Running(tmp_path, Log()) as running:
        await running.ready()
        assert await running.titles("alien") == ["Alien"]
        assert await running.titles("alein") == ["Alien"]
        await running.log.queue.put((2, [entry("b", "Predator")]))

        async def found():
            return await running.titles("predator") == ["Predator"]

        await until(found)


async def test_after_a_restart_it_goes_on_where_it_stood(tmp_path):
    log = Log()
    async with Running(tmp_path, log) as running:
        await running.ready()
    log.gate.clear()  # nothing may be read from the beginning again
    log.batches.append((2, [entry("b", "Predator")]))
    async with Running(tmp_path, log) as running:
        await running.ready()
        assert await running.titles("predator") == ["Predator"]
        assert await running.titles("alien") == ["Alien"]
        assert running.rebuilds() == 0


async def test_the_old_index_serves_while_the_next_one_is_built(tmp_path, until):
    async with Running(tmp_path, Log()) as running:
        await running.ready()
        running.log.gate.clear()
        running.log.batches = [(3, [entry("n", "New Title")])]
        running.service.rebuild()

        async def rebuilding():
            return running.rebuilds() == 2

        await until(rebuilding)
        assert await running.titles("alien") == ["Alien"]
        running.log.gate.set()

        async def replaced():
            return await running.titles("new") == ["New Title"] and await running.titles("alien") == []

        await until(replaced)
    assert len(list(tmp_path.glob("generation-*"))) == 1


async def test_another_catalogue_is_indexed_while_the_old_one_serves(tmp_path, until):
    async with Running(tmp_path, Log()) as running:
        await running.ready()
    other = Log("other")
    other.gate.clear()
    other.batches = [(1, [entry("x", "Other")])]
    async with Running(tmp_path, other) as running:

        async def serves():
            try:
                return await running.titles("alien") == ["Alien"]
            except Overloaded:
                return False

        await until(serves)
        other.gate.set()
        await running.ready()
        assert await running.titles("other") == ["Other"]


async def test_an_index_that_breaks_is_built_again(tmp_path, until, monkeypatch):
    class Panic(BaseException):
        pass

    def broken(*_):
        raise Panic

    async with Running(tmp_path, Log()) as running:
        await running.ready()
        with monkeypatch.context() as patch:
            patch.setattr("services.search.engine.Search.run", broken)
            with pytest.raises(Overloaded):
                await running.titles("alien")

        async def found():
            try:
                return running.rebuilds() == 2 and await running.titles("alien") == ["Alien"]
            except (Overloaded, StorageFailed):
                return False

        await until(found)


async def test_a_bug_in_ranking_does_not_cost_a_rebuild(tmp_path, monkeypatch):
    def broken(*_):
        raise TypeError("a bug")

    async with Running(tmp_path, Log()) as running:
        await running.ready()
        with monkeypatch.context() as patch:
            patch.setattr("services.search.engine.Search.run", broken)
            with pytest.raises(TypeError):
                await running.titles("alien")
        assert await running.titles("alien") == ["Alien"]
        assert running.rebuilds() == 1


async def test_an_empty_catalogue_is_ready(tmp_path):
    log = Log()
    log.batches = [(0, [])]
    async with Running(tmp_path, log) as running:
        await running.ready()
        assert await running.titles("alien") == []
