"""The viewers' page in a real Chromium: dead edges, the end of a film, keys, resuming, access for everybody."""

import contextlib
import json
import re
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import expect

from services.events.record import Kind, decode_record
from services.events.segments import read_page
from tests.e2e.browsing import DESKTOP, PHONE, PLAYING, violations

pytestmark = [pytest.mark.needs("chromium")]


@pytest.fixture
def page(browser):
    """A page of a new viewer; it fails the test when a script throws or the page's policy is violated."""
    context = browser.new_context(viewport=DESKTOP)
    opened = context.new_page()
    opened.set_default_timeout(30_000)
    faults = []
    opened.on("pageerror", lambda error: faults.append(str(error)))
    opened.on("console", lambda line: faults.append(line.text) if "Content Security Policy" in line.text else None)
    yield opened
    context.close()
    assert not faults


@pytest.fixture
def events(page):
    """The player events that the page reports."""
    reported = []
    page.on("request", lambda one: reported.extend(json.loads(one.post_data)) if one.url.endswith("/events") else None)
    return reported


def play(page, platform, more=""):
    page.goto(f"{platform.page}/#play={platform.content_id}{more}")
    page.wait_for_function(PLAYING)


def is_stream(url):
    return "/t/" in url and "/cdn/" in url


def test_a_film_starts_although_its_first_edge_is_dead(page, platform, events):
    dead = []

    def answer(route):
        edge = urlsplit(route.request.url).netloc
        if not dead:
            dead.append(edge)
        if edge == dead[0]:
            route.abort("connectionrefused")
        else:
            route.continue_()

    page.route(is_stream, answer)
    play(page, platform)
    page.keyboard.press("Escape")
    page.wait_for_function("document.getElementById('player').hidden")
    platform.until(lambda: page.wait_for_timeout(50) or any(one["type"] == "stop" for one in events), "the report")
    kinds = [one["type"] for one in events]
    assert kinds.index("start") < kinds.index("error") < kinds.index("first-frame")
    assert not any(one.get("fatal") for one in events)
    assert dead[0] not in next(one["edge"] for one in events if one["type"] == "first-frame")


def test_a_dead_playlist_is_told_kindly_and_can_be_tried_again(page, platform, events):
    page.route(is_stream, lambda route: route.abort("connectionrefused"))
    page.goto(f"{platform.page}/#play={platform.content_id}")
    alert = page.get_by_role("alert")
    expect(alert).to_contain_text("We're having trouble playing this right now.", timeout=20_000)
    expect(page.get_by_role("button", name="Try again")).to_be_focused()
    platform.until(lambda: page.wait_for_timeout(50) or any(one.get("fatal") for one in events), "the report")
    assert len([one for one in events if one["type"] == "error"]) < 20
    page.unroute_all()
    page.keyboard.press("Enter")
    page.wait_for_function(PLAYING)
    expect(alert).to_be_hidden()
    startup = page.evaluate("document.getElementById('player').dataset.startup")
    print(f"from pressing play to the first frame, edge warm: {startup} s")


KINDS = {"start", "first-frame", "switch", "pause", "play", "seek", "stall", "resume", "error", "stop"}


def test_each_kind_of_event_of_a_player_reaches_the_log(page, platform):
    with page.expect_response("**/playback/start*") as started:
        play(page, platform)
    session = started.value.json()["sessionId"]
    page.evaluate("""async () => {
      const video = document.querySelector("video");
      const heard = (name) => new Promise((resolve) => { video.addEventListener(name, resolve, { once: true }); });
      const after = async (name, work) => { const done = heard(name); work(); await done; };
      await after("pause", () => video.pause());
      await after("playing", () => video.play());
      await after("seeked", () => { video.currentTime = 2; });
      await after("waiting", () => video.dispatchEvent(new Event("waiting")));
      await after("playing", () => video.dispatchEvent(new Event("playing")));
      await after("error", () => video.dispatchEvent(new Event("error")));
    }""")
    page.keyboard.press("Escape")
    events = platform.plan.state / "services" / "events"

    def payloads():
        page = read_page(events, 0)
        while page.records:  # an erasure by another test ends a segment, and leaves records without payload
            yield from (one.payload for one in page.records if one.payload is not None)
            page = read_page(events, page.cursor)

    def missing():
        records = [decode_record(payload) for payload in payloads()]
        told = [one for record in records if record.kind is Kind.PLAYER for one in json.loads(record.body)]
        return KINDS - {one["type"] for one in told if one.get("sessionId") == session}

    with contextlib.suppress(AssertionError):  # below it is said which kinds are missing
        platform.until(lambda: page.wait_for_timeout(50) or not missing(), "all kinds of events are in the log")
    assert missing() == set()


