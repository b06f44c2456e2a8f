"""Titles, their order, their change log and their licences in SQLite."""

import sqlite3

import pytest
from sqlalchemy import Engine, event

from services.catalogue.library import LibraryTitle
from services.catalogue.store import CatalogueStore
from services.catalogue.title import ImportedTitle, Title
from system.database.engine import DatabaseAddress


@pytest.fixture
async def store(tmp_path):
    store = CatalogueStore(DatabaseAddress(tmp_path / "catalogue.sqlite3"))
    await store.open()
    yield store
    await store.close()


def records(*titles, given=True):
    return [ImportedTitle(title, given) for title in titles]


async def test_titles_come_back_as_they_went_in(store):
    title = Title("a", "A", 1999, ("Drama",), ("X Y",), "About.", ("DE", "FR"), 7.5, 3.0)
    await store.import_titles(records(title))
    assert await store.get("a") == title
    assert await store.get("b") is None
    assert await store.get_many(["a", "b"]) == {"a": title}


async def test_the_change_log_gives_each_title_once_at_its_newest(store):
    await store.import_titles(records(Title("a", "A"), Title("b", "B")))
    first = await store.changes(0)
    await store.import_titles(records(Title("a", "A2"), Title("b", "B")))
    later = await store.changes(first[-1].seq)
    assert [change.title.title for change in later] == ["A2"]
    assert [change.title.content_id for change in await store.changes(0)] == ["b", "a"]
    assert await store.head() >= later[-1].seq


async def test_importing_the_same_again_changes_nothing(store):
    assert await store.import_titles(records(Title("a", "A"), Title("b", "B"))) == 2
    head = await store.head()
    assert await store.import_titles(records(Title("a", "A"), Title("b", "B"))) == 0
    assert await store.head() == head


async def test_a_silent_import_keeps_the_licence_and_a_spoken_one_sets_it(store):
    await store.import_titles(records(Title("a", "A", countries=("DE",))))
    await store.import_titles(records(Title("a", "A2"), given=False))
    assert (await store.get("a")).countries == ("DE",)
    await store.import_titles(records(Title("a", "A2", countries=None)))
    assert (await store.get("a")).countries is None


async def test_a_page_shows_what_is_licensed_there_without_gap_or_double(store):
    titles = [Title(f"t{n}", f"T{n}", popularity=float(n % 3), countries=(None, ("DE",), ())[n % 3]) for n in range(30)]
    await store.import_titles(records(*titles))
    await store.sync_library([LibraryTitle("t3", title="T3")])
    for country, expected in (("DE", 20), ("FR", 10), (None, 10)):
        seen, after = [], None
        while page := await store.page(country, after, 7):
            seen += [title.content_id for _, title in page]
            after = page[-1][0]
        assert len(seen) == len(set(seen)) == expected
        assert seen[0] == "t3"


async def test_a_page_of_titles_that_are_all_alike_is_read_without_sorting(store, tmp_path):
    """A catalogue whose popularity nobody knows still answers a page in its index's order."""
    said = []
    await store.import_titles(records(*(Title(f"t{n}", "T") for n in range(9))))

    def listen(_connection, _cursor, statement, parameters, *_rest):
        said.append((statement, parameters))

    event.listen(Engine, "before_cursor_execute", listen)
    try:
        first = await store.page("DE", None, 5)
        second = await store.page("DE", first[-1][0], 5)
    finally:
        event.remove(Engine, "before_cursor_execute", listen)
    assert len({title.content_id for _, title in first + second}) == 9
    pages = [(statement, parameters) for statement, parameters in said if "ORDER BY" in statement]
    assert len(pages) == 2
    with sqlite3.connect(tmp_path / "catalogue.sqlite3") as connection:
        for statement, parameters in pages:
            steps = [row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {statement}", parameters)]
            assert len(steps) == 1
            assert "titles_in_order" in steps[0]


async def test_a_licence_is_set_and_told(store):
    await store.import_titles(records(Title("a", "A")))
    head = await store.head()
    assert await store.set_licence("a", ("DE",))
    assert [change.title.countries for change in await store.changes(head)] == [("DE",)]
    assert not await store.set_licence("nobody", None)
    assert await store.set_licence("a", ())
    assert (await store.get("a")).countries == ()


async def test_publishing_makes_playable_and_vanishing_unmakes_it(store):
    entry = LibraryTitle("a", title="A", duration=9.0, streams={"hls": "master.m3u8"})
    assert await store.sync_library([entry]) == 1
    assert await store.sync_library([entry]) == 0
    assert (await store.get("a")).playable.duration == 9.0
    assert await store.count() == (1, 1)
    assert await store.sync_library([]) == 1
    assert (await store.get("a")).playable is None
    assert await store.sync_library([entry]) == 1
    assert (await store.get("a")).playable is not None


async def test_another_process_sees_what_was_written(store, tmp_path):
    other = CatalogueStore(DatabaseAddress(tmp_path / "catalogue.sqlite3"))
    await other.open()
    await store.import_titles(records(Title("a", "A")))
    assert (await other.get("a")).title == "A"
    assert other.epoch == store.epoch
    await other.close()
