"""A person opens the page in a real Chromium and the film plays."""

import pytest

STATE = """() => {
  const video = document.querySelector('video');
  const quality = video.getVideoPlaybackQuality();
  return {time: video.currentTime, frames: quality.totalVideoFrames, sound: video.webkitAudioDecodedByteCount,
          width: video.videoWidth, error: video.error && video.error.message};
}"""


@pytest.fixture
def page(browser):
    opened = browser.new_page(viewport={"width": 1280, "height": 720})
    opened.set_default_timeout(30_000)
    yield opened
    opened.close()


@pytest.mark.needs("chromium")
def test_the_film_plays_in_a_browser(platform, page, tmp_path):
    """Time, pictures and sound advance; nothing is refused and no script fails on the way."""
    failures = []
    page.on("pageerror", lambda error: failures.append(str(error)))
    page.on("response", lambda answer: failures.append(answer.url) if answer.status >= 400 else None)
    page.goto(platform.page)
    titles = page.locator("#content").get_by_text(platform.start().json()["title"])
    titles.first.wait_for()
    widths = page.eval_on_selector_all(".cards li", "cards => cards.map(card => card.offsetWidth)")
    assert set(widths) == {192}, "15 % of the page, however long a title's facts are"
    titles.first.click()
    page.wait_for_function("document.querySelector('video').currentTime > 1")
    first = page.evaluate(STATE)
    page.wait_for_function(f"document.querySelector('video').currentTime > {first['time'] + 1}")
    second = page.evaluate(STATE)
    shot = tmp_path / "playing.png"
    page.screenshot(path=shot)
    assert shot.stat().st_size > 20_000, "a black picture compresses to less"
    assert second["error"] is None
    assert second["width"] > 0
    assert second["frames"] > first["frames"] > 0
    assert second["sound"] > first["sound"] > 0
    assert not failures
