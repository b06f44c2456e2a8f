"""What the page shows of a catalogue in a real Chromium: series, rows with reasons, search, profiles and devices."""

import re

import pytest
from playwright.sync_api import expect

from tests.e2e.browsing import PLAYING

pytestmark = [pytest.mark.needs("chromium")]

SERIES, PASSWORD = "night-trains", "correct horse battery"
TITLE_FIELDS = ("title", "year", "genres", "cast", "description", "attribution")


def as_episode(platform, content_id, season):
    """Make a published film the only episode of a season; the call that undoes it."""
    known = platform.operate("GET", f"/titles/{content_id}")
    fields = {name: known[name] for name in TITLE_FIELDS if known.get(name)}
    more = {"kind": "episode", "parent": season, "number": 1}
    platform.operate("PUT", f"/titles/{content_id}", fields | more)
    return lambda: platform.operate("PUT", f"/titles/{content_id}", fields | {"kind": "film"})


@pytest.fixture
def series(platform, encrypted):
    """A series with two seasons of one episode each: the clear film, then the encrypted one."""
    platform.operate("PUT", f"/titles/{SERIES}", {"title": "Night trains", "kind": "series"})
    undo = []
    for number, content_id in enumerate((platform.content_id, encrypted), 1):
        season = {"title": f"Season {number}", "kind": "season", "parent": SERIES, "number": number}
        platform.operate("PUT", f"/titles/{SERIES}-{number}", season)
        undo.append(as_episode(platform, content_id, f"{SERIES}-{number}"))
    yield SERIES
    for call in undo:
        call()
    for name in (f"{SERIES}-1", f"{SERIES}-2", SERIES):
        platform.operate("DELETE", f"/titles/{name}")


def test_a_series_plays_from_one_episode_to_the_next(viewer, series, encrypted):
    ann = viewer()
    ann.go(f"#title={series}")
    for season in ("Season 1", "Season 2"):
        expect(ann.page.get_by_role("region", name=season).get_by_role("listitem")).to_have_count(1)
    ann.page.get_by_role("link", name="Play S1 E1").click()
    ann.page.wait_for_function(PLAYING)
    expect(ann.page.locator("#player-title")).to_contain_text("Night trains · S1 E1")
    expect(ann.page.locator("#player-skip")).to_be_visible()
    ann.page.evaluate("document.querySelector('video').currentTime = document.querySelector('video').duration - 0.7")
    following = ann.page.get_by_role("dialog", name="Next episode")
    expect(following).to_contain_text("Night trains · S2 E1 · Encrypted film")
    expect(following.get_by_role("button", name="Play now")).to_be_focused()
    assert not ann.violations()
    ann.page.keyboard.press("Enter")
    ann.wait_until("video.currentTime > 0.3 && Boolean(video.mediaKeys)")
    assert encrypted in ann.page.url
    expect(ann.page.locator("#player-skip")).to_be_hidden()
    ann.page.keyboard.press("Escape")
    expect(ann.page.get_by_role("heading", name="Night trains", exact=True)).to_be_visible()
    ann.go()
    ready = ann.page.get_by_role("region", name="Ready to play", exact=True)
    expect(ready.get_by_role("link", name="Night trains")).to_have_count(1)
    expect(ready.get_by_role("link", name="Encrypted film")).to_have_count(0)


def test_rows_come_with_their_reasons(viewer, platform):
    ann = viewer()
    item = {"contentId": platform.content_id, "rankScore": 1}
    rows = [
        {"id": "begun", "title": "Continue watching", "reason": "continue-watching", "items": [item]},
        {"id": "why", "title": "Because you watched Ghosts", "reason": "because-you-watched", "items": [item]},
        {"id": "new", "title": "New", "reason": "new", "items": [item]},
        {"id": "empty", "title": "Gone", "reason": "", "items": [{"contentId": "gone", "rankScore": 1}]},
    ]
    ann.page.route("**/recommendations/rows?*", lambda route: route.fulfill(json=rows))
    ann.go()
    row = ann.page.get_by_role("region", name="Because you watched Ghosts")
    expect(row).to_contain_text("People who watched it also watch these")
    expect(ann.page.get_by_role("region", name="New", exact=True).locator(".reason")).to_have_count(0)
    expect(ann.page.get_by_role("region", name="Continue watching")).to_have_count(0)
    expect(row.get_by_role("listitem")).to_have_count(1)
    expect(ann.page.get_by_role("region", name="Gone")).to_have_count(0)
    ann.page.unroute_all()
    ann.page.route("**/recommendations/rows?*", lambda route: route.fulfill(status=404, json={}))
    ann.page.reload()
    expect(ann.page.get_by_role("region", name="Recommended for you")).to_be_visible()


