"""A packaged title in ffmpeg and, in a real Chromium, in hls.js, Shaka and dash.js: to its end, sound with picture.

The film is white and loud at the beginning of each second, so that what a player puts out says by how much sound and
picture are apart. A folder stands for the edge.
"""

import re
import statistics
import subprocess
import threading
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from playwright.sync_api import sync_playwright

from origin.ingest import subprocesses
from origin.package.title import PackageRequest, package_title
from tests.origin.encoded_film import SECONDS, encode_film

NODE_MODULES = Path(__file__).resolve().parents[2] / "node_modules"
FLAGS = ["--no-sandbox", "--disable-background-networking", "--autoplay-policy=no-user-gesture-required"]
MAX_OFFSET = 0.045
"""Seconds between sound and picture that viewers do not notice (ITU-R BT.1359)."""
START = 5.6
"""Players start here: three flashes are left. A busy machine may drop the frames of one; two are needed to compare."""
LIBRARIES = {
    "hls.js": "hls.js/dist/hls.min.js",
    "Shaka": "shaka-player/dist/shaka-player.compiled.js",
    "dash.js": "dashjs/dist/modern/umd/dash.all.min.js",
}
LOAD = {
    "hls.js": "hls = new Hls({startPosition: start}); hls.loadSource(url); hls.attachMedia(video);",
    "Shaka": "player = new shaka.Player(); await player.attach(video); await player.load(url, start);",
    "dash.js": "player = dashjs.MediaPlayer().create(); player.initialize(video, url, false, start);",
}
# Times of the audio clock at which a beep leaves the element, and at which a white picture is displayed.
WATCH = """async () => {
  const video = document.querySelector('video'), context = new AudioContext({sampleRate: 48000});
  const code = `registerProcessor('loud', class extends AudioWorkletProcessor { process([[samples]]) {
    if (samples) this.port.postMessage([currentTime, samples.some(one => Math.abs(one) > 0.2)]); return true; } })`;
  await context.audioWorklet.addModule(URL.createObjectURL(new Blob([code], {type: 'text/javascript'})));
  const node = new AudioWorkletNode(context, 'loud');
  context.createMediaElementSource(video).connect(node); node.connect(context.destination);
  window.beeps = []; window.flashes = [];
  let quiet = 0, dark = true;
  node.port.onmessage = ({data: [at, loud]}) => { if (loud && at - quiet > 0.3) beeps.push(at); if (loud) quiet = at; };
  const canvas = new OffscreenCanvas(4, 4), drawing = canvas.getContext('2d', {willReadFrequently: true});
  const shown = (now, frame) => {
    drawing.drawImage(video, 0, 0, 4, 4);
    const white = drawing.getImageData(0, 0, 1, 1).data[0] > 120;
    const at = context.currentTime + (frame.expectedDisplayTime - performance.now()) / 1000;
    if (white && dark) flashes.push(at);
    dark = !white; video.requestVideoFrameCallback(shown);
  };
  video.requestVideoFrameCallback(shown);
  await video.play();
}"""


class Files(SimpleHTTPRequestHandler):
    """`packaged/tree` and `packaged/tops` under one address, and a page."""

    protocol_version = "HTTP/1.1"
    extensions_map = {  # noqa: RUF012 (as the base class has it)
        ".m3u8": "application/vnd.apple.mpegurl", ".mpd": "application/dash+xml", ".m4s": "video/iso.segment",
        ".mp4": "video/mp4", ".vtt": "text/vtt", ".ts": "video/mp2t", ".html": "text/html", "": "image/jpeg",
    }  # fmt: skip

    def translate_path(self, path):
        path = path.partition("?")[0].lstrip("/")
        return str(Path(self.directory) / ("tree" if "/" in path else "tops") / path)

    def log_message(self, *_):
        """Say nothing."""


@contextmanager
def served(folder):
    """The URL of a server of a packaged title."""
    (folder / "tops" / "page.html").write_text("<!doctype html><video width=640></video>")
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Files, directory=str(folder)))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join(10)
        server.server_close()


@pytest.fixture(scope="module")
def packaged(tmp_path_factory):
    folder = tmp_path_factory.mktemp("title")
    tools = subprocesses.find_programs()
    (folder / "encoded").mkdir()
    film = encode_film(tools, folder / "encoded")
    package_title(tools, PackageRequest(film.plan, film.folder, "film", 1), folder)
    return folder / "packaged"


