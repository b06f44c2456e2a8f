"""Stores of sessions on SQLite, PostgreSQL and Valkey."""

import pytest

from services.playback.sessions.store import PlaybackStore
from services.playback.sessions.valkey_store import ValkeyStore
from system.database.engine import DatabaseAddress

SILENT_AFTER = 30.0


@pytest.fixture(params=["sqlite", "postgresql", "valkey"])
def make_store(request, tmp_path):
    """Makes a store over the test's one database each time it is called, as processes do that share it."""
    if request.param == "valkey":
        url = request.getfixturevalue("valkey_url")
        return lambda max_sessions=1_000: ValkeyStore(url, None, SILENT_AFTER, max_sessions)
    sqlite = DatabaseAddress(tmp_path / "playback.sqlite3")
    address = sqlite if request.param == "sqlite" else request.getfixturevalue("empty_postgresql")
    return lambda max_sessions=1_000: PlaybackStore(address, max_sessions, SILENT_AFTER)


@pytest.fixture
async def store(make_store):
    """One store, open."""
    store = make_store()
    await store.open()
    yield store
    await store.close()
