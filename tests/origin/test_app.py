"""The origin over HTTP: a published title, asked for in all the ways of RFC 9110."""

import asyncio
import dataclasses
import json
import os
import shutil

import pytest
from aiohttp.test_utils import TestClient, TestServer
from yarl import URL

from kernel.settings.table import resolve
from origin.app import build_app
from origin.log_fields import LOG_FIELDS
from origin.serve.access_log import AccessLog
from origin.settings import OriginSettings
from origin.storage.library import Library
from origin.storage.records import manifest_key
from origin.stores.folder import open_folder
from tests.doubles.object_store import DownStore, WrappedStore, stored_file


def settings(store, **more):
    resolved = resolve(OriginSettings, flags={"listen": ["127.0.0.1:0"], "store": [str(store)]})
    return dataclasses.replace(resolved, **({"drain": 1.0, "max_requests": 100} | more))


@pytest.fixture
async def serve():
    """`await serve(store folder, …)` → a client of a running origin."""
    clients = []

    async def start(store, storage=None, log=None, **more):
        app = build_app(settings(store, **more), storage or open_folder(store), log or AccessLog(None, str))
        client = TestClient(TestServer(app))
        await client.start_server()
        clients.append(client)
        return client

    yield start
    for client in clients:
        await client.close()


def raw(client, path):
    """A URL that nobody normalises on the way."""
    return URL(str(client.make_url("/")).rstrip("/") + path, encoded=True)


async def test_a_segment(serve, published):
    """All that a cache needs to keep it for ever and to purge it."""
    store, _ = published
    client = await serve(store)
    answer = await client.get("/cdn/eu/film1/v360/00001.m4s")
    body = await answer.read()
    assert body == stored_file(store, "film1", "v360/00001.m4s").read_bytes()
    fields = answer.headers
    assert answer.status == 200
    assert fields["Cache-Control"] == "public, max-age=31536000, immutable"
    assert fields["Surrogate-Key"] == "film1 film1/v360"
    assert fields["Content-Type"] == "video/iso.segment"
    assert fields["Accept-Ranges"] == "bytes"
    assert fields["X-Content-Type-Options"] == "nosniff"
    assert fields["Last-Modified"].endswith("GMT")
    assert len(fields["ETag"]) == 34
    assert "aiohttp" not in fields["Server"]


async def test_the_top_files_live_shortly(serve, published):
    """Lists that change in place are asked for again soon, and serve stale when the origin is away."""
    client = await serve(published[0])
    for name, kind in (("master.m3u8", "application/vnd.apple.mpegurl"), ("manifest-sd.mpd", "application/dash+xml")):
        answer = await client.get(f"/cdn/any/film1/{name}")
        assert answer.status == 200
        assert answer.content_type == kind
        assert answer.headers["Cache-Control"].startswith("public, max-age=2, stale-while-revalidate=")
        assert answer.headers["Surrogate-Key"] == "film1 film1/top"


async def test_head_says_what_get_would(serve, published):
    """The same fields, the length too, no body."""
    client = await serve(published[0])
    get = await client.get("/cdn/eu/film1/v360/init.mp4")
    head = await client.head("/cdn/eu/film1/v360/init.mp4", headers={"Range": "bytes=0-1"})
    same = ("ETag", "Content-Length", "Content-Type", "Cache-Control", "Last-Modified", "Surrogate-Key")
    assert head.status == 200
    assert [head.headers[name] for name in same] == [get.headers[name] for name in same]
    assert await head.read() == b""


