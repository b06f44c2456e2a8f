"""hls.js, Shaka and dash.js play on when the edge they play from is killed: steering moves them to the other one.

A fleet of its own: origin, control, services, and one edge each on 127.0.0.1 and 127.0.0.2, with the same port.
"""

import contextlib
import os
import random
import select
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import sync_playwright

from origin.ingest import subprocesses
from tests.e2e.browsing import FLAGS
from tests.e2e.conftest import ROOT, get, until
from tools.up.ports import why_not_free

READY_WITHIN = 30
MOVED_WITHIN = 40
LATER = 20.0
"""Seconds of film after the kill that no player can have had in its buffer."""
TTL = "1s"
PLAYERS = {
    "hls.js": "hls.js/dist/hls.min.js",
    "shaka-hls": "shaka-player/dist/shaka-player.compiled.js",
    "shaka-dash": "shaka-player/dist/shaka-player.compiled.js",
    "dash.js": "dashjs/dist/modern/umd/dash.all.min.js",
}
PAGE = """<!doctype html><video muted playsinline width=320></video><script src=/player.js></script><script>
const video = document.querySelector('video'); const fatal = []; video.playbackRate = 2;
video.addEventListener('error', () => fatal.push('video: ' + video.error.message));
const start = {
  'hls.js': (url) => {
    const hls = new Hls({ maxBufferLength: 6, maxMaxBufferLength: 6 });
    hls.on(Hls.Events.ERROR, (_, data) => { if (data.fatal) fatal.push(data.details); });
    hls.loadSource(url); hls.attachMedia(video);
  },
  'shaka': async (url) => {
    const player = new shaka.Player(); await player.attach(video);
    player.configure({ streaming: { bufferingGoal: 6 } });
    player.addEventListener('error', ({ detail }) => { if (detail.severity === 2) fatal.push(detail.code); });
    await player.load(url);
  },
  'dash.js': (url) => {
    const player = dashjs.MediaPlayer().create(); player.initialize(video, url, true);
    const buffer = { bufferTimeDefault: 12, bufferTimeAtTopQuality: 12, bufferTimeAtTopQualityLongForm: 12 };
    player.updateSettings({ streaming: { buffer } });
    player.on('playbackError', ({ error }) => fatal.push('dash.js ' + error));
  },
};
window.go = async (kind, url) => {
  try { await start[kind](url); } catch (error) { fatal.push(String(error)); }
  video.playbackRate = 2; video.defaultPlaybackRate = 2;
  if (kind !== 'dash.js') video.play().catch(() => {}); // dash.js plays by itself, and asks for steering when it does
};
let stalls = 0; video.addEventListener('waiting', () => { stalls += 1; });
window.state = () => ({ time: video.currentTime, fatal, paused: video.paused, stalls,
  frames: video.getVideoPlaybackQuality().totalVideoFrames });
</script>"""


@dataclass
class Fleet:
    """The running programs, and what a viewer asks of them."""

    gateway: str
    content_id: str
    edges: dict
    control_rest: str
    key: str
    processes: dict = field(repr=False)

    def start(self):
        answer = get(f"{self.gateway}/playback/start?contentId={self.content_id}")
        return answer.json() if answer.status == 200 else None

    def standings(self):
        answer = get(f"{self.control_rest}/v1/standings", Authorization=f"Bearer {self.key}").json()
        return {edge["id"]: edge["standing"] for edge in answer["edges"]}

    def kill(self, host):
        process = self.processes[self.edges[host]]
        process.send_signal(signal.SIGKILL)
        process.wait()


def command(*arguments):
    return [sys.executable, "-P", "-m", "tools.cli", *map(str, arguments)]


@contextlib.contextmanager
def running(programs_by_name, folder):
    """All of them started at once and ready; killed at the end."""
    env = {name: value for name, value in os.environ.items() if not name.startswith("MATINEE_")}
    found = {}
    try:
        for name, arguments in programs_by_name.items():
            with (folder / f"{name}.log").open("wb") as log:
                found[name] = subprocess.Popen(
                    command(*arguments), cwd=ROOT, env=env, stdout=subprocess.PIPE, stderr=log
                )
        for name, process in found.items():
            said, _, _ = select.select([process.stdout], [], [], READY_WITHIN)
            line = process.stdout.readline() if said else b""
            assert line.startswith(b"ready"), f"{name}: {(folder / f'{name}.log').read_text()[-2000:]}"
        yield found
    finally:
        for process in found.values():
            if process.poll() is None:
                process.kill()
            process.stdout.close()
            process.wait()


@pytest.fixture(scope="module")
def long_film(tmp_path_factory):
    """Fifty seconds of bars with a tone: cheap to encode, longer than any buffer."""
    target = tmp_path_factory.mktemp("long") / "bars.mp4"
    bars = ["-f", "lavfi", "-i", "smptebars=size=640x360:rate=8:duration=48"]
    tone = ["-f", "lavfi", "-i", "sine=frequency=440:sample_rate=48000:duration=48"]
    coded = ["-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p", "-c:a", "aac", "-shortest", str(target)]
    subprocess.run(
        [subprocesses.find_programs().ffmpeg, "-v", "error", "-nostdin", *bars, *tone, *coded], check=True, timeout=60
    )
    return target


def free_port():
    """A port below those that the kernel gives out, with what the fleet needs above it."""
    for _ in range(200):
        port = random.randrange(10_000, 30_000)
        places = [(f"127.0.0.{host}", port + offset) for host in (1, 2) for offset in range(7)]
        if all(why_not_free(*place) is None for place in places):
            return port
    raise AssertionError("no free ports")


