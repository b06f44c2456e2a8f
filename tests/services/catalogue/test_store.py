"""Titles, their order, their change log and their licences, on both engines."""

import asyncio
import sqlite3

import pytest
from sqlalchemy import Engine, event

from kernel.vocabulary import Tier
from services.catalogue.library import LibraryTitle
from services.catalogue.licence import Window
from services.catalogue.store import CatalogueStore, Outcome
from services.catalogue.title import Artwork, Kind, Person, Title
from services.catalogue.title_line import ImportedTitle
from system.database.engine import DatabaseAddress

NOW = 1_800_000_000.0


@pytest.fixture
async def store(database_address):
    store = CatalogueStore(database_address)
    await store.open()
    yield store
    await store.close()


def records(*titles, given=True):
    return [ImportedTitle(title, given) for title in titles]


async def test_titles_come_back_as_they_went_in(store):
    title = Title("a", "A", 1999, ("Drama",), ("X Y",), "About.", ("DE", "FR"), 7.5, 3.0)
    await store.import_titles(records(title), NOW)
    assert await store.get("a") == title
    assert await store.get("b") is None
    assert await store.get_many(["a", "b"]) == {"a": title}


async def test_the_change_log_gives_each_title_once_at_its_newest(store):
    await store.import_titles(records(Title("a", "A"), Title("b", "B")), NOW)
    first = await store.changes(0)
    await store.import_titles(records(Title("a", "A2"), Title("b", "B")), NOW)
    later = await store.changes(first[-1].seq)
    assert [change.title.title for change in later] == ["A2"]
    assert [change.title.content_id for change in await store.changes(0)] == ["b", "a"]
    assert await store.head() >= later[-1].seq


async def test_importing_the_same_again_changes_nothing(store):
    assert await store.import_titles(records(Title("a", "A"), Title("b", "B")), NOW) == 2
    head = await store.head()
    assert await store.import_titles(records(Title("a", "A"), Title("b", "B")), NOW) == 0
    assert await store.head() == head


async def test_a_silent_import_keeps_the_licence_and_a_spoken_one_sets_it(store):
    await store.import_titles(records(Title("a", "A", countries=("DE",))), NOW)
    await store.import_titles(records(Title("a", "A2"), given=False), NOW)
    assert (await store.get("a")).countries == ("DE",)
    await store.import_titles(records(Title("a", "A2", countries=None)), NOW)
    assert (await store.get("a")).countries is None


async def test_a_page_shows_what_is_licensed_there_without_gap_or_double(store):
    titles = [Title(f"t{n}", f"T{n}", popularity=float(n % 3), countries=(None, ("DE",), ())[n % 3]) for n in range(30)]
    await store.import_titles(records(*titles), NOW)
    await store.sync_library([LibraryTitle("t3", title="T3")], NOW)
    for country, expected in (("DE", 20), ("FR", 10), (None, 10)):
        seen, after = [], None
        while page := await store.page(country, after, 7):
            seen += [title.content_id for _, title in page]
            after = page[-1][0]
        assert len(seen) == len(set(seen)) == expected
        assert seen[0] == "t3"


async def test_a_page_of_titles_that_are_all_alike_is_read_without_sorting(tmp_path):
    """A catalogue whose popularity nobody knows still answers a page in its index's order."""
    store = CatalogueStore(DatabaseAddress(tmp_path / "catalogue.sqlite3"))
    await store.open()
    said = []
    await store.import_titles(records(*(Title(f"t{n}", "T") for n in range(9))), NOW)

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
    await store.close()


async def test_a_licence_is_set_and_told(store):
    await store.import_titles(records(Title("a", "A")), NOW)
    head = await store.head()
    assert await store.set_licence("a", ("DE",))
    assert [change.title.countries for change in await store.changes(head)] == [("DE",)]
    assert not await store.set_licence("nobody", None)
    assert await store.set_licence("a", ())
    assert (await store.get("a")).countries == ()


async def test_publishing_makes_playable_and_vanishing_unmakes_it(store):
    entry = LibraryTitle("a", title="A", duration=9.0, streams={"hls": "master.m3u8"})
    assert await store.sync_library([entry], NOW) == 1
    assert await store.sync_library([entry], NOW) == 0
    assert (await store.get("a")).playable.duration == 9.0
    assert await store.count() == (1, 1)
    assert await store.sync_library([], NOW) == 1
    assert (await store.get("a")).playable is None
    assert await store.sync_library([entry], NOW) == 1
    assert (await store.get("a")).playable is not None


async def test_another_process_sees_what_was_written(store, database_address):
    other = CatalogueStore(database_address)
    await other.open()
    await store.import_titles(records(Title("a", "A")), NOW)
    assert (await other.get("a")).title == "A"
    assert other.epoch == store.epoch
    await other.close()


SOON = Window(("DE",), NOW + 100, NOW + 200)


async def test_a_window_opens_and_closes_as_changes_that_followers_see(store):
    await store.import_titles(records(Title("a", "A", windows=(SOON,))), NOW)
    seen = []
    for moment in (NOW, NOW + 99, NOW + 100, NOW + 150, NOW + 200, NOW + 300):
        head = await store.head()
        await store.apply_due_windows(moment)
        seen.append([change.title.countries for change in await store.changes(head)])
    assert seen == [[], [], [("DE",)], [], [()], []]
    assert (await store.get("a")).windows == (SOON,)


async def test_a_licence_without_windows_ends_the_windows(store):
    await store.import_titles(records(Title("a", "A", windows=(SOON,))), NOW)
    await store.set_licence("a", ("FR",))
    assert await store.apply_due_windows(NOW + 100) == 0
    assert (await store.get("a")).countries == ("FR",)
    await store.set_licence("a", None, (SOON,), NOW + 150)
    assert (await store.get("a")).countries == ("DE",)