async def test_ranges(serve, published):
    """One range is 206, none satisfiable 416, several the whole."""
    store, _ = published
    client = await serve(store)
    path, whole = "/cdn/eu/film1/v240/00001.m4s", stored_file(store, "film1", "v240/00001.m4s").read_bytes()
    for asked, expected in (("bytes=0-9", whole[:10]), ("bytes=-7", whole[-7:]), ("bytes=100-", whole[100:])):
        answer = await client.get(path, headers={"Range": asked})
        assert (answer.status, await answer.read()) == (206, expected)
        assert answer.headers["Content-Range"].endswith(f"/{len(whole)}")
    beyond = await client.get(path, headers={"Range": f"bytes={len(whole)}-"})
    assert (beyond.status, beyond.headers["Content-Range"]) == (416, f"bytes */{len(whole)}")
    assert beyond.content_type == "application/problem+json"
    several = await client.get(path, headers={"Range": "bytes=0-1,5-6"})
    assert (several.status, await several.read()) == (200, whole)


async def test_conditions(serve, published):
    """If-None-Match before If-Modified-Since; If-Range decides whether Range counts; If-Match may fail."""
    client = await serve(published[0])
    path = "/cdn/eu/film1/v240/00001.m4s"
    first = await client.get(path)
    etag, modified = first.headers["ETag"], first.headers["Last-Modified"]
    for headers, status in (
        ({"If-None-Match": etag}, 304),
        ({"If-None-Match": f'"x", W/{etag}'}, 304),
        ({"If-None-Match": "*"}, 304),
        ({"If-None-Match": '"x"', "If-Modified-Since": modified}, 200),
        ({"If-Modified-Since": modified}, 304),
        ({"If-Modified-Since": "Sat, 01 Jan 2000 00:00:00 GMT"}, 200),
        ({"If-Match": etag}, 200),
        ({"If-Match": '"x"'}, 412),
        ({"If-Unmodified-Since": "Sat, 01 Jan 2000 00:00:00 GMT"}, 412),
        ({"Range": "bytes=0-1", "If-Range": etag}, 206),
        ({"Range": "bytes=0-1", "If-Range": modified}, 206),
        ({"Range": "bytes=0-1", "If-Range": '"x"'}, 200),
    ):
        answer = await client.get(path, headers=headers)
        assert answer.status == status, headers
        if status == 304:
            assert answer.headers["ETag"] == etag
            assert "Content-Type" not in answer.headers
            assert answer.headers["Cache-Control"].endswith("immutable")


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/cdn/eu/film1/../film1/master.m3u8", 400),
        ("/cdn/eu/film1/%2e%2e/%2e%2e/titles/film1/title.json", 400),
        ("/cdn/eu/film1/..%2ftop-1/master.m3u8", 400),
        ("/cdn/eu/film1//master.m3u8", 400),
        ("/cdn/eu/film1/%00", 400),
        ("/cdn/eu/film1/top-1/master.m3u8", 404),
        ("/cdn/eu/film1/title.json", 404),
        ("/cdn/eu/film1/v240/", 404),
        ("/cdn/eu/film1/v240", 404),
        ("/cdn/eu/film/master.m3u8", 404),
        ("/cdn/EU/film1/master.m3u8", 404),
        ("/cdn/eu/-film1/master.m3u8", 404),
        ("/cdn/", 404),
        ("/titles/film1/title.json", 404),
    ],
)
async def test_only_published_files_are_visible(serve, published, path, status):
    """No way out of the list of published files."""
    client = await serve(published[0])
    answer = await client.session.get(raw(client, path))
    assert answer.status == status
    problem = json.loads(await answer.read())
    assert answer.content_type == "application/problem+json"
    assert problem["status"] == status
    assert problem["reason"]
    kept = "public, max-age=2" if status == 404 and path.startswith("/cdn/") else "no-store"
    assert answer.headers["Cache-Control"] == kept, "edges absorb a crowd that requests a missing file"


async def test_what_is_half_published_is_not_seen(serve, published, tmp_path):
    """Files of a publication that has no pointer yet are not there; with the pointer they are, at once."""
    store = shutil.copytree(published[0], tmp_path / "store")
    pointer = store / "titles/film1/title.json"
    pointer.rename(tmp_path / "title.json")
    client = await serve(store)
    assert (await client.get("/cdn/eu/film1/v240/00001.m4s")).status == 404
    (tmp_path / "title.json").rename(pointer)
    assert (await client.get("/cdn/eu/film1/v240/00001.m4s")).status == 200