@pytest.fixture(scope="module")
def title(packaged):
    with served(packaged) as url:
        yield url


@pytest.fixture(scope="module")
def browser(program):
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=program("chromium"), args=FLAGS)
        yield opened
        opened.close()


def offset(beeps, flashes):
    """The median time by which sound is behind the picture."""
    pairs = [min((beep - flash for beep in beeps), key=abs) for flash in flashes]
    return statistics.median(pairs)


@pytest.mark.needs("chromium")
@pytest.mark.parametrize(
    ("player", "name"),
    [
        ("hls.js", "master.m3u8"), ("hls.js", "master-ts.m3u8"),
        ("Shaka", "manifest.mpd"), ("Shaka", "master.m3u8"), ("dash.js", "manifest.mpd"),
    ],
)  # fmt: skip
def test_a_player_plays_to_the_end_with_sound_in_time(browser, title, player, name):
    page = browser.new_page()
    try:
        page.goto(f"{title}/page.html")
        page.add_script_tag(path=NODE_MODULES / LIBRARIES[player])
        load = f"async ([url, start]) => {{ const video = document.querySelector('video'); window.{LOAD[player]} }}"
        page.evaluate(load, [f"{title}/{name}", START])
        page.wait_for_function("document.querySelector('video').readyState >= 3", timeout=20_000)
        page.evaluate(WATCH)
        ended = "(v => v.ended || v.currentTime > v.duration - 0.05)(document.querySelector('video'))"
        page.wait_for_function(ended, timeout=20_000)
        beeps, flashes = page.evaluate("[beeps, flashes]")
        shown = page.evaluate("(v => [v.currentTime, v.videoHeight])(document.querySelector('video'))")
    finally:
        page.close()
    assert shown[0] == pytest.approx(SECONDS, abs=0.15)
    assert shown[1] == 360
    assert len(flashes) >= 2, "6, 7 and 8 s are white"
    assert abs(offset(beeps, flashes)) < MAX_OFFSET


def onsets(printed, key, least):
    """When a value that ffmpeg prints for each frame rises above `least`."""
    found, above = [], False
    for at, value in re.findall(rf"pts_time:(\S+)\n{re.escape(key)}=(\S+)", printed):
        was, above = above, value not in ("-inf", "nan") and float(value) > least
        if above and not was:
            found.append(float(at))
    return found


@pytest.mark.needs("ffmpeg")
@pytest.mark.parametrize("name", ["master.m3u8", "manifest.mpd", "master-ts.m3u8"])
def test_ffmpeg_reads_all_of_it_with_sound_in_time(title, program, name):
    """Each second's flash and beep, from the first to the last."""
    picture = "scale=16:16,signalstats,metadata=print:key=lavfi.signalstats.YAVG:file=-"
    sound = "asetnsamples=96,astats=metadata=1:reset=1,ametadata=print:key=lavfi.astats.Overall.RMS_level:file=-"
    found = []
    for stream, option, filters, key, least in (
        ("0:v:0", "-vf", picture, "lavfi.signalstats.YAVG", 120),
        ("0:a:0", "-af", sound, "lavfi.astats.Overall.RMS_level", -20),
    ):
        command = [program("ffmpeg"), "-nostdin", "-v", "error", "-i", f"{title}/{name}", "-map", stream]
        done = subprocess.run(
            [*command, option, filters, "-f", "null", "-"], capture_output=True, text=True, timeout=60, check=True
        )
        found.append(onsets(done.stdout, key, least))
    flashes, beeps = found
    assert len(flashes) == len(beeps) == 9
    assert max(abs(beep - flash) for beep, flash in zip(beeps, flashes, strict=True)) < MAX_OFFSET


def test_another_reader_of_playlists_finds_nothing_at_fault(packaged):
    """m3u8's strict mode, which checks the versions that tags need."""
    import m3u8

    playlists = [*packaged.rglob("*.m3u8")]
    assert len(playlists) > 15
    for file in playlists:
        text = file.read_text()
        found = m3u8.loads(text)
        m3u8.parser.parse(text, strict=True)
        uris = len(found.segments) + len(found.playlists) + len(found.iframe_playlists)
        named = [line for line in text.splitlines() if line and not line.startswith("#")]
        assert uris == len(named) + text.count("#EXT-X-I-FRAME-STREAM-INF"), file