def test_search_counts_all_results_goes_on_and_takes_a_hint(viewer):
    """Against a search service of 130 titles that pages, suggests, and learns from what is chosen."""
    ann, told, failed = viewer(), [], []

    def answer(route):
        first = int(re.search(r"cursor=(\d+)", route.request.url + "&cursor=0")[1])
        last = min(first + 48, 130)
        if first == 96 and not failed:
            failed.append(first)
            return route.fulfill(status=503, json={"reason": "overloaded"})
        items = [
            {"contentId": f"film-{n}", "title": f"Ghost {n}", "snippet": "A &lt;b&gt;"} for n in range(first, last)
        ]
        body = {"items": items, "total": 130, "nextCursor": str(last) if last < 130 else None, "facets": {}}
        return route.fulfill(json=body | {"didYouMean": "ghosts"})

    ann.page.route("**/search?*", answer)
    suggested = [{"text": "Ghost Garden", "kind": "title", "contentId": "film-1"}, {"text": "Horror", "kind": "genre"}]
    ann.page.route("**/search/suggest?*", lambda route: route.fulfill(json=suggested))
    ann.page.route(
        "**/search/feedback",
        lambda route: (told.append(route.request.post_data_json), route.fulfill(json={})),
    )
    ann.go()
    ann.page.locator("h1").wait_for()
    ann.page.keyboard.press("/")
    ann.page.keyboard.type("gosts")
    expect(ann.page.get_by_role("heading", name="Results for “gosts”", level=1)).to_be_visible()
    expect(ann.page.locator("#view .count")).to_have_text("130 titles")
    expect(ann.page.get_by_role("link", name="ghosts", exact=True)).to_have_attribute("href", "#q=ghosts")
    chips = ann.page.get_by_role("navigation", name="Suggestions").get_by_role("link")
    assert [one.get_attribute("href") for one in chips.all()] == ["#title=film-1", "#browse=&genre=Horror"]
    results = ann.page.locator(".results > li")
    expect(results).to_have_count(48)
    results.last.scroll_into_view_if_needed()
    expect(results).to_have_count(96)
    results.last.scroll_into_view_if_needed()
    ann.page.get_by_role("button", name="Try again").click()
    expect(results).to_have_count(130)
    expect(results.last).to_contain_text("Ghost 129")
    expect(results.last).to_contain_text("A <b>")
    results.last.get_by_role("link").click()
    ann.platform.until(lambda: ann.page.wait_for_timeout(20) or told, "the choice is told to search")
    assert told == [{"query": "gosts", "contentId": "film-129"}]


def test_kids_see_what_suits_them_and_a_removed_device_stops(viewer, platform, encrypted):
    known = platform.operate("GET", f"/titles/{encrypted}")
    fields = {name: known[name] for name in TITLE_FIELDS if known.get(name)}
    platform.operate("PUT", f"/titles/{encrypted}", fields | {"maturity": 16})
    laptop, tablet = viewer(), viewer("Safari on iPad")
    laptop.log_in("ann@example.org", PASSWORD, new=True)
    laptop.go("#profiles")
    laptop.page.get_by_label("Name").fill("Kim")
    laptop.page.get_by_label("For kids").check()
    laptop.page.get_by_role("button", name="Add the profile").click()
    laptop.page.get_by_role("button", name="Kim").click()
    ready = laptop.page.get_by_role("region", name="Ready to play", exact=True)
    expect(ready.get_by_role("link").first).to_be_visible()
    expect(laptop.page.get_by_role("link", name="Encrypted film")).to_have_count(0)
    laptop.go(f"#play={encrypted}")
    expect(laptop.page.get_by_role("alert")).to_contain_text("This title is for viewers of 16 and above.")
    platform.operate("PUT", f"/titles/{encrypted}", fields)

    tablet.go("#login")
    tablet.page.get_by_label("E-mail").fill("ann@example.org")
    tablet.page.get_by_label("Password").fill(PASSWORD)
    tablet.page.get_by_role("button", name="Log in").click()
    tablet.page.get_by_role("button", name="ann").click()
    expect(tablet.page.get_by_role("navigation", name="Account")).to_contain_text("ann")
    tablet.go(f"#play={encrypted}")
    tablet.page.wait_for_function(PLAYING)
    laptop.go("#account")
    laptop.page.route("**/me/devices/*", lambda route: route.fulfill(status=503, json={}), times=1)
    laptop.page.get_by_role("button", name="Remove Safari on iPad").click()
    expect(laptop.page.get_by_role("region", name="Devices")).to_contain_text("Something did not work on our side.")
    laptop.page.get_by_role("button", name="Remove Safari on iPad").click()
    expect(tablet.page.get_by_role("alert")).to_contain_text("Playback here was ended from your account.")
    tablet.page.get_by_role("button", name="Back to the films").click()
    expect(tablet.page.get_by_role("link", name="Log in")).to_be_visible()