@pytest.fixture(scope="module")
def fleet(tmp_path_factory, long_film):
    folder = tmp_path_factory.mktemp("fleet")
    port = free_port()
    store, gateway = folder / "store", f"http://127.0.0.1:{port}"
    ingest = command(
        *("ingest", long_film, "--store", store, "--rungs", 1, "--preset", "ultrafast", "--steering", gateway)
    )
    control, rest, key = f"127.0.0.1:{port + 3}", f"127.0.0.1:{port + 4}", folder / "api-key"
    edges = {f"127.0.0.{number}": f"edge{number}" for number in (1, 2)}
    parts = {
        "origin": ("origin", "--listen", f"127.0.0.1:{port + 2}", "--store", store),
        "control": (
            *("control", "--listen", control, "--admin", rest, "--data", folder / "control"),
            *("--api-key-file", key, "--tls", "off"),
        ),
        "services": (
            *("services", "--listen", f"127.0.0.1:{port}", "--data", folder / "services", "--insecure-dev", "on"),
            *("--origin", f"http://127.0.0.1:{port + 2}", "--control", control, "--region", "local"),
            *("--edges", ",".join(f"http://{host}:{port + 1}" for host in edges)),
            *("--default-country", "DE", "--steering-ttl", TTL),
        ),
    }
    for host, name in edges.items():
        parts[name] = (
            *("edge", "--id", name, "--listen", f"{host}:{port + 1}", "--admin", f"{host}:{port + 5}"),
            *(
                "--upstream",
                f"http://127.0.0.1:{port + 2}",
                "--cache-dir",
                folder / name / "cache",
                "--region",
                "local",
            ),
            *("--control", control, "--fleet-dir", folder / name / "fleet", "--tokens", "required"),
            *("--default-country", "DE", "--ram", "64MiB", "--disk", "256MiB"),
        )
    ingesting = subprocess.Popen(ingest, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    with ingesting, running(parts, folder) as processes:
        said, _ = ingesting.communicate(timeout=120)
        content_id = said.split()[-1]
        made = Fleet(gateway, content_id, edges, f"http://{rest}", key.read_text().strip(), processes)
        until(lambda: (made.start() or {}).get("streamUrl"), "the film can be played")
        until(lambda: list(made.standings().values()) == ["good", "good"], "control finds both edges well")
        until(lambda: len(made.start()["edges"]) == 2, "playback names both edges")
        for url in made.start()["edges"]:
            until(lambda url=url: get(url).status == 200, "the edge knows keys and licence")
        yield made


def open_player(browser, fleet, name, session):
    """A page whose player plays; which hosts it fetched segments from is gathered in `page.hosts`."""
    page = browser.new_page()
    page.set_default_timeout(MOVED_WITHIN * 1000)
    page.hosts, page.asked = [], []

    def note(request):
        parts = urlsplit(request.url)
        if parts.path.endswith(".m4s"):
            page.hosts.append(parts.hostname)
        elif parts.path.startswith("/steering/"):
            page.asked.append(parts.query)

    page.on("request", note)
    script = ROOT / "node_modules" / PLAYERS[name]
    page.route("**/player.js", lambda route: route.fulfill(path=script, content_type="text/javascript"))
    page.goto(f"{fleet.gateway}/healthz")  # so that the page is of this machine, as its edges are
    page.set_content(PAGE)
    url = {
        "hls.js": session["streamUrl"],
        "dash.js": session["dashUrl"],
        "shaka-hls": session["wholeUrls"]["hls"],
        "shaka-dash": session["wholeUrls"]["dash"],
    }[name]
    page.evaluate("([kind, url]) => { window.go(kind, url); }", [name.partition("-")[0], url])
    return page


@pytest.mark.needs("chromium")
def test_players_are_moved_from_a_killed_edge_and_play_on(fleet, program):
    """All at once: each plays from the edge that the title belongs to, which dies."""
    still = ["--disable-background-timer-throttling", "--disable-renderer-backgrounding"]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program("chromium"), args=[*FLAGS, *still])
        session = fleet.start()
        first = urlsplit(session["edges"][0]).hostname
        other = urlsplit(session["edges"][1]).hostname
        pages = {name: open_player(browser, fleet, name, session) for name in PLAYERS}
        for name, page in pages.items():
            page.wait_for_function("state().time > 3 || state().fatal.length", polling=100)
            assert not page.evaluate("state().fatal"), name
        for name, page in pages.items():
            until(lambda page=page: page.wait_for_timeout(50) or page.asked, f"{name} asks for steering")
            assert set(page.hosts) == {first}, (name, page.hosts, page.asked)
        before = {name: page.evaluate("state()") for name, page in pages.items()}
        fleet.kill(first)
        killed = time.monotonic()
        until(lambda: fleet.standings()[fleet.edges[first]] == "gone", "control sees that the edge is gone")
        gone = time.monotonic() - killed
        for name, page in pages.items():
            goal = before[name]["time"] + LATER
            page.wait_for_function(f"state().time > {goal} || state().fatal.length", polling=100)
            after = page.evaluate("state()")
            took = time.monotonic() - killed
            stalls = after["stalls"] - before[name]["stalls"]
            print(f"{name}: {goal:.0f} s of film {took:.1f} s after the kill, {stalls} stalls; {page.asked[-1]}")
            assert not after["fatal"], (name, after)
            assert after["frames"] > before[name]["frames"], name
            assert page.hosts[-1] == other, (name, page.hosts)
        print(f"gone after {gone:.2f} s")
        moved = get(f"{fleet.gateway}/steering/{fleet.content_id}?_HLS_pathway=here").json()
        assert len(moved["PATHWAY-CLONES"]) == 1
        browser.close()
