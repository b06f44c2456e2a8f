"""A title is taken down and put back."""

import msgspec
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from kernel.errors import UpstreamFailed
from origin.encode.source import Dropped, DropReason
from origin.jobs.job_graph import StepKind
from origin.jobs.service.withdrawals import Withdrawals
from origin.jobs.work.announce import Announcer
from origin.storage.library import Library
from system.clock import SystemClock
from tests.origin.encode.plans import make_plan
from tests.origin.jobs.service.conftest import until
from tests.origin.jobs.service.test_content_routes import ingest

MASTER = "/cdn/x/film/master.m3u8"


@pytest.fixture(autouse=True)
def without_waiting(monkeypatch):
    monkeypatch.setattr("origin.jobs.service.withdrawals.SETTLE_SECONDS", 0.0)


@pytest.fixture
async def film(origin, publish):
    """A published title of the origin."""
    files = {"v240/1.m4s": b"one"}
    await publish(Library(origin.store), "film", 1, files, {"master.m3u8": b"#EXTM3U"})
    return "film"


async def status_of(origin, path, **more):
    return (await origin.client.get(path, **more)).status


async def until_status(origin, path, status):
    async def is_so():
        return await status_of(origin, path) == status

    await until(is_so)


async def until_listed(origin, *versions):
    async def is_so():
        return tuple(one["version"] for one in (await origin.get("/library"))[1]["titles"]) == versions

    await until(is_so)


async def test_a_title_is_taken_down_and_put_back(origin, film, publish):
    """Out of the library, off the origin, and a new publication does not bring it back. Nothing is deleted."""
    assert await status_of(origin, MASTER) == 200
    answer = await origin.client.delete(f"/content/{film}")
    assert (await answer.json()) == {"contentId": film, "status": "WITHDRAWN", "purged": False}
    assert (await origin.get(f"/content/{film}"))[1]["status"] == "WITHDRAWN"
    await until_status(origin, MASTER, 404)
    assert await status_of(origin, "/cdn/x/film/v240/1.m4s") == 404
    await until_listed(origin)
    await publish(Library(origin.store), film, 2, {"v240-2/1.m4s": b"two"}, {"master.m3u8": b"#EXTM3U 2"})
    assert await Library(origin.store).is_whole(await Library(origin.store).title(film))
    assert await origin.post(f"/content/{film}/restore", {}) == (
        200, {"contentId": film, "status": "PUBLISHED", "purged": False}
    )  # fmt: skip
    await until_status(origin, MASTER, 200)
    await until_listed(origin, 2)


@pytest.mark.parametrize("content", ["none", "a%2Fb", "..%2Fx"])
async def test_there_is_no_such_title(origin, content):
    assert (await origin.client.delete(f"/content/{content}")).status in (400, 404)
    assert (await origin.post("/content/none/restore", {}))[0] == 404


async def test_the_edges_are_purged_once_no_origin_serves_it(origin, film, tmp_path):
    """An edge that is purged too early fetches the title again. A control that refuses is told at the next call."""
    told, answers = [], [500, 201]

    async def note(request):
        told.append((request.path, await request.json(), await status_of(origin, MASTER)))
        return web.Response(status=answers[len(told) - 1])

    app = web.Application()
    app.router.add_post("/{rest:.*}", note)
    server = TestServer(app)
    await server.start_server()
    control = str(server.make_url("")).rstrip("/")
    announcer = Announcer(None, tmp_path / "none", control, None, "eu", 1)

    async def pause(_):
        await until_status(origin, MASTER, 404)

    withdrawals = Withdrawals(Library(origin.store), announcer, SystemClock(), pause)
    with pytest.raises(UpstreamFailed):
        await withdrawals.withdraw(film)
    assert await withdrawals.withdraw(film)
    await server.close()
    assert told == [("/v1/purges", {"prefixes": ["/cdn/eu/film/"]}, 404)] * 2


async def test_tracks_that_are_left_out_are_named(origin):
    """In the job and in the title."""
    content = await ingest(origin)
    plan = msgspec.structs.replace(make_plan(), dropped=(Dropped("stream 3 (subtitle)", DropReason.BITMAP_SUBTITLE),))
    await origin.run(until=StepKind.VIDEO, plan=plan)
    [warning] = (await origin.get(f"/content/{content}"))[1]["warnings"]
    assert (warning["track"], warning["reason"]) == ("stream 3 (subtitle)", "bitmap-subtitle")
    job = (await origin.get(f"/content/{content}"))[1]["jobId"]
    assert (await origin.get(f"/content/jobs/{job}"))[1]["warnings"] == [warning]