async def test_every_field_of_a_title_is_kept(store):
    people = (Person("X Y"), Person("Z", "director"), Person("Q", "actor", "The King"))
    art = (Artwork("poster", "https://example.org/p.jpg", 600, 900),)
    season = Title(
        "s1", "One", kind=Kind.SEASON, parent="show", number=1, people=people, maturity=16, tier=Tier.HD,
        languages=("de", "en"), artwork=art, attribution="by X",
    )  # fmt: skip
    await store.import_titles(records(season), NOW)
    assert await store.get("s1") == season


async def test_episodes_come_in_their_order_and_only_where_licensed(store):
    episodes = [
        Title(f"e{number}", f"E{number}", kind=Kind.EPISODE, parent="s1", number=number, countries=("DE",))
        for number in (10, 2, 1)
    ]
    await store.import_titles(records(*episodes, Title("e0", "E0", parent="s2", number=0)), NOW)
    assert [title.number for title in await store.list_children("s1", "DE", 100)] == [1, 2, 10]
    assert await store.list_children("s1", "FR", 100) == []


async def test_an_import_that_breaks_off_imports_nothing(store):
    async def import_and_fail():
        async with store.importing(NOW) as batches:
            await batches.write(records(Title("a", "A")))
            await batches.write(records(Title("b", "B")))
            raise RuntimeError("line 3 is bad")

    with pytest.raises(RuntimeError):
        await import_and_fail()
    assert (await store.head(), await store.count()) == (0, (0, 0))


async def test_only_one_of_two_writers_that_saw_the_same_title_wins(store):
    assert (await store.put_title(*records(Title("a", "A")), NOW, 0))[0] is Outcome.CREATED
    assert (await store.put_title(*records(Title("a", "A")), NOW, 0))[0] is Outcome.CONFLICT
    seq, _ = await store.get_with_seq("a")
    outcomes = await asyncio.gather(
        *(store.put_title(*records(Title("a", f"A{number}")), NOW, seq) for number in range(5))
    )
    assert [outcome for outcome, _ in outcomes].count(Outcome.UPDATED) == 1
    assert [outcome for outcome, _ in outcomes].count(Outcome.CONFLICT) == 4


async def test_a_deleted_title_is_gone_for_readers_and_told_to_followers(store):
    await store.import_titles(records(Title("a", "A"), Title("b", "B")), NOW)
    head = await store.head()
    assert await store.delete_title("a") is Outcome.DELETED
    assert await store.get("a") is None
    assert [(change.title.content_id, change.deleted) for change in await store.changes(head)] == [("a", True)]
    assert [title.content_id for _, title in await store.page("DE", None, 10)] == ["b"]
    assert await store.delete_title("a") is Outcome.UNKNOWN
    await store.import_titles(records(Title("a", "A")), NOW)
    assert await store.count() == (2, 0)


async def test_a_published_title_is_not_deleted_and_a_changed_one_not_by_a_stale_caller(store):
    await store.sync_library([LibraryTitle("a", title="A")], NOW)
    assert await store.delete_title("a") is Outcome.PLAYABLE
    await store.sync_library([], NOW)
    assert await store.delete_title("a", expected=1) is Outcome.CONFLICT


async def test_writers_of_two_processes_give_each_sequence_number_once(store, database_address):
    other = CatalogueStore(database_address)
    await other.open()
    await asyncio.gather(
        *(
            one.import_titles(records(Title(f"t{number}-{who}", "T")), NOW)
            for number in range(10)
            for who, one in enumerate((store, other))
        )
    )
    changes = await store.changes(0)
    assert len({change.seq for change in changes}) == len(changes) == 20
    await other.close()


async def test_tables_of_an_earlier_release_are_brought_up_to_date(tmp_path):
    path = tmp_path / "catalogue.sqlite3"
    with sqlite3.connect(path) as connection:
        connection.executescript(
            "CREATE TABLE facts (name TEXT PRIMARY KEY, value TEXT NOT NULL);"
            "INSERT INTO facts VALUES ('epoch', 'e'), ('seq', '7');"
            "CREATE TABLE titles (content_id TEXT PRIMARY KEY, seq INTEGER NOT NULL UNIQUE, title TEXT NOT NULL,"
            " year INTEGER, genres TEXT NOT NULL, cast_names TEXT NOT NULL, description TEXT NOT NULL, countries TEXT,"
            " rating FLOAT, popularity FLOAT NOT NULL, attribution TEXT NOT NULL DEFAULT '',"
            " is_playable INTEGER NOT NULL DEFAULT 0, playable TEXT, origin_seen TEXT);"
            "INSERT INTO titles (content_id, seq, title, genres, cast_names, description, countries, popularity)"
            " VALUES ('a', 7, 'A', '[]', '[]', '', ',DE,', 1.0);"
        )
    store = CatalogueStore(DatabaseAddress(path))
    await store.open()
    assert await store.get("a") == Title("a", "A", countries=("DE",), popularity=1.0)
    assert (store.epoch, await store.head()) == ("e", 7)
    await store.close()


async def test_a_page_for_an_age_leaves_out_what_is_for_older_viewers(store):
    ages = {"a": None, "b": 0, "c": 12, "d": 16}
    lines = [ImportedTitle(Title(name, name, maturity=age), licence_given=False) for name, age in ages.items()]
    await store.import_titles(lines, 0.0)
    for limit, expected in ((12, "cba"), (0, "ba"), (None, "dcba")):
        assert "".join(title.content_id for _, title in await store.page(None, None, 10, limit)) == expected
    ((position, _),) = await store.page(None, None, 1, 12)
    assert "".join(title.content_id for _, title in await store.page(None, position, 10, 12)) == "ba"
