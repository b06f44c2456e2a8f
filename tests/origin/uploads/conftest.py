"""An upload service over HTTP, whose process can be killed and started anew."""

import asyncio
import hashlib
from base64 import b64encode

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from origin.jobs.schema import MIGRATIONS
from origin.uploads.spool import Spool
from origin.uploads.upload_routes import UploadRoutes
from origin.uploads.upload_rows import UploadRows
from origin.uploads.upload_service import UploadLimits, UploadService
from system.database.database import Database
from system.database.engine import DatabaseAddress

TUS = {"Tus-Resumable": "1.0.0"}
CHUNK = TUS | {"Content-Type": "application/offset+octet-stream"}


class Clock:
    def __init__(self):
        self.now = 1_000_000.0

    def wall(self):
        return self.now


class Uploads:
    """The service and a client of it."""

    def __init__(self, folder, clock):
        self.folder, self.clock, self.complete, self.ended = folder, clock, [], []

    async def start(self, **limits):
        """Start, or start anew after a kill: only the folder survives."""
        self.database = Database(DatabaseAddress(self.folder / "jobs.sqlite3"), MIGRATIONS, "jobs")
        await self.database.open()
        self.rows, self.spool = UploadRows(self.database), Spool(self.folder / "uploads")
        allowed = UploadLimits(**({"max_size": 1 << 24, "max_uploads": 3, "ttl": 60.0} | limits))
        self.service = UploadService(self.rows, self.spool, allowed, self.clock, self.complete_one, self.end)
        await self.service.recover()
        app = web.Application()
        UploadRoutes(self.service, self._purpose).add_to(app, lambda handler: handler)
        self.client = TestClient(TestServer(app))
        await self.client.start_server()

    async def stop(self):
        await self.client.close()
        await self.database.close()

    async def complete_one(self, upload):
        await self.hand_over(upload)

    async def hand_over(self, upload):
        async with self.database.write() as connection:
            if await self.rows.finish_within(connection, upload.upload_id, self.clock.now):
                self.complete.append(upload.upload_id)

    async def end(self, upload):
        self.ended.append(upload.upload_id)

    async def _purpose(self, creation):
        name = creation.metadata.get("filename", "film")
        return name, name, None

    async def create(self, length=10, name="film", **fields):
        fields = TUS | {"Upload-Length": str(length), "Upload-Metadata": f"filename {b64(name)}"} | fields
        answer = await self.client.post("/content/uploads", headers=fields)
        assert answer.status == 201, await answer.text()
        return answer.headers["Location"]

    async def patch(self, url, offset, data, **fields):
        return await self.client.patch(url, data=data, headers=CHUNK | {"Upload-Offset": str(offset)} | fields)

    async def offset(self, url):
        answer = await self.client.head(url, headers=TUS)
        return int(answer.headers["Upload-Offset"]) if answer.status == 200 else answer.status

    def content(self, name="film"):
        return self.spool.path(name).read_bytes()

    async def send_half(self, url):
        """Send 400,000 bytes of a million on a connection of its own, until the server has most of them."""
        _, writer = await asyncio.open_connection(self.client.host, self.client.port)
        fields = CHUNK | {"Upload-Offset": "0", "Host": "x", "Content-Length": "1000000"}
        head = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
        writer.write(f"PATCH {url} HTTP/1.1\r\n{head}\r\n".encode() + b"a" * 400_000)
        async with asyncio.timeout(10):
            while len(self.content()) < 100_000:
                await asyncio.sleep(0.01)
        return writer


def b64(text):
    return b64encode(text.encode() if isinstance(text, str) else text).decode()


def sha256_of(data):
    return f"sha256 {b64(hashlib.sha256(data).digest())}"


@pytest.fixture
async def uploads(tmp_path):
    made = Uploads(tmp_path, Clock())
    await made.start()
    yield made
    await made.stop()
