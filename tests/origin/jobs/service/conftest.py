"""An origin with its ingest service over HTTP; its steps run when the test says so."""

import asyncio
import dataclasses

import msgspec
import pytest
from aiohttp.test_utils import TestClient, TestServer

from kernel.settings.store_address import StoreAddress
from kernel.settings.table import resolve
from origin.app import build_app
from origin.jobs.job_graph import StepKind, job_steps
from origin.jobs.service.ingest_app import IngestApp
from origin.serve.access_log import AccessLog
from origin.settings import OriginSettings
from origin.storage.library import Library
from origin.stores.folder import open_folder
from origin.stores.open_store import StoreLocations
from system.clock import SystemClock
from tests.origin.encode.plans import make_plan

KEY = "0123456789abcdef-key"


class Origin:
    """The origin, a client of it, and a worker whose steps take no time."""

    def __init__(self, folder, more):
        self.films, self.store = folder / "films", open_folder(folder / "store")
        self.films.mkdir(exist_ok=True)
        flags = {"listen": ["127.0.0.1:0"], "store": [str(folder / "store")], "ingest_folders": [str(self.films)]}
        settings = resolve(OriginSettings, flags=flags)
        self.settings = dataclasses.replace(settings, **({"workers": 0, "drain": 1.0} | more))
        place = StoreLocations(StoreAddress(folder / "store"))
        self.ingest = IngestApp(self.settings, place, Library(self.store), SystemClock())
        self.app = build_app(self.settings, self.store, AccessLog(None, str), ingest=self.ingest)

    async def start(self):
        await self.ingest.open()
        self.client = TestClient(TestServer(self.app))
        await self.client.start_server()
        return self

    async def stop(self):
        self.ingest.stopping.set()
        await self.client.close()
        await self.ingest.close()

    async def post(self, path, body, **more):
        answer = await self.client.post(path, json=body, **more)
        return answer.status, await answer.json()

    async def get(self, path, **more):
        answer = await self.client.get(path, **more)
        return answer.status, await answer.json()

    async def lease(self, kinds=tuple(StepKind)):
        return await self.ingest.queue.lease("w", "elsewhere", kinds, SystemClock.wall())

    async def run(self, until=None, plan=None):
        """Finish steps until one of a kind is leased, which is returned."""
        plan = plan or make_plan()
        while (lease := await self.lease()) is not None and lease.step.kind is not until:
            probe = lease.step.kind is StepKind.PROBE
            more = {"plan": msgspec.json.encode(plan), "more": job_steps(plan)} if probe else {}
            assert await self.ingest.queue.finish(lease.token, SystemClock.wall(), **more)
        return lease


@pytest.fixture
async def start_origin(tmp_path):
    """`await start_origin(**settings)`."""
    started = []

    async def start(**more):
        origin = await Origin(tmp_path, more).start()
        started.append(origin)
        return origin

    yield start
    for origin in started:
        await origin.stop()


@pytest.fixture
async def origin(start_origin):
    return await start_origin()


async def until(condition):
    """Wait until a coroutine function returns something true."""
    async with asyncio.timeout(20):
        while not (found := await condition()):
            await asyncio.sleep(0.01)
        return found
