"""What search learns is kept, on SQLite and PostgreSQL."""

import pytest

from services.search.learning import store as module
from services.search.learning.store import CLICK_SECONDS, LearningStore

NOW = 1_800_000_000.0


@pytest.fixture
async def store(database_address):
    made = LearningStore(database_address)
    await made.open()
    yield made
    await made.close()


async def test_a_viewer_counts_once_for_a_query_and_title(store):
    for at in (NOW, NOW + 1, NOW + 2):
        await store.remember_click("star", "a", "anna", at, "DE")
    await store.remember_click("star", "a", "bob", NOW, "FR")
    found = await store.read_clicks(0)
    assert [(one.at, one.country) for one in found] == [(NOW + 2, "DE"), (NOW, "FR")]
    assert len({one.viewer for one in found}) == 2


async def test_the_latest_viewers_of_a_title_are_kept(store, monkeypatch):
    monkeypatch.setattr(module, "MAX_VIEWERS", 3)
    for number in range(6):
        await store.remember_click("star", "a", f"v{number}", NOW + number, None)
    assert sorted(one.at for one in await store.read_clicks(0)) == [NOW + 3, NOW + 4, NOW + 5]


async def test_old_clicks_are_forgotten(store):
    await store.remember_click("star", "a", "anna", NOW - CLICK_SECONDS - 1, None)
    await store.remember_click("star", "b", "anna", NOW, None)
    await store.forget_old(NOW)
    assert [one.content_id for one in await store.read_clicks(0)] == ["b"]


async def test_erasure_leaves_nothing_of_a_person(store):
    await store.remember_click("star", "a", "profile-1", NOW, None)
    await store.remember_click("star", "a", "profile-2", NOW, None)
    assert [row["content_id"] for row in await store.export_person("account", ["profile-1"])] == ["a"]
    await store.erase_person("account", ["profile-1"])
    assert await store.export_person("account", ["profile-1"]) == []
    assert len(await store.read_clicks(0)) == 1


async def test_pins_and_synonyms_are_replaced(store):
    await store.write_pins("star", ["a", "b"])
    await store.write_pins("star", ["c", "a"])
    await store.write_pins("other", ["x"])
    await store.write_pins("other", [])
    assert await store.read_pins() == {"star": ("c", "a")}
    await store.write_synonyms([("sf", "sci-fi"), ("uk", "britain")])
    await store.write_synonyms([("uk", "britain")])
    assert await store.read_synonyms() == [("uk", "britain")]


async def test_queries_without_results_are_counted(store, monkeypatch):
    await store.count_empty({"xyz": 2, "abc": 1}, NOW)
    await store.count_empty({"abc": 4}, NOW + 1)
    assert await store.read_empty(10) == [("abc", 5, NOW + 1), ("xyz", 2, NOW)]
    monkeypatch.setattr(module, "MAX_EMPTY_QUERIES", 1)
    await store.forget_old(NOW)
    assert [row[0] for row in await store.read_empty(10)] == ["abc"]
