"""From signing up to being thrown out: an account plays an encrypted film on three devices, with nothing simulated.

Every part is the real one: edges, shield, origin, control, key store and licences, and hls.js and Shaka in Chromium.
"""

import json
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest
from playwright.sync_api import expect

from origin.ingest import subprocesses
from tests.e2e.browsing import Viewer, chromium

ROOT = Path(__file__).resolve().parents[2]
CONTENT_ID = "encrypted-film"
EMAIL, PASSWORD = "kim@example.org", "correct horse battery"

pytestmark = [pytest.mark.needs("chromium")]


@pytest.fixture(scope="module")
def browser(program):
    with chromium(program) as opened:
        yield opened


@pytest.fixture(scope="module")
def encrypted(platform, tmp_path_factory):
    """16 s of 720 lines in English and German, published on the platform encrypted by `cbcs`."""
    film = tmp_path_factory.mktemp("film") / "two_languages.mp4"
    inputs = ["-f", "lavfi", "-i", "testsrc2=size=1280x720:rate=25:duration=16"]
    for tone in (440, 330):
        inputs += ["-f", "lavfi", "-i", f"sine=frequency={tone}:sample_rate=48000:duration=16"]
    coded = ["-map", "0", "-map", "1", "-map", "2", "-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p"]
    coded += ["-c:a", "aac", "-metadata:s:a:0", "language=eng", "-metadata:s:a:1", "language=deu", str(film)]
    command = [subprocesses.find_programs().ffmpeg, "-v", "error", "-nostdin", *inputs, *coded]
    subprocess.run(command, check=True, timeout=60)
    plan = platform.plan
    command = [sys.executable, "-P", "-m", "tools.cli", "ingest", str(film), "--store", str(plan.store)]
    command += ["--content-id", CONTENT_ID, "--title", "Encrypted film", "--preset", "ultrafast", "--rungs", "3"]
    command += ["--steering", platform.page, "--encrypt", "cbcs", "--key-server", platform.page]
    command += ["--key-server-key-file", str(plan.api_key)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True, timeout=120)
    start = f"{platform.page}/playback/start?contentId={CONTENT_ID}"
    platform.until(lambda: platform.get(start).status == 200, "the encrypted film in the catalogue")
    return CONTENT_ID


@pytest.fixture
def viewer(browser, platform, encrypted):
    """Makes viewers, each with a browser of their own, who leave at the end."""
    made = []

    def make(device=None, **options):
        made.append(Viewer(browser, platform, device, **options))
        return made[-1]

    yield make
    for one in made:
        one.close()


def operator(platform, method, path, body=None):
    """A call with the services' API key."""
    headers = {"Authorization": f"Bearer {platform.plan.api_key.read_text().strip()}"}
    headers |= {"Content-Type": "application/json"} if body else {}
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(f"{platform.page}{path}", data, headers, method=method)
    with urllib.request.urlopen(request, timeout=10) as answer:
        return json.load(answer)


def test_an_account_plays_an_encrypted_film_on_its_devices_until_it_may_not(viewer, encrypted, platform):
    laptop = viewer()
    starts = []
    laptop.page.on("request", lambda one: starts.append(one.url) if "/playback/start" in one.url else None)
    laptop.log_in(EMAIL, PASSWORD, new=True)
    account = laptop.page.evaluate("JSON.parse(localStorage.getItem('matinee.account')).accountId")

    # HLS by hls.js
    laptop.go(f"#title={encrypted}")
    laptop.page.get_by_role("link", name="Play", exact=True).click()
    laptop.wait_until("video.currentTime > 1 && video.videoHeight === 720")
    shown = laptop.state()
    assert (shown["isEncrypted"], shown["frames"] > 10, shown["sound"] > 0) == (True, True, True)
    assert "drm=clearkey" in starts[0]
    laptop.page.evaluate("document.querySelector('video').currentTime = 7.2")
    laptop.wait_until("video.currentTime > 7.5")
    with laptop.page.expect_response("**/playback/heartbeat"):
        laptop.page.keyboard.press("k")
    paused = laptop.state()["time"]

    # DASH by Shaka, on another device at the same second
    desktop = viewer("Firefox on Windows")
    desktop.log_in(EMAIL, PASSWORD)
    desktop.go(query="?player=shaka")
    going_on = desktop.page.get_by_role("region", name="Continue watching").get_by_role("link")
    going_on.click()
    desktop.wait_until("video.readyState > 2")
    assert abs(desktop.state()["time"] - paused) < 0.7
    desktop.wait_until(f"video.currentTime > {paused + 0.5} && video.videoHeight === 720")
    assert desktop.page.evaluate("Boolean(window.shaka)")
    assert desktop.state()["isEncrypted"]

    with desktop.page.expect_response("**/playback/heartbeat"):
        desktop.page.keyboard.press("k")
    at = desktop.state()["time"]

    # The third stream of a plan with two
    tablet = viewer("Safari on iPad")
    tablet.log_in(EMAIL, PASSWORD)
    tablet.go(f"#play={encrypted}")
    alert = tablet.page.get_by_role("alert")
    expect(alert).to_contain_text("Your plan's streams are all in use: ")
    expect(alert).to_contain_text("Chrome on Linux")
    expect(alert).to_contain_text("Firefox on Windows")

    # A plan below what plays: on it goes at 480 lines
    operator(platform, "PUT", f"/accounts/{account}/plan", {"tier": "sd", "streams": 2})
    desktop.page.keyboard.press("k")
    desktop.wait_until(f"video.currentTime > {at + 0.1}")
    desktop.page.keyboard.press("k")  # a pause is reported at once, and the answer tells of the plan
    desktop.page.get_by_text("Your plan has changed: you are watching in up to 480p now.").wait_for()
    desktop.page.keyboard.press("k")
    desktop.wait_until(f"video.currentTime > {at + 0.5} && video.videoHeight === 480")

    # Ended from another device: the laptop is paused, so that no heartbeat tells it
    tablet.page.get_by_role("button", name="Stop Chrome on Linux").click()
    tablet.wait_until("video.currentTime > 0.3 && video.videoHeight === 480")
    expect(laptop.page.get_by_role("alert")).to_contain_text("Playback here was ended from your account.")

    # Revoked by an operator: it stops, though half of the film is in its buffer
    tablet.page.evaluate("document.querySelector('video').currentTime = 2")
    tablet.wait_until("video.currentTime > 2.2")
    operator(platform, "DELETE", f"/playback/sessions/{tablet.session}")
    expect(tablet.page.get_by_role("alert")).to_contain_text("Playback here was ended from your account.", timeout=4000)
    assert tablet.state()["time"] == 0, "nothing is left in the player"


@pytest.mark.parametrize("query", ["?player=hls", "?player=shaka"])
def test_a_licence_that_is_refused_is_told_and_nothing_plays(viewer, encrypted, platform, query):
    """The session ends between the start and the licence."""
    guest = viewer()

    def end_session(route):
        operator(platform, "DELETE", f"/playback/sessions/{guest.session}")
        route.continue_()

    guest.page.route("**/drm/clearkey*", end_session)
    guest.page.route("**/end?*", lambda route: route.fulfill(status=404))  # the refusal alone must tell it
    guest.go(f"#play={encrypted}", query)
    expect(guest.page.get_by_role("alert")).to_contain_text("Playback here was ended from your account.")
    assert guest.state()["frames"] == 0
