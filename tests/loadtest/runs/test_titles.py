"""What can be played at a target."""

import pytest
from aiohttp import web

from kernel.errors import BadSettings, MatineeError
from loadtest.runs.titles import find_titles, is_manifest
from loadtest.stories.story import Titles


@pytest.fixture
async def gateway():
    """250 titles, the first 230 of them playable; another answer below each other path."""
    asked = []

    async def titles(request):
        asked.append(request.headers.get("Authorization"))
        first = int(request.query.get("cursor", 0))
        rows = [{"contentId": f"t{n}", "playable": n < 230} for n in range(first, min(250, first + 100))]
        return web.json_response({"titles": rows, "nextCursor": str(first + 100) if first < 200 else None})

    async def none(_):
        return web.json_response({"titles": [], "nextCursor": None})

    async def other(_):
        return web.json_response({"titles": [{"name": "x"}]})

    async def text(_):
        return web.Response(text="hello")

    app = web.Application()
    app.add_routes([web.get("/titles", titles), web.get("/none/titles", none), web.get("/other/titles", other)])
    app.add_routes([web.get("/text/titles", text)])
    runner = web.AppRunner(app, handler_cancellation=True)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    yield f"http://127.0.0.1:{runner.addresses[0][1]}", asked
    await runner.cleanup()


@pytest.mark.parametrize(
    ("url", "is_one"),
    [
        ("http://c/a/master.m3u8?token=1", True),
        ("http://c/x.MPD", True),
        ("http://c/", False),
        ("http://c/?a.mpd", False),
    ],
)
def test_a_playlist_is_known_by_its_path(url, is_one):
    assert is_manifest(url) == is_one


async def test_a_playlist_is_played_as_it_is():
    assert await find_titles("https://cdn.example/m.m3u8?sig=1", Titles(), {}) == ("https://cdn.example/m.m3u8?sig=1",)


async def test_a_storys_own_urls_are_below_the_target():
    titles = Titles(urls=("a/master.m3u8", "https://other.example/b.mpd"))
    found = await find_titles("https://cdn.example/vod/", titles, {})
    assert found == ("https://cdn.example/vod/a/master.m3u8", "https://other.example/b.mpd")


async def test_a_gateways_playable_titles_are_listed_over_its_pages(gateway):
    address, asked = gateway
    found = await find_titles(address, Titles(), {"Authorization": "Bearer k"})
    assert found == [f"t{n}" for n in range(230)]
    assert asked == ["Bearer k"] * 3


async def test_no_more_titles_are_asked_for_than_the_story_wants(gateway):
    address, asked = gateway
    assert len(await find_titles(f"{address}/", Titles(limit=40), {})) == 40
    assert len(asked) == 1


@pytest.mark.parametrize(
    ("path", "says"),
    [
        ("/none", "no title that can be played"),
        ("/other", "no list of titles"),
        ("/text", "no list"),
        ("/x", "answers 404"),
    ],
)
async def test_a_target_that_is_neither_says_so(gateway, path, says):
    with pytest.raises(MatineeError, match=says):
        await find_titles(gateway[0] + path, Titles(), {})


async def test_a_dead_target_says_so():
    with pytest.raises(MatineeError, match="cannot be read"):
        await find_titles("http://127.0.0.1:1", Titles(), {})


@pytest.mark.parametrize("target", ["localhost:8080", "ftp://x/y.m3u8", "", "http:///x.m3u8"])
async def test_what_is_no_url_is_refused(target):
    with pytest.raises(BadSettings, match="no http or https URL"):
        await find_titles(target, Titles(), {})
