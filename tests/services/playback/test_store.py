"""Sessions and positions in SQLite."""

import pytest

from services.playback.store import PlaybackStore, PositionUpdate, Session
from system.database.engine import DatabaseAddress


@pytest.fixture
async def store(tmp_path):
    store = PlaybackStore(DatabaseAddress(tmp_path / "playback.sqlite3"), max_sessions=3)
    await store.open()
    yield store
    await store.close()


def session(name, at=100.0, until=1000.0):
    return Session(name, "film", "viewer", at, until)


async def test_a_session_keeps_its_position(store):
    await store.write([session("s"), PositionUpdate("s", 12.5, 110.0)])
    assert await store.get("s") == session("s")
    assert await store.position("s") == 12.5
    await store.write([PositionUpdate("s", 20.0, 120.0), PositionUpdate("nobody", 1.0, 120.0)])
    assert await store.position("s") == 20.0
    assert await store.position("nobody") is None
    assert await store.get("nobody") is None


async def test_expired_sessions_go_and_of_too_many_the_longest_unseen(store):
    await store.write([session("old", until=50.0)] + [session(f"s{n}", at=100.0 + n) for n in range(4)])
    await store.write([PositionUpdate("s0", 1.0, 500.0)])
    assert await store.delete_expired(now=60.0) == 3
    assert await store.get("old") is None
    assert await store.get("s1") is None
    assert await store.get("s0") is not None
