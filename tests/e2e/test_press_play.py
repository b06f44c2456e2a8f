"""From signing up to being thrown out: an account plays an encrypted film on three devices, with nothing simulated.

Every part is the real one: edges, shield, origin, control, key store and licences, and hls.js and Shaka in Chromium.
"""

import pytest
from playwright.sync_api import expect

EMAIL, PASSWORD = "kim@example.org", "correct horse battery"

pytestmark = [pytest.mark.needs("chromium")]


def test_an_account_plays_an_encrypted_film_on_its_devices_until_it_may_not(viewer, encrypted, platform):
    laptop = viewer()
    starts = []
    laptop.page.on("request", lambda one: starts.append(one.url) if "/playback/start" in one.url else None)
    laptop.log_in(EMAIL, PASSWORD, new=True)
    account = laptop.page.evaluate("JSON.parse(localStorage.getItem('matinee.account')).accountId")
    laptop.go("#account")
    laptop.page.get_by_label("Audio", exact=True).select_option("German")
    laptop.page.get_by_role("button", name="Save").click()
    laptop.page.get_by_text("Saved.").wait_for()

    # HLS by hls.js
    laptop.go(f"#title={encrypted}")
    laptop.page.get_by_role("link", name="Play", exact=True).click()
    laptop.wait_until("video.currentTime > 1 && video.videoHeight === 720")
    shown = laptop.state()
    assert (shown["isEncrypted"], shown["frames"] > 10, shown["sound"] > 0, shown["audio"]) == (True, True, True, "de")
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
    assert (desktop.state()["isEncrypted"], desktop.state()["audio"]) == (True, "de")

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
    assert not tablet.violations()

    # A plan below what plays: on it goes at 480 lines
    desktop.page.keyboard.press("k")
    desktop.wait_until(f"video.currentTime > {at + 0.1}")
    desktop.page.keyboard.press("k")
    held = []

    def hold(route):
        held.append(route)

    desktop.page.route("**/playback/start*", hold)
    with laptop.page.expect_response("**/playback/start*"), desktop.page.expect_request("**/playback/start*"):
        platform.operate("PUT", f"/accounts/{account}/plan", {"tier": "sd", "streams": 2})
    desktop.page.keyboard.press("k")  # while the stream starts again: it plays then
    held[0].continue_()
    desktop.page.unroute("**/playback/start*")
    desktop.page.get_by_text("Your plan has changed: you are watching in up to 480p now.").wait_for()
    desktop.wait_until(f"video.currentTime > {at + 0.5} && video.videoHeight === 480")

    # Ended from another device: the laptop is paused, so that no heartbeat tells it
    tablet.page.reload()  # the plan's change gave the others new sessions
    expect(alert).to_contain_text("Your plan's streams are all in use: ")
    tablet.page.get_by_role("button", name="Stop Chrome on Linux").click()
    tablet.wait_until("video.currentTime > 0.3 && video.videoHeight === 480")
    expect(laptop.page.get_by_role("alert")).to_contain_text("Playback here was ended from your account.")

    # Revoked by an operator: it stops, though half of the film is in its buffer
    tablet.page.evaluate("document.querySelector('video').currentTime = 2")
    tablet.wait_until("video.currentTime > 2.2")
    platform.operate("DELETE", f"/playback/sessions/{tablet.session}")
    expect(tablet.page.get_by_role("alert")).to_contain_text("Playback here was ended from your account.", timeout=4000)
    assert tablet.state()["time"] == 0, "nothing is left in the player"


@pytest.mark.parametrize("query", ["?player=hls", "?player=shaka"])
def test_a_licence_that_is_refused_is_told_and_nothing_plays(viewer, encrypted, platform, query):
    """The session ends between the start and the licence."""
    guest = viewer()

    def end_session(route):
        platform.operate("DELETE", f"/playback/sessions/{guest.session}")
        route.continue_()

    guest.page.route("**/drm/clearkey*", end_session)
    guest.page.route("**/end?*", lambda route: route.fulfill(status=404))  # the refusal alone must tell it
    guest.go(f"#play={encrypted}", query)
    expect(guest.page.get_by_role("alert")).to_contain_text("Playback here was ended from your account.")
    assert guest.state()["frames"] == 0


SUBTITLES = """#EXTM3U
#EXT-X-TARGETDURATION:16
#EXT-X-PLAYLIST-TYPE:VOD
#EXTINF:16,
text.vtt
#EXT-X-ENDLIST
"""
TEXT = "WEBVTT\n\n00:00.000 --> 00:16.000\nGuten Tag.\n"


def add_subtitles(route):
    """The film's playlist as of a publication with English and German subtitles."""
    playlist = route.fetch().text()
    lines = [
        f'#EXT-X-MEDIA:TYPE=SUBTITLES,GROUP-ID="sub",LANGUAGE="{tag}",NAME="{name}",URI="subs/{tag}.m3u8"'
        for tag, name in (("en", "English"), ("de", "Deutsch"))
    ]
    playlist = playlist.replace("#EXT-X-STREAM-INF:", '#EXT-X-STREAM-INF:SUBTITLES="sub",')
    first, _, rest = playlist.partition("#EXT-X-MEDIA:")
    headers = {"Access-Control-Allow-Origin": "*"}
    route.fulfill(body="\n".join([first, *lines, f"#EXT-X-MEDIA:{rest}"]), headers=headers)


def test_the_choices_of_a_profile_hold_from_the_first_second(viewer, encrypted):
    """Subtitles, data saver; the key `c` turns the same subtitles off and on. The film ends, though its last segment is
    one picture, which may never reach the buffer."""
    lee = viewer()
    lee.log_in("lee@example.org", PASSWORD, new=True)
    lee.go("#account")
    lee.page.get_by_label("Subtitles", exact=True).select_option("German")
    lee.page.get_by_label("Data saver").check()
    lee.page.get_by_role("button", name="Save").click()
    lee.page.get_by_text("Saved.").wait_for()
    free = {"Access-Control-Allow-Origin": "*"}
    lee.page.route("**/master*.m3u8*", add_subtitles)
    lee.page.route("**/subs/*.m3u8*", lambda route: route.fulfill(body=SUBTITLES, headers=free))
    lee.page.route("**/subs/*.vtt*", lambda route: route.fulfill(body=TEXT, headers=free))
    lee.go(f"#play={encrypted}")
    lee.wait_until("video.currentTime > 0.5")
    showing = "[...video.textTracks].find((track) => track.mode === 'showing')"
    lee.wait_until(f"{showing}?.activeCues?.[0]?.text === 'Guten Tag.'")
    assert lee.state()["height"] <= 480
    lee.page.keyboard.press("c")
    lee.wait_until(f"!{showing}")
    lee.page.keyboard.press("c")
    lee.wait_until(f"{showing}?.language === 'de'")
    assert lee.state()["audio"] == "en"
    lee.page.mouse.move(600, 400)
    lee.page.locator("media-settings-menu-button").click()
    assert not lee.violations()
    lee.page.get_by_role("menuitem", name="Audio").click()
    assert not lee.violations()
    lee.page.get_by_role("menuitemradio", name="German").click()
    lee.wait_until("[...video.audioTracks].find((track) => track.enabled).language === 'de'")
    lee.page.evaluate("document.querySelector('video').currentTime = 15.2")
    lee.page.wait_for_function("document.getElementById('player').hidden")
