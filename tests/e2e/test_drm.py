"""An encrypted title, from `matinee ingest --encrypt` to a real Chromium: who has the keys plays it, and nobody else.

The key server, the licences and the key store are real; sessions are given, and a folder stands for the edge.
"""

import asyncio
import json
import os
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from playwright.sync_api import sync_playwright

from kernel.media.content_keys import KeyLabel
from kernel.vocabulary import Tier
from origin.ingest import subprocesses
from services.counters import Counters
from services.http.caller import Authenticator
from services.http.geo import CountryLookup
from services.http.middleware import ROUTES, Middleware
from services.http.route import Access, Route
from services.playback.drm.drm_service import DrmService
from services.playback.drm.key_store import KeyStore
from services.playback.drm.routes import Vendors
from services.playback.sessions.session import EntitledSession
from system.clock import SystemClock
from system.database.engine import DatabaseAddress
from system.sealing import SealingKeys

ROOT = Path(__file__).resolve().parents[2]
API_KEY = "the-api-key-of-this-test-run"
NODE_MODULES = ROOT / "node_modules"
PLAYERS = {
    "hls": NODE_MODULES / "hls.js" / "dist" / "hls.min.js",
    "dash": NODE_MODULES / "shaka-player" / "dist" / "shaka-player.compiled.js",
}
FLAGS = ["--no-sandbox", "--disable-background-networking", "--autoplay-policy=no-user-gesture-required"]
PAGE = "<!doctype html><video muted width=640></video>"
SHOWN = """(v => ({seconds: v.currentTime, height: v.videoHeight, frames: v.getVideoPlaybackQuality().totalVideoFrames,
  sound: v.webkitAudioDecodedByteCount, failures}))(document.querySelector('video'))"""
PLAY = {
    "hls": """([url, licence, level]) => {
      const video = document.querySelector('video'); window.failures = [];
      const drmSystems = {'org.w3.clearkey': {licenseUrl: licence}};
      const hls = new Hls({emeEnabled: true, drmSystems, startLevel: level});
      const said = xhr => xhr && xhr.response ? new TextDecoder().decode(xhr.response) : '';
      hls.on(Hls.Events.ERROR, (_, e) => { if (e.fatal) failures.push(e.details + ' ' + said(e.networkDetails)); });
      hls.loadSource(url); hls.attachMedia(video); video.play().catch(() => {});
    }""",
    "dash": """async ([url, licence, level]) => {
      const video = document.querySelector('video'); window.failures = [];
      const player = new shaka.Player(); await player.attach(video);
      const failed = e => failures.push(e.code + ' ' + JSON.stringify(e.data));
      player.addEventListener('error', e => failed(e.detail));
      player.configure({drm: {servers: {'org.w3.clearkey': licence}}, abr: {enabled: !level}});
      video.play().catch(() => {}); await player.load(url).catch(failed);
      const tracks = player.getVariantTracks().sort((a, b) => b.height - a.height);
      if (level && tracks.length) player.selectVariantTrack(tracks[0], true);
    }""",
}


class GivenSessions:
    """Sessions by name."""

    async def entitled(self, session_id):
        until = SystemClock.wall() + 3600
        return {
            "hd": EntitledSession("secret-film", Tier.HD, until, revoked=False),
            "sd": EntitledSession("secret-film", Tier.SD, until, revoked=False),
            "revoked": EntitledSession("secret-film", Tier.HD, until, revoked=True),
        }.get(session_id)


async def stored_keys(folder, sealing):
    """The content keys of the title."""
    store = KeyStore(DatabaseAddress(folder / "drm.sqlite3"), sealing)
    await store.open()
    keys = await store.list_keys("secret-film", list(KeyLabel))
    await store.close()
    return [key.key for key in keys]


async def licence_server(folder, sealing):
    """The key server and the licences, as the services run them."""
    store = KeyStore(DatabaseAddress(folder / "drm.sqlite3"), sealing)
    await store.open()
    clock, counters = SystemClock(), Counters()
    service = DrmService(store, Vendors({}), GivenSessions(), clock, counters)
    wrapper = Middleware(Authenticator(API_KEY, b"g"), CountryLookup(None, None), (), clock, counters)
    application = web.Application(middlewares=[wrapper.middleware()])
    table = application[ROUTES] = {}

    async def page(_):
        return web.Response(text=PAGE, content_type="text/html")

    for route in (*service.routes(), Route("GET", "/page", page, Access.ANYBODY, "The player's page")):
        table[application.router.add_route(route.method, route.path, route.handler)] = route
    application.on_cleanup.append(lambda _: store.close())
    return application


async def edge(folder):
    """A publication's files under one address, as the origin gives them to an edge; any page may fetch them."""

    async def answer(request):
        path = request.match_info["path"]
        (publication,) = folder.glob("publication-1-*")
        return web.FileResponse(publication / path, headers={"Access-Control-Allow-Origin": "*"})

    application = web.Application()
    application.router.add_get("/{path:.*}", answer)
    return application


