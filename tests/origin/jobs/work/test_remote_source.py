"""The worker's side against an origin that fails; the stories with a real one are in `service/test_work_routes`."""

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from kernel.errors import UpstreamFailed
from origin.jobs.job_graph import REMOTE_KINDS
from origin.jobs.work.job_folder import JobFolders
from origin.jobs.work.remote_source import UPLOADS, WORK, RemoteSource
from origin.jobs.work.step_outcome import StepOutcome
from tests.origin.jobs.work.conftest import lease_of


@pytest.fixture
async def make_source(tmp_path):
    """`await make_source(handler)` → a source whose origin answers so."""
    opened = []

    async def make(handler):
        app = web.Application()
        app.router.add_route("*", "/{rest:.*}", handler)
        server, session = TestServer(app), aiohttp.ClientSession()
        opened.extend((server, session))
        await server.start_server()
        return RemoteSource(
            session, str(server.make_url("/")).rstrip("/"), "w", "h", REMOTE_KINDS, JobFolders(tmp_path)
        )

    yield make
    for one in reversed(opened):
        await one.close()


@pytest.mark.parametrize("status", [500, 503, 423, 429])
async def test_an_origin_that_is_away_is_told_as_such(make_source, status):
    async def answer(_):
        return web.json_response({"detail": "later"}, status=status)

    source = await make_source(answer)
    with pytest.raises(UpstreamFailed, match=f"{status}: later"):
        await source.lease()
    with pytest.raises(UpstreamFailed):
        await source.extend(lease_of(), 0.5)


async def test_an_origin_that_is_gone(make_source):
    async def answer(_):
        return web.Response(status=204)

    source = await make_source(answer)
    gone = RemoteSource(source.session, "http://127.0.0.1:1", "w", "h", REMOTE_KINDS, source.folders)
    with pytest.raises(UpstreamFailed, match="cannot be reached"):
        await gone.lease()


async def test_nothing_to_do(make_source):
    async def answer(request):
        assert (await request.json())["kinds"]
        return web.Response(status=204)

    assert await (await make_source(answer)).lease() is None


async def test_a_result_waits_for_an_origin_that_goes_away_during_its_delivery(make_source, tmp_path):
    """The connection breaks at the creation of the upload: the worker is told to wait, and keeps the file."""

    async def answer(request):
        request.transport.abort()
        return web.Response()

    source, file = await make_source(answer), tmp_path / "v240.mp4"
    file.write_bytes(b"encoded")
    with pytest.raises(UpstreamFailed, match="cannot be reached"):
        await source.finish(lease_of(), StepOutcome(files=(file,)))
    assert file.is_file()


@pytest.mark.parametrize("refused", [UPLOADS, f"{WORK}/finish"])
async def test_a_result_that_the_origin_refuses_loses_the_step_only(make_source, tmp_path, refused):
    """The lease is lost, or an upload has gone meanwhile: the worker goes on with other steps."""

    async def answer(request):
        if request.path == refused:
            return web.json_response({"detail": "the upload is not complete"}, status=409)
        return web.Response(status=201, headers={"Location": f"{UPLOADS}/result-1"})

    source, file = await make_source(answer), tmp_path / "v240.mp4"
    file.write_bytes(b"encoded")
    assert not await source.finish(lease_of(), StepOutcome(files=(file,)))