async def test_only_reading(serve, published):
    """Other methods are refused by name."""
    client = await serve(published[0])
    answer = await client.post("/cdn/eu/film1/master.m3u8")
    assert (answer.status, answer.headers["Allow"]) == (405, "GET, HEAD")
    assert (await client.post("/library")).status == 405


async def test_the_library(serve, published):
    """What is published, told once: the second asking costs a 304."""
    client = await serve(published[0])
    answer = await client.get("/library")
    [title] = (await answer.json())["titles"]
    assert (title["contentId"], title["title"], title["version"], title["duration"]) == ("film1", "A Film", 1, 6.0)
    assert title["renditions"][0] | {"bandwidth": 0} == {
        "name": "v360",
        "width": 640,
        "height": 360,
        "lines": 360,
        "bandwidth": 0,
    }
    assert title["streams"] == {"hls": "master.m3u8", "dash": "manifest.mpd"}
    assert title["thumbnail"] == "thumbs/poster.jpg"
    assert title["countries"] is None
    assert "source" not in title
    again = await client.get("/library", headers={"If-None-Match": answer.headers["ETag"]})
    assert (again.status, await again.read()) == (304, b"")


async def test_the_pages_of_an_operator(serve, published):
    """Health, counters under the names of the table, the description."""
    client = await serve(published[0])
    assert await (await client.get("/healthz")).json() == {"status": "ok", "titles": 1}
    await client.get("/cdn/eu/film1/v240/init.mp4")
    metrics = await (await client.get("/metrics")).text()
    assert 'matinee_origin_requests_total{status="200"}' in metrics
    assert "/library" in (await (await client.get("/openapi.json")).json())["paths"]


async def test_a_store_that_fails_is_told(serve, published):
    """connection breaks off afterwards, so that nobody keeps half a segment."""

    down = DownStore(open_folder(published[0]))
    down.down = False
    client = await serve(published[0], down)
    assert (await client.get("/cdn/eu/film1/v240/init.mp4")).status == 200
    down.down = True
    answer = await client.get("/cdn/eu/film1/v240/init.mp4")
    assert (answer.status, (await answer.json())["reason"]) == (503, "store-unavailable")
    assert int(answer.headers["Retry-After"]) > 0
    assert answer.content_type == "application/problem+json"


async def test_a_title_of_a_store_that_is_down_is_not_called_missing(serve, tmp_path):
    """503 with Retry-After: an edge that got 404 would tell its viewers that the film is gone."""
    client = await serve(tmp_path, DownStore(open_folder(tmp_path)))
    for path in ("/cdn/eu/film1/master.m3u8", "/library", "/healthz", "/readyz"):
        answer = await client.get(path)
        assert (answer.status, (await answer.json())["reason"]) == (503, "store-unavailable"), path
        assert "Retry-After" in answer.headers


async def test_a_folder_that_was_unmounted_is_not_an_empty_store(serve, published, tmp_path):
    store = shutil.copytree(published[0], tmp_path / "store")
    client = await serve(store)
    store.rename(tmp_path / "elsewhere")
    store.mkdir()
    assert (await client.get("/cdn/eu/film1/master.m3u8")).status == 503
    assert (await client.get("/cdn/eu/never/master.m3u8")).status == 503


async def test_a_file_cut_short_is_not_served(serve, published, tmp_path):
    """What is shorter than when it was published is an error, not an answer."""
    store = shutil.copytree(published[0], tmp_path / "store")
    segment = stored_file(store, "film1", "v240/00001.m4s")
    segment.write_bytes(segment.read_bytes()[:100])
    client = await serve(store)
    assert (await client.get("/cdn/eu/film1/v240/00001.m4s")).status == 500


