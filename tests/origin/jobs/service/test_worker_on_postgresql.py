"""A real worker process on PostgreSQL: a film in a bucket becomes an encrypted title, as the API asked."""

import asyncio

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from kernel.media.content_keys import ContentKey
from kernel.media.cpix import read_request, write_response
from origin.storage.library import Library
from origin.verify.title import verify_published
from system.workers import run_alongside


@pytest.fixture
async def key_server():
    """The URL of a key server."""

    async def answer(request):
        wanted = read_request(await request.read())
        made = [ContentKey(label, key_id, b"k" * 16) for label, key_id in wanted.key_ids.items()]
        return web.Response(body=write_response(wanted, made), headers={"X-Speke-Version": "2.0"})

    app = web.Application()
    app.router.add_post("/{rest:.*}", answer)
    server = TestServer(app)
    await server.start_server()
    yield str(server.make_url("")).rstrip("/")
    await server.close()


@pytest.mark.timeout(180)
async def test_a_film_of_a_bucket_becomes_an_encrypted_title(
    start_origin, empty_postgresql, s3_server, bucket, films, key_server, tmp_path, monkeypatch
):
    for name, value in s3_server.environment.items():
        monkeypatch.setenv(name, value)
    film = await asyncio.to_thread(films, "short.mp4", seconds=2, size="320x240")
    store = bucket()
    await store.put("short.mp4", film.read_bytes())
    (tmp_path / "password").touch(0o600)
    (tmp_path / "password").write_text(empty_postgresql.password)
    origin = await start_origin(
        database=empty_postgresql.url, database_password_file=tmp_path / "password", workers=1,
        ingest_buckets=("vod",), key_server=key_server, ingest_preset="ultrafast", ingest_rungs=2,
    )  # fmt: skip
    body = {"title": "A", "contentId": "a", "fileLocation": f"{store.name}/short.mp4", "encrypt": "cbcs"}
    async with run_alongside(origin.ingest.run()):
        assert (await origin.post("/content/ingest", body))[0] == 201

        job_id = (await origin.get("/content/a"))[1]["jobId"]
        async with origin.client.get(f"/content/jobs/{job_id}/events") as events:
            await events.read()  # until the job's end
        shown = (await origin.get("/content/a"))[1]
    assert shown["status"] == "PUBLISHED", shown
    library = Library(origin.store)
    title = await library.title("a")
    assert title.encryption.scheme == "cbcs"
    assert await verify_published(library, title, lambda _: None) == []
