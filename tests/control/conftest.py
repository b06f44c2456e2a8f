"""What the tests of control share."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from itertools import count
from pathlib import Path

import asyncpg
import pytest
from aiohttp.test_utils import TestClient, TestServer

from control.api.application import make_app
from control.commands import ControlService
from control.db.database import open_database
from control.db.store import Store
from control.settings import ControlSettings
from control.trust.api_keys import ApiKeys
from kernel.settings.table import resolve
from system.database.engine import DatabaseAddress, Engine
from tests.doubles.clock import FakeClock
from tests.postgresql import PASSWORD, Server, address_of


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def until() -> Callable:
    async def wait(condition: Callable[[], object]) -> None:
        """Let everything run until the condition holds."""
        async with asyncio.timeout(20):
            while not condition():
                await asyncio.sleep(0.005)

    return wait


_NUMBERS = count(1)


@pytest.fixture
async def postgresql_url(postgresql_server: Server) -> str:
    """A database for one test, with the tables in it; without the password."""
    at_once = {"password": PASSWORD, "timeout": 10}
    administrator = await asyncpg.connect(postgresql_server.url("postgres"), **at_once)
    try:
        if not await administrator.fetchval("SELECT 1 FROM pg_database WHERE datname = 'made'"):
            await administrator.execute("CREATE DATABASE made")
            store = await Store.open(open_database(address_of(postgresql_server.url("made"))))
            await store.dispose()
        name = f"test_{next(_NUMBERS)}"
        await administrator.execute(f"CREATE DATABASE {name} TEMPLATE made STRATEGY file_copy")
    finally:
        await administrator.close()
    return postgresql_server.url(name)


@pytest.fixture(params=["sqlite", "postgresql"])
def database_setting(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The setting `database` of the test's one database; each test runs on both kinds."""
    if request.param == "sqlite":
        return str(tmp_path / "control.sqlite3")
    return str(request.getfixturevalue("postgresql_url"))


@pytest.fixture
def make_database(database_setting: str) -> Callable[[], Engine]:
    """Another way into the test's database."""
    if "://" in database_setting:
        return lambda: open_database(address_of(database_setting))
    return lambda: open_database(DatabaseAddress(Path(database_setting)))


@pytest.fixture
def open_store(make_database: Callable[[], Engine]) -> Callable:
    @asynccontextmanager
    async def opened(replica: str = "") -> AsyncIterator[Store]:
        store = await Store.open(make_database(), replica)
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(store.run())
                try:
                    yield store
                finally:
                    await store.close()
        finally:
            await store.dispose()

    return opened


@pytest.fixture
def open_plane(open_store: Callable, clock: FakeClock) -> Callable:
    @asynccontextmanager
    async def opened() -> AsyncIterator[ControlService]:
        async with open_store() as store:
            yield ControlService(store, clock)

    return opened


@pytest.fixture
def settings_of(tmp_path: Path) -> Callable:
    def made(**texts: str) -> ControlSettings:
        given = {"listen": "127.0.0.1:0", "admin": "127.0.0.1:0", "data": str(tmp_path / "data"), "drain": "5s"} | texts
        return resolve(ControlSettings, flags={name: [text] for name, text in given.items()})

    return made


KEY = "a-key-of-the-tests"


class Api:
    def __init__(self, client: TestClient, plane) -> None:
        self.client = client
        self.plane = plane
        self.ready = True

    async def __call__(self, method: str, path: str, body: object = None, status: int = 200, key: str = KEY):
        headers = {"Content-Type": "application/json"} | ({"Authorization": f"Bearer {key}"} if key else {})
        options = {"data": body} if isinstance(body, bytes) else {"json": body} if body is not None else {}
        async with self.client.request(method, path, headers=headers, **options) as response:
            answer = await response.json(content_type=None)
            assert response.status == status, answer
            if status >= 400:
                assert response.content_type == "application/problem+json"
                assert answer["status"] == status
                assert {"type", "title", "detail", "reason"} <= answer.keys()
            assert "aiohttp" not in response.headers["Server"]
            return answer


@pytest.fixture
async def api(open_plane) -> AsyncIterator[Api]:
    async with open_plane() as plane:
        keys = ApiKeys(plane.store, KEY)
        await keys.start()
        app = make_app(plane, keys, lambda: made.ready)
        async with TestClient(TestServer(app)) as client:
            made = Api(client, plane)
            yield made