async def test_a_reader_that_reads_nothing_makes_nothing_grow(serve, publish, tmp_path):
    """However large the object: what is read ahead is what the sockets take, and a piece."""
    size, library = 512 << 20, Library(open_folder(tmp_path / "store"))
    title = await publish(library, "x", 1, {"v240/1.m4s": b"x"}, {"master.m3u8": b"top"})
    manifest = tmp_path / "store" / manifest_key("x", title.publications[0])
    listed = json.loads(manifest.read_bytes())
    listed["files"][0][1] = size
    manifest.write_bytes(json.dumps(listed).encode())
    os.truncate(stored_file(tmp_path / "store", "x", "v240/1.m4s"), size)
    store = WrappedStore(open_folder(tmp_path / "store"))
    client = await serve(tmp_path / "store", store)
    async with client.get("/cdn/eu/x/v240/1.m4s") as answer:
        assert answer.headers["Content-Length"] == str(size)
        assert await answer.content.readexactly(10) == b"x" + bytes(9)
        last = -1
        while (reads := sum(method == "read" for method, _ in store.calls)) != last:
            last = reads
            for _ in range(20):
                assert (await client.get("/healthz")).status == 200
        assert reads < 40, "pieces of 1 MiB; the sockets hold some of them"


async def test_too_many_at_once(serve, published):
    """Beyond the limit the answer is 503 with Retry-After."""
    client = await serve(published[0], max_requests=0)
    answer = await client.get("/library")
    assert (answer.status, answer.headers["Retry-After"]) == (503, "1")


async def test_the_access_log(serve, published, tmp_path):
    """One JSON line a request, with its trace and without the query."""
    log = AccessLog(tmp_path / "log", lambda: "now")
    client = await serve(published[0], log=log)
    trace = "00-" + "ab" * 16 + "-" + "cd" * 8 + "-01"
    answer = await client.get("/cdn/eu/film1/v240/init.mp4?CMCD=x", headers={"traceparent": trace})
    size = len(await answer.read())
    await client.close()
    log.close()
    [line] = (tmp_path / "log").read_text().splitlines()
    record = json.loads(line)
    assert record.pop("ms") >= 0
    assert record == {
        "time": "now",
        "peer": "127.0.0.1",
        "method": "GET",
        "path": "/cdn/eu/film1/v240/init.mp4",
        "status": 200,
        "bytes": size,
        "trace_id": "ab" * 16,
    }
    assert set(json.loads(line)) == {field.name for field in LOG_FIELDS}


async def test_it_is_ready_until_it_is_asked_to_stop(tmp_path):
    stopping = asyncio.Event()
    app = build_app(settings(tmp_path), open_folder(tmp_path), AccessLog(None, str), stopping)
    async with TestClient(TestServer(app)) as client:
        assert (await client.get("/readyz")).status == 200
        stopping.set()
        answer = await client.get("/readyz")
        assert (answer.status, (await answer.json())["reason"]) == (503, "draining")


async def test_a_page_that_points_its_name_here_reads_nothing_and_an_edge_may_send_any_host(serve, published):
    """DNS rebinding: Via is what every proxy adds, and no page can."""
    client = await serve(published[0], allowed_hosts=("media.example",))
    film, foreign = "/cdn/eu/film1/master.m3u8", {"Host": "watch.example"}
    assert (await client.get(film, headers=foreign)).status == 421
    assert (await client.get(film, headers=foreign | {"Via": "1.1 e1"})).status == 200
    assert (await client.get(film, headers={"Host": "media.example:9000"})).status == 200
    for path in ("/library", "/healthz", "/metrics"):
        assert (await client.get(path, headers=foreign | {"Via": "1.1 e1"})).status == 421
    assert (await client.get("/library", headers={"Origin": "https://evil.example"})).status == 403
