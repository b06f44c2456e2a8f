"""When renditions were last played."""

import pytest

from origin.stores.object_store import StoreFailed
from origin.upkeep.plays import DAY, Plays, plays_key, read_days
from tests.doubles.object_store import DownStore


async def test_the_latest_day_of_all_origins_counts(store):
    one, other = Plays(), Plays()
    one.note("x", "v240/1.m4s", 10 * DAY + 5)
    one.note("x", "v720/1.m4s", 12 * DAY)
    one.note("x", "master.m3u8", 99 * DAY)
    other.note("x", "v240/2.m4s", 11 * DAY)
    other.note("x", "v720/1.m4s", 9 * DAY)
    for plays in (one, other, one):
        await plays.save(store)
    assert await read_days(store, "x") == {"v240": 11, "v720": 12}
    assert await read_days(store, "y") == {}
    await store.put(plays_key("x"), b"damaged")
    assert await read_days(store, "x") == {}


async def test_what_could_not_be_saved_is_saved_later(make_store):
    store, plays = DownStore(make_store()), Plays()
    for content_id in ("x", "y"):
        plays.note(content_id, "v240/1.m4s", 10 * DAY)
    with pytest.raises(StoreFailed):
        await plays.save(store)
    plays.note("x", "v240/1.m4s", 11 * DAY)
    store.down = False
    await plays.save(store)
    assert [await read_days(store, name) for name in ("x", "y")] == [{"v240": 11}, {"v240": 10}]
    calls = len(store.calls)
    await plays.save(store)
    assert len(store.calls) == calls


def test_it_is_bounded(monkeypatch):
    monkeypatch.setattr("origin.upkeep.plays.MAX_TITLES", 2)
    plays = Plays()
    for content_id in "abcd":
        plays.note(content_id, "v240/1.m4s", DAY)