@contextmanager
def running(*makers):
    """Servers in a thread of their own; yields their URLs."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()

    def call(work):
        return asyncio.run_coroutine_threadsafe(work, loop).result(20)

    async def start(maker):
        server = TestServer(await maker)
        await server.start_server()
        return server

    servers = [call(start(maker)) for maker in makers]
    try:
        yield [f"http://127.0.0.1:{server.port}" for server in servers]
    finally:
        for server in servers:
            call(server.close())
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        loop.close()


@pytest.fixture(scope="module")
def film_of_720_lines(tmp_path_factory):
    target = tmp_path_factory.mktemp("film") / "hd.mp4"
    inputs = ["-f", "lavfi", "-i", "testsrc2=size=1280x720:rate=25:duration=8"]
    inputs += ["-f", "lavfi", "-i", "sine=frequency=440:sample_rate=48000:duration=8"]
    coded = ["-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p", "-c:a", "aac", "-t", "8", str(target)]
    command = [subprocesses.find_programs().ffmpeg, "-v", "error", "-nostdin", *inputs, *coded]
    subprocess.run(command, check=True, timeout=60)
    return target


def arguments_seen(process, seen):
    """Collect the arguments and the environment of every process that the ingest runs, while it runs."""
    while process.poll() is None:
        for folder in Path("/proc").iterdir():
            if folder.name.isdecimal():
                for name in ("cmdline", "environ"):
                    try:
                        seen.add((folder / name).read_bytes())
                    except OSError:
                        continue
        time.sleep(0.005)


@pytest.fixture(scope="module", params=["cbcs", "cenc"])
def published(request, tmp_path_factory, film_of_720_lines):
    """(URL of licences, URL of the media, its scheme, what could be seen of the ingest, the keys)."""
    folder = tmp_path_factory.mktemp(f"drm-{request.param}")
    key_file = folder / "api.key"
    key_file.write_text(API_KEY)
    key_file.chmod(0o600)
    media = folder / "store" / "media" / "secret-film"
    media.mkdir(parents=True)
    sealing = SealingKeys({"k": os.urandom(32)})
    with running(licence_server(folder, sealing), edge(media)) as (licences, files):
        command = [
            sys.executable,
            "-P",
            "-m",
            "tools.cli",
            "ingest",
            str(film_of_720_lines),
            "--encrypt",
            request.param,
        ]
        command += ["--store", str(folder / "store"), "--content-id", "secret-film", "--preset", "ultrafast"]
        command += ["--rungs", "3", "--key-server", licences, "--key-server-key-file", str(key_file)]
        with (folder / "log").open("wb") as log:
            process = subprocess.Popen(command, cwd=ROOT, stdout=log, stderr=log)
            seen = set()
            arguments_seen(process, seen)
        printed = (folder / "log").read_text()
        assert process.returncode == 0, printed
        title = json.loads((folder / "store" / "titles" / "secret-film" / "title.json").read_text())
        yield licences, files, title, seen | {printed.encode()}, folder, sealing


@pytest.fixture(scope="module")
def browser(program):
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=program("chromium"), args=FLAGS)
        yield opened
        opened.close()


def play(browser, published, kind, session):
    """What a session shows once it plays for a second or fails."""
    licences, files, title, *_ = published
    page = browser.new_page()
    try:
        page.goto(f"{licences}/page")
        page.add_script_tag(path=PLAYERS[kind])
        url = f"{files}/{title['streams'][kind]}"
        level = 2 if session == "hd" else 0  # hls.js gives up if the first rendition is one whose key it does not get
        page.evaluate(PLAY[kind], [url, f"{licences}/drm/clearkey?session={session}", level])
        least = 720 if level else 1
        done = f"() => failures.length || (shown => shown.seconds > 1 && shown.height >= {least})({SHOWN})"
        page.wait_for_function(done, timeout=20_000)
        return page.evaluate(f"() => ({SHOWN})")
    finally:
        page.close()


def test_keys_are_nowhere_to_be_seen(published):
    """Not in the arguments or the environment of any process, not in what the ingest prints, not in any stored file."""
    *_, seen, folder, sealing = published
    assert any(b"--enable_raw_key_encryption" in one for one in seen), "the packager was seen at work"
    shown = b"\0".join(seen)
    assert API_KEY.encode() not in shown
    with ThreadPoolExecutor(1) as thread:  # the browser's driver has a loop in this one
        keys = thread.submit(asyncio.run, stored_keys(folder, sealing)).result(20)
    assert len(keys) == 3
    for key in keys:
        assert key.hex().encode() not in shown.lower()
        for file in (folder / "store").rglob("*"):
            assert not file.is_file() or key not in file.read_bytes()


@pytest.mark.needs("chromium")
@pytest.mark.parametrize("kind", ["hls", "dash"])
def test_a_session_of_the_plan_plays_all_of_it(browser, published, kind):
    """720 lines with sound, by hls.js from HLS and by Shaka from DASH."""
    shown = play(browser, published, kind, "hd")
    assert not shown["failures"]
    assert shown["height"] == 720
    assert shown["frames"] > 10
    assert shown["sound"] > 0


@pytest.mark.needs("chromium")
@pytest.mark.parametrize("kind", ["hls", "dash"])
def test_a_session_without_the_hd_key_plays_on_below_it(browser, published, kind):
    """The licence leaves the HD key out, and the player goes to the highest rendition that it can decrypt."""
    shown = play(browser, published, kind, "sd")
    assert not shown["failures"]
    assert 0 < shown["height"] <= 480
    assert shown["frames"] > 10


@pytest.mark.needs("chromium")
@pytest.mark.parametrize("kind", ["hls", "dash"])
@pytest.mark.parametrize(("session", "sentence"), [("revoked", "has ended: start the film again")])
def test_without_a_licence_nothing_plays_and_the_reason_is_told(browser, published, kind, session, sentence):
    shown = play(browser, published, kind, session)
    assert shown["seconds"] < 1
    assert shown["frames"] == 0
    assert sentence in str(shown["failures"])