def test_a_film_ends_at_its_end(page, platform, events):
    page.goto(f"{platform.page}/#title={platform.content_id}")
    page.get_by_role("link", name="Play", exact=True).click()
    page.wait_for_function(PLAYING)
    page.evaluate("document.querySelector('video').currentTime = document.querySelector('video').duration - 0.7")
    page.wait_for_function("document.getElementById('player').hidden")
    expect(page.get_by_role("link", name="Play", exact=True)).to_be_visible()
    assert "#title=" in page.url
    assert [one["type"] for one in events if one["type"] in ("complete", "stop")] == ["complete", "stop"]


def test_the_keyboard_plays_the_film(page, platform):
    play(page, platform)
    video = page.locator("video")

    def becomes(expression):
        page.wait_for_function(f"(() => {{ const video = document.querySelector('video'); return {expression}; }})()")

    for key, expected in [
        (" ", "video.paused"),
        ("k", "!video.paused"),
        ("K", "video.paused"),
        ("m", "video.muted"),
        ("m", "!video.muted"),
        ("ArrowDown", "video.volume === 0.9"),
        ("ArrowUp", "video.volume === 1"),
        ("5", "Math.abs(video.currentTime - 5) < 0.3"),
        ("j", "video.currentTime === 0"),
        ("l", "video.currentTime > 9"),
        ("ArrowLeft", "video.currentTime < 1"),
        ("ArrowRight", "video.currentTime > 9"),
        ("Home", "video.currentTime === 0"),
        (">", "video.playbackRate === 1.25"),
        ("f", "document.fullscreenElement?.id === 'player'"),
        ("f", "!document.fullscreenElement"),
    ]:
        page.keyboard.press(key)
        becomes(expected)
    assert video.is_visible(), "none of these keys leaves the film"
    page.keyboard.press("Escape")
    page.wait_for_function("document.getElementById('player').hidden")


def test_a_film_goes_on_where_it_was_left(page, platform):
    page.goto(f"{platform.page}/#title={platform.content_id}")
    page.get_by_role("link", name="Play", exact=True).click()
    page.wait_for_function(PLAYING)
    page.evaluate("document.querySelector('video').currentTime = 6.2")
    page.wait_for_function("document.querySelector('video').currentTime > 6.4")
    page.keyboard.press(" ")
    left = page.evaluate("document.querySelector('video').currentTime")
    page.keyboard.press("Escape")
    page.get_by_role("link", name="Resume at 0:06").click()
    page.wait_for_function("document.querySelector('video').currentTime > 1")
    assert left - 0.3 < page.evaluate("document.querySelector('video').currentTime") < left + 2
    page.keyboard.press("Escape")
    page.get_by_role("link", name="Matinee").click()
    expect(page.get_by_role("region", name="Continue watching").get_by_role("link")).to_have_count(1)


def test_the_menus_offer_what_the_stream_has(page, platform):
    play(page, platform)
    heights = page.evaluate("[...document.querySelector('video').videoRenditions].map(one => one.height)")
    assert len(heights) >= 2
    assert heights == sorted(heights)
    page.keyboard.press("k")  # the film is short: it must not end while we choose
    page.mouse.move(600, 400)
    page.locator("media-settings-menu-button").click()
    page.get_by_role("menuitem", name=re.compile("Quality")).click()
    page.get_by_role("menuitemradio", name=f"{heights[0]}p").click()
    page.evaluate("document.querySelector('video').currentTime = 0")
    page.keyboard.press("k")
    page.wait_for_function(f"document.querySelector('video').videoHeight === {heights[0]}")
    cues = "[...document.querySelector('video').textTracks].find(one => one.label === 'thumbnails')?.cues?.length > 0"
    page.wait_for_function(cues)


