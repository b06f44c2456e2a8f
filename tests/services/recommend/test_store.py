"""Events and marks in both databases."""

import asyncio
import random

import pytest
import sqlalchemy as sa

from services.recommend.events import Action, FeedbackEvent
from services.recommend.marks import gather_marks
from services.recommend.store import FeedbackStore
from system.database.engine import DatabaseAddress

NOW = 1_800_000_000.0


@pytest.fixture
async def store(database_address):
    store = FeedbackStore(database_address)
    await store.open()
    yield store
    await store.close()


async def all_marks(store):
    return [tuple(row) async for rows in store.read_all_marks(batch=7) for row in rows]


async def test_marks_are_merged_as_the_function_does(store):
    draw = random.Random(7)
    events = [
        FeedbackEvent(
            f"u{draw.randrange(3)}", f"t{draw.randrange(4)}", draw.choice(list(Action)),
            draw.choice([None, 0.05, 0.7]), NOW - draw.randrange(5), draw.choice([None, "DE", "FR"]),
        )
        for _ in range(120)
    ]  # fmt: skip
    for start in range(0, 120, 10):
        await store.add_events(events[start : start + 10], NOW)
    draw.shuffle(events)
    expected = {
        (one.user, one.content): (int(one.verdict), one.viewed, one.clicked, one.share, one.at, one.country)
        for one in gather_marks(events, NOW)
    }
    assert {row[:2]: row[2:] for row in await all_marks(store)} == expected
    mine = {row[0]: tuple(row[1:]) for row in await store.read_marks("u1")}
    assert mine == {content: value[:5] for (user, content), value in expected.items() if user == "u1"}


async def test_each_event_is_stored_once(store):
    event = FeedbackEvent("u", "a", Action.VIEW, None, 1.0, "DE")
    assert await store.add_events([event, event], NOW) == 1
    assert await store.add_events([event, FeedbackEvent("u", "b", Action.VIEW, None, 1.0)], NOW) == 1
    rows = await store.read_events(0, 10)
    assert [row[1:] for row in rows] == [("u", "a", "VIEW", 1.0, "DE"), ("u", "b", "VIEW", 1.0, None)]
    assert await store.read_events(rows[-1][0], 10) == []
    assert await store.head() == rows[-1][0]


async def test_an_erased_person_leaves_nothing_and_is_counted(store):
    await store.add_events([FeedbackEvent(user, "a", Action.LIKE, None, 1.0) for user in ("p-1", "p-2")], NOW)
    assert [row["content"] for row in await store.export_person("acc", ["p-1"])] == ["a"]
    await store.erase_person("acc", ["p-1"])
    assert await store.export_person("acc", ["p-1"]) == []
    assert [row[0] for row in await all_marks(store)] == ["p-2"]
    assert await store.fact("erasures") == 1


async def test_the_cursor_of_another_log_is_kept_with_its_events(store):
    assert await store.fact("log") == 0
    await store.add_events([FeedbackEvent("u", "a", Action.VIEW, None, 1.0)], NOW, ("log", 77))
    await store.add_events([], NOW, ("log", 99))
    assert await store.fact("log") == 99


def test_the_tables_are_those_that_the_migrations_make(tmp_path):
    from services.recommend.schema import tables

    path = tmp_path / "new.sqlite3"

    async def make():
        store = FeedbackStore(DatabaseAddress(path))
        await store.open()
        await store.close()

    asyncio.run(make())
    found = sa.inspect(sa.create_engine(f"sqlite:///{path}"))
    for table in tables.sorted_tables:
        assert {column["name"] for column in found.get_columns(table.name)} == {one.name for one in table.columns}


async def test_retention_counts_from_when_feedback_came_in_not_from_when_it_happened(store):
    old = FeedbackEvent("u", "a", Action.VIEW, None, 1_000.0)
    await store.add_events([old], NOW)
    await store.add_events([FeedbackEvent("u", "b", Action.VIEW, None, 1_000.0)], NOW - 100)
    assert await store.delete_before(NOW - 50) == 1
    assert [row[1] for row in await all_marks(store)] == ["a"]
    assert await store.delete_before(NOW + 1) == 1
    assert await all_marks(store) == []
