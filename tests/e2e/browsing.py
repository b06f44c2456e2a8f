"""Chromium for the tests of the page: viewers with browsers of their own, and what a player shows."""

from __future__ import annotations

import json
import re
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import sync_playwright

FLAGS = [
    "--no-sandbox",
    "--disable-quic",
    "--disable-background-networking",
    "--disable-component-update",
    "--autoplay-policy=no-user-gesture-required",
]
AXE = Path(__file__).resolve().parents[2] / "node_modules" / "axe-core" / "axe.min.js"
PHONE = {"width": 360, "height": 740}
DESKTOP = {"width": 1280, "height": 800}
PLAYING = "document.querySelector('video').currentTime > 0.3"
AGENTS = {
    "Firefox on Windows": "Mozilla/5.0 (Windows NT 10.0; rv:140.0) Gecko/20100101 Firefox/140.0",
    "Safari on iPad": "Mozilla/5.0 (iPad; CPU OS 18_0 like Mac OS X) AppleWebKit/605.1.15 Version/18.0 Safari/604.1",
}
"""User agents by the names that the page gives such devices."""
_AUDIT = """async () => {
  const found = await axe.run(document, { resultTypes: ["violations"] });
  return found.violations.filter((one) => one.impact === "serious" || one.impact === "critical")
    .map((one) => `${one.id}: ${one.nodes.map((node) => node.target.join(" ")).slice(0, 3).join(", ")}`);
}"""
_WAIT = re.compile(r"/playback/sessions/([^/]+)/end")
"""The page waits at the platform for the end of the session that it plays."""
_STATE = """() => {
  const video = document.querySelector("video");
  const quality = video.getVideoPlaybackQuality();
  return {time: video.currentTime, height: video.videoHeight, frames: quality.totalVideoFrames,
          sound: video.webkitAudioDecodedByteCount, paused: video.paused, isEncrypted: Boolean(video.mediaKeys),
          audio: [...video.audioTracks].find((track) => track.enabled)?.language};
}"""


def violations(page):
    """What axe finds in a page that keeps somebody from using it; [] where axe is not installed."""
    if not AXE.exists():
        return []
    page.evaluate(AXE.read_text())
    return page.evaluate(_AUDIT)


@contextmanager
def chromium(program):
    """A Chromium; `program` finds the executable."""
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=program("chromium"), args=FLAGS)
        yield opened
        opened.close()


class Viewer:
    """Somebody with a browser of their own. `faults`: errors of scripts, and violations of the page's policy.

    `events` are what the player has reported, `session` is the id of the latest session that it plays.

    The browser remembers a fast line from an earlier film, so that the player starts with the best rendition.
    """

    def __init__(self, browser, platform, device=None, **options):
        agent = {"user_agent": AGENTS[device]} if device else {}
        self.context = browser.new_context(**({"viewport": DESKTOP} | agent | options))
        self.context.add_init_script("localStorage['matinee.throughput'] ??= 50e6")
        self.page = self.context.new_page()
        self.page.set_default_timeout(30_000)
        self.platform = platform
        self.faults = []
        self.events = []
        self.session = None
        self.page.on("pageerror", lambda error: self.faults.append(str(error)))
        self.page.on("console", self._hear)
        self.page.on("request", self._note)

    def _hear(self, line):
        if "Content Security Policy" in line.text:
            self.faults.append(line.text)

    def _note(self, request):
        if request.url.endswith("/events") and request.method == "POST":
            self.events.extend(json.loads(request.post_data))
        if found := _WAIT.search(request.url):
            self.session = found[1]

    def go(self, place="", query=""):
        """Open a place of the page."""
        self.page.goto(f"{self.platform.page}/{query}{place}")

    def log_in(self, email, password, *, new=False):
        """Log in on the page, or sign up."""
        self.go("#signup" if new else "#login")
        self.page.get_by_label("E-mail").fill(email)
        self.page.get_by_label("Password").fill(password)
        self.page.get_by_role("button", name="Sign up" if new else "Log in").click()
        self.page.get_by_role("navigation", name="Account").get_by_role("link", name=email.split("@")[0]).wait_for()

    def state(self):
        """What the player shows now."""
        return self.page.evaluate(_STATE)

    def wait_until(self, condition):
        """Wait for a condition of `video`, in JavaScript."""
        self.page.wait_for_function(
            f"(() => {{ const video = document.querySelector('video'); return {condition}; }})()"
        )

    def violations(self):
        """What axe finds here that keeps somebody from using the page; [] where it is not installed."""
        before = len(self.faults)
        found = violations(self.page)
        del self.faults[before:]  # axe makes style elements, which the page's policy refuses
        return found

    def close(self):
        """Leave; fails the test if anything went wrong in the page."""
        self.context.close()
        assert not self.faults, self.faults