def test_dash_plays_by_shaka(page, platform):
    page.goto(f"{platform.page}/?player=shaka#play={platform.content_id}")
    page.wait_for_function(PLAYING)
    assert page.evaluate("Boolean(window.shaka) && document.querySelector('video').videoRenditions.length > 1")


STEPS = """async () => {
  const { fresh, isOver, nextStep, resumeAt, startsAgain } = await import("/assets/recovery.js");
  const walk = (edges, failures) => {
    let state = fresh(edges);
    return failures.map((failure) => {
      const [step, next] = nextStep(state, failure);
      state = next;
      return step.do + (step.edge ?? "");
    });
  };
  const net = { status: 0 };
  return {
    twoEdges: walk(2, Array(5).fill(net)),
    oneEdge: walk(1, Array(3).fill(net)),
    refused: walk(2, [{ status: 403 }, { status: 403 }, { status: 403 }]),
    noLicence: walk(2, [{ status: 410, licence: true }, { status: 410, licence: true }]),
    licenceServer: walk(2, [{ status: 503, licence: true }]),
    ends: [["plan", 0], ["lost", 2], ["plan", 3], ["revoked", 0], ["replaced", 0]].map((one) => startsAgain(...one)),
    decoder: walk(2, Array(4).fill({ media: true })),
    tail: isOver({ time: 59.96, duration: 60, bufferedEnd: 59.97, still: 1.5 }),
    stall: isOver({ time: 30, duration: 60, bufferedEnd: 30, still: 9 }),
    paused: isOver({ time: 59.9, duration: 60, bufferedEnd: 60, still: 0 }),
    live: isOver({ time: 5, duration: Infinity, bufferedEnd: 5, still: 5 }),
    resume: [resumeAt(undefined, 60), resumeAt(3, 60), resumeAt(30, 60), resumeAt(59, 60)],
  };
}"""


def test_failures_lead_to_another_edge_a_new_session_and_an_end(page, platform):
    page.goto(platform.page)
    assert page.evaluate(STEPS) == {
        "twoEdges": ["edge1", "edge0", "edge1", "restart", "fail"],
        "oneEdge": ["edge0", "restart", "fail"],
        "refused": ["ask", "restart", "fail"],
        "noLicence": ["ask", "fail"],
        "licenceServer": ["fail"],
        "ends": [True, True, False, False, False],
        "decoder": ["recover", "recover", "restart", "fail"],
        "tail": True,
        "stall": False,
        "paused": False,
        "live": False,
        "resume": [0, 0, 30, 0],
    }


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_everybody_can_use_every_page(browser, platform, scheme):
    context = browser.new_context(viewport=PHONE, color_scheme=scheme, reduced_motion="reduce")
    page = context.new_page()
    word = platform.start().json()["title"].split()[0]
    problems = {}
    for place in ("", f"#title={platform.content_id}", "#browse", f"#q={word}", "#login", "#signup", "#settings"):
        page.goto(f"{platform.page}/{place}")
        page.locator("h1").first.wait_for()
        page.wait_for_load_state("networkidle")
        if found := violations(page):
            problems[place] = found
        wide = page.evaluate("document.documentElement.scrollWidth")
        assert wide <= PHONE["width"], f"{place} is {wide} px wide"
    play(page, platform)
    page.evaluate("document.querySelector('video').pause()")
    if found := violations(page):
        problems["player"] = found
    context.close()
    assert not problems


