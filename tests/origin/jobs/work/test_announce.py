"""Announcements to the catalogue and control."""

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from kernel.errors import BadSettings, UpstreamFailed
from origin.jobs.work.announce import Announcer, paths_to_push

PATHS = ["master.m3u8", "manifest.mpd", "thumbs/poster.jpg", "a_eng/main.m3u8", "a_eng/init.mp4"]
PATHS += [f"v720/{number:05d}.m4s" for number in range(1, 9)]


def test_what_a_player_asks_for_first_is_pushed():
    pushed = paths_to_push(PATHS, 2)
    assert pushed == [
        "master.m3u8",
        "manifest.mpd",
        "a_eng/main.m3u8",
        "a_eng/init.mp4",
        "v720/00001.m4s",
        "v720/00002.m4s",
    ]
    assert not any(path.endswith(".m4s") for path in paths_to_push(PATHS, 0))


@pytest.fixture
async def listener(tmp_path):
    """A server that notes what it is told."""

    class Listener:
        told, status = [], 201

        async def answer(self, request):
            self.told.append((request.path, request.headers.get("Authorization"), await request.json()))
            return web.Response(status=self.status)

    made, app = Listener(), web.Application()
    app.router.add_post("/{rest:.*}", made.answer)
    server = TestServer(app)
    await server.start_server()
    made.url = str(server.make_url("/")).rstrip("/")
    made.key = tmp_path / "key"
    made.key.write_text("secret")
    made.key.chmod(0o600)
    yield made
    await server.close()


async def test_both_are_told_with_their_keys(listener, tmp_path):
    await Announcer(listener.url, tmp_path / "none", listener.url, listener.key, "eu", 1).announce("film", PATHS)
    (catalogue, no_key, content), (control, key, push) = listener.told
    assert (catalogue, no_key, content) == ("/titles/announcements", None, {"contentId": "film"})
    assert (control, key) == ("/v1/prefetches", "Bearer secret")
    assert push["urls"][0] == "/cdn/eu/film/master.m3u8"
    assert len(push["urls"]) == 5


async def test_failures(listener, tmp_path):
    listener.status = 503
    with pytest.raises(UpstreamFailed, match="503"):
        await Announcer(listener.url, tmp_path / "none", None, None, "eu", 1).announce("film", PATHS)
    with pytest.raises(UpstreamFailed, match="cannot be reached"):
        await Announcer(None, tmp_path, "http://127.0.0.1:1", None, "eu", 1).announce("film", PATHS)
    listener.key.chmod(0o644)
    with pytest.raises(BadSettings, match="announce_control_key_file"):
        await Announcer(None, tmp_path, listener.url, listener.key, "eu", 1).announce("film", PATHS)
