"""Search follows the change log, and begins anew by itself when its index breaks."""

import asyncio

import pytest

from kernel.errors import Overloaded, StorageFailed
from services.counters import Counters
from services.search.index import TitleIndex
from services.search.schema import Filters, IndexedTitle
from services.search.service import SearchService


class Log:
    epoch = "e"

    def __init__(self):
        self.queue = asyncio.Queue()
        self.batches = [(1, [entry("a", "Alien")])]

    async def head(self):
        return self.batches[-1][0]

    async def follow(self, after):
        for cursor, entries in self.batches:
            if cursor > after:
                yield cursor, entries
        while True:
            yield await self.queue.get()


def entry(content_id, title):
    return IndexedTitle(content_id, title, None, (), (), "", None, 0.0)


@pytest.fixture
async def service(tmp_path):
    log = Log()
    counters = Counters()
    service = SearchService(log, TitleIndex(tmp_path), counters)
    service.log, service.registry = log, counters.registry
    task = asyncio.get_running_loop().create_task(service.run())
    await asyncio.wait_for(service.ready.wait(), 10)
    yield service
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    service.close()


async def titles(service, *query):
    return [one.title for one in await service.search(query, Filters(None), 10)]


async def test_what_is_added_later_is_found(service, until):
    assert await titles(service, "alien") == ["Alien"]
    await service.log.queue.put((2, [entry("b", "Predator")]))

    async def found():
        return await titles(service, "predator") == ["Predator"]

    await until(found)


async def test_a_typo_is_found_by_the_fuzzy_stage(service):
    assert await titles(service, "alein") == ["Alien"]


async def test_an_index_that_breaks_is_made_anew(service, until, monkeypatch):
    class Panic(BaseException):
        pass

    def broken(*_):
        raise Panic

    with monkeypatch.context() as patch:
        patch.setattr(TitleIndex, "find_exact", broken)
        with pytest.raises(Overloaded):
            await titles(service, "alien")

    async def found():
        try:
            return await titles(service, "alien") == ["Alien"]
        except (Overloaded, StorageFailed):
            return False

    await until(found)
    assert service.registry.get_sample_value("matinee_search_rebuilds_total") == 2