def test_an_account_from_sign_up_to_its_end(browser, page, platform):
    """Sign up, a second profile, a refresh by three calls at once, log out, a new password by link, erasure."""
    page.goto(f"{platform.page}/#signup")
    page.get_by_label("E-mail").fill("viewer@example.org")
    page.get_by_label("Password").fill("correct horse battery")
    page.get_by_role("button", name="Sign up").click()
    page.get_by_role("navigation", name="Account").get_by_role("link", name="viewer").click()
    page.get_by_label("Name").fill("Second")
    page.get_by_role("button", name="Add the profile").click()
    page.get_by_role("button", name="Second").click()
    expect(page.get_by_role("navigation", name="Account")).to_contain_text("Second")
    account = page.evaluate(STALE)
    assert account["calls"] == ["viewer@example.org"] * 3
    assert account["refreshes"] == 1, "a refresh token that is used twice ends the log-in"
    play(page, platform)
    page.keyboard.press("Escape")
    page.wait_for_function("document.getElementById('player').hidden")
    page.goto(f"{platform.page}/#account")
    expect(page.get_by_text("This device")).to_be_visible()
    audit_own_pages(browser, page.context.storage_state(), platform)
    for button, path in (("Download my data", "**/me/export"), ("Log out", "**/auth/logout")):
        page.route(path, lambda route: route.fulfill(status=503, json={"reason": "storage"}), times=1)
        page.get_by_role("button", name=button).first.click()
        expect(page.get_by_text("Something did not work on our side.")).to_have_count(1 if "me" in path else 2)
    page.get_by_role("button", name="Log out").first.click()
    expect(page.get_by_role("link", name="Log in")).to_be_visible()
    made = page.request.post(f"{platform.page}/accounts/{account['id']}/reset-token", data={})
    page.goto(f"{platform.page}/#/reset/{made.json()['token']}")
    page.get_by_label("New password").fill("another horse battery")
    page.get_by_role("button", name="Set the password").click()
    page.get_by_label("E-mail").fill("viewer@example.org")
    page.get_by_label("Password").fill("correct horse battery")
    page.get_by_role("button", name="Log in").click()
    expect(page.get_by_text("The e-mail address or the password is wrong.")).to_be_visible()
    page.get_by_label("Password").fill("another horse battery")
    page.get_by_role("button", name="Log in").click()
    page.get_by_role("button", name="viewer").click()
    page.goto(f"{platform.page}/#account")
    page.get_by_label("Type DELETE").fill("DELETE")
    page.get_by_role("button", name="Delete my account").click()
    expect(page.get_by_role("link", name="Log in")).to_be_visible()


def test_a_slow_home_page_does_not_draw_over_the_place_that_was_opened_since(page, platform):
    held = []

    def hold(route):
        held.append(route)

    page.goto(f"{platform.page}/#settings")
    expect(page.get_by_role("heading", name="Settings")).to_be_visible()
    page.goto(f"{platform.page}/#title=no-such-title")
    expect(page.get_by_role("heading", level=1)).to_have_text("There is nothing here")
    expect(page.get_by_text("We cannot find this title any more.")).to_be_visible()
    page.route("**/recommendations/rows*", hold)
    with page.expect_request("**/recommendations/rows*"):
        page.goto(f"{platform.page}/#")
    page.goto(f"{platform.page}/#login")
    expect(page.get_by_role("heading", name="Log in")).to_be_visible()
    page.evaluate("window.mark = document.querySelector('#view form')")
    for route in held:
        route.continue_()
    page.wait_for_load_state("networkidle")
    assert page.evaluate("window.mark.isConnected"), "the answer for the place that was left redrew the page"


def test_a_start_that_is_answered_after_the_viewer_left_gives_its_slot_back(page, platform):
    held = []

    def hold(route):
        held.append(route)

    page.route("**/playback/start*", hold)
    with page.expect_request("**/playback/start*"):
        page.goto(f"{platform.page}/#play={platform.content_id}")
    page.keyboard.press("Escape")
    page.wait_for_function("document.getElementById('player').hidden")
    with page.expect_response("**/playback/stop") as stopped, page.expect_response("**/playback/start*") as started:
        held[0].continue_()
    assert stopped.value.status == 200
    assert stopped.value.request.post_data_json["sessionId"] == started.value.json()["sessionId"]
    assert page.evaluate("document.getElementById('player').hidden")


def audit_own_pages(browser, state, platform):
    """In a context of its own, because axe makes style elements, which the page's policy refuses."""
    context = browser.new_context(storage_state=state, viewport=PHONE)
    page = context.new_page()
    for place in ("#account", "#profiles"):
        page.goto(f"{platform.page}/{place}")
        page.locator("h1").wait_for()
        page.wait_for_load_state("networkidle")
        assert not violations(page)
        assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    context.close()


STALE = """async () => {
  const api = await import(document.querySelector("script[type=module]").src.replace("main.js", "api.js"));
  const id = api.account().accountId;
  api.remember({ until: 0 });
  performance.clearResourceTimings();
  const calls = await Promise.all([api.me(), api.me(), api.me()]);
  const refreshes = performance.getEntriesByType("resource").filter((one) => one.name.endsWith("/auth/refresh")).length;
  return { id, calls: calls.map((one) => one.email), refreshes };
}"""
