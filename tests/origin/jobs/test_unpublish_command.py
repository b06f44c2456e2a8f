"""The command against an origin that notes what it is asked."""

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from kernel.errors import MatineeError
from origin.jobs.unpublish_command import UnpublishSettings, ask


@pytest.fixture
async def asked():
    """(the requests, the origin's URL); it knows `film` alone."""
    requests = []

    async def answer(request):
        requests.append((request.method, request.path))
        if "film" not in request.path:
            return web.json_response({"detail": "no title"}, status=404)
        return web.json_response({"contentId": "film", "status": "WITHDRAWN", "purged": True})

    app = web.Application()
    app.router.add_route("*", "/{rest:.*}", answer)
    server = TestServer(app)
    await server.start_server()
    yield requests, str(server.make_url("")).rstrip("/")
    await server.close()


async def test_down_and_up_again(asked, capsys):
    requests, url = asked
    for undo in (False, True):
        assert await ask(UnpublishSettings(url, None, undo=undo), "film", {}) == 0
    assert requests == [("DELETE", "/content/film"), ("POST", "/content/film/restore")]
    assert "film WITHDRAWN; the edges were purged" in capsys.readouterr().out


async def test_an_unknown_title(asked):
    with pytest.raises(MatineeError, match="answered 404: no title"):
        await ask(UnpublishSettings(asked[1], None, undo=False), "other", {})
