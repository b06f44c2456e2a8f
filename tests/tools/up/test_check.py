"""Does the whole platform answer?"""

import aiohttp
import pytest
from aiohttp import web

from tools.up.check import CheckFailed, PlatformCheck, find_title


@pytest.fixture
async def platform():
    """A stand-in for the platform on a free port: (base URL, what it answers, to be changed by the test)."""
    answers = {
        "/": (200, "<html>"),
        "/healthz": (200, "ok"),
        "/titles": (200, '{"titles":[{"contentId":"bunny"}]}'),
        "/playback/start": (200, '{"streamUrl":"BASE/t/secret/cdn/local/bunny/master.m3u8"}'),
        "/t/secret/cdn/local/bunny/master.m3u8": (200, "#EXTM3U\n"),
    }

    async def answer(request):
        status, body = answers.get(request.path, (404, "no such path"))
        return web.Response(status=status, text=body.replace("BASE", f"http://{request.host}"))

    app = web.Application()
    app.router.add_get("/{path:.*}", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    yield f"http://127.0.0.1:{runner.addresses[0][1]}", answers
    await runner.cleanup()


@pytest.fixture
async def session():
    async with aiohttp.ClientSession() as session:
        yield session


async def test_a_platform_that_plays_gives_the_stream(platform, session):
    base, _ = platform
    checker = PlatformCheck(session, within=5)
    await checker.check_health([("edge1", f"{base}/healthz")])
    assert await checker.check_playback(base, "bunny") == f"{base}/t/secret/cdn/local/bunny/master.m3u8"


@pytest.mark.parametrize(
    ("path", "status", "body", "why"),
    [
        ("/", 500, "oops", "the page does not load.*status 500: oops"),
        ("/titles", 200, '{"titles":[]}', "the film bunny is not listed"),
        ("/titles", 200, "not JSON", "the film bunny is not listed"),
        ("/playback/start", 451, "not here", "playback does not start.*451"),
        ("/playback/start", 200, "[]", "playback does not start"),
        ("/t/secret/cdn/local/bunny/master.m3u8", 200, "<html>", "the edge does not serve the playlist"),
    ],
)
async def test_what_does_not_answer_is_named(platform, session, path, status, body, why):
    base, answers = platform
    answers[path] = (status, body)
    with pytest.raises(CheckFailed, match=why) as caught:
        await PlatformCheck(session, within=0).check_playback(base, "bunny")
    assert "secret" not in str(caught.value)


async def test_a_server_that_is_not_there_is_named(session):
    with pytest.raises(CheckFailed, match=r"edge1 is not healthy.*Connect"):
        await PlatformCheck(session, within=0).check_health([("edge1", "http://127.0.0.1:9/healthz")])


@pytest.mark.parametrize(
    ("titles", "found"),
    [
        ([{"contentId": "a"}], True),
        ({"titles": [{"contentId": "a"}]}, True),
        ({"items": [{"contentId": "a"}]}, True),
        ({"titles": [{"contentId": "b"}, 7]}, False),
        ({"titles": None}, False),
        ("a", False),
        (None, False),
    ],
)
def test_titles_are_found_in_a_list_or_an_object(titles, found):
    assert (find_title(titles, "a") is not None) is found
