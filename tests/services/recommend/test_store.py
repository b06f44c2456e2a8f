"""Feedback in SQLite."""

import pytest

from services.recommend.events import Action, FeedbackEvent
from services.recommend.store import FeedbackStore
from system.database.engine import DatabaseAddress


@pytest.fixture
async def store(tmp_path):
    store = FeedbackStore(DatabaseAddress(tmp_path / "recommend.sqlite3"))
    await store.open()
    yield store
    await store.close()


async def test_a_taste_is_what_the_latest_events_say(store):
    await store.add_events(
        [
            FeedbackEvent("u", "a", Action.DISLIKE, None, 1.0),
            FeedbackEvent("u", "a", Action.LIKE, None, 2.0),
            FeedbackEvent("u", "b", Action.LIKE, None, 3.0),
            FeedbackEvent("u", "b", Action.DISLIKE, None, 4.0),
            FeedbackEvent("u", "c", Action.WATCH, 0.05, 5.0),
            FeedbackEvent("v", "d", Action.LIKE, None, 6.0),
        ]
    )
    taste = await store.read_taste("u")
    assert taste.seen == frozenset("abc")
    assert taste.disliked == frozenset("b")
    assert taste.liked["a"] > 0
    assert "b" not in taste.liked
    assert taste.liked["c"] == 0
    assert (await store.read_taste("nobody")).seen == frozenset()


async def test_all_events_come_back_as_columns(store):
    assert await store.head() == 0
    await store.add_events(
        [FeedbackEvent("u", "a", Action.LIKE, None, 1.0, "DE"), FeedbackEvent("v", "a", Action.VIEW, None, 2.0)]
    )
    columns = await store.read_columns()
    assert (columns.users, columns.items, columns.countries) == (["u", "v"], ["a"], ["DE"])
    assert columns.country.tolist() == [0, -1]
    assert columns.at.tolist() == [1.0, 2.0]
    assert await store.head() == 2
