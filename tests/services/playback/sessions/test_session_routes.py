"""Accounts play: slots, devices, positions between devices, ends, over HTTP."""

import asyncio

import msgspec

from services.events.record import decode_record
from services.events.segments import read_page
from services.playback.sessions.store import PlaybackStore
from services.storage.location import locate_database


async def test_who_is_not_logged_in_reads_that_they_have_to(place):
    status, body = await place.get("/playback/start?contentId=film")
    assert (status, body["reason"], body["type"].rsplit("/", 1)[-1].rsplit(":", 1)[-1]) == (401, "log-in", "log-in")
    await place.client.get("/")  # the page makes them a guest, which this platform does not let watch
    assert (await place.get("/playback/start?contentId=film"))[1]["reason"] == "log-in"


async def test_a_third_stream_of_a_two_stream_plan_is_refused_and_a_stop_frees_one(ann, clock):
    first = (await ann.play("tv"))[1]
    assert (first["resumePosition"], first["heartbeatInterval"]) == (0, 10)
    clock.now += 1
    assert (await ann.play("phone"))[0] == 200
    status, refused = await ann.play("tablet")
    assert (status, refused["reason"]) == (409, "too-many-streams")
    assert [one["device"] for one in refused["devices"]] == ["tv", "phone"]
    assert "tv, phone" in refused["detail"]
    stop = {"sessionId": first["sessionId"], "currentPosition": 40}
    assert (await ann("POST", "/playback/stop", stop))[0] == 200
    status, third = await ann.play("tablet")
    assert (status, third["resumePosition"]) == (200, 40)


async def test_a_device_that_starts_again_ends_its_own_session_only(ann):
    old, phone = (await ann.play("tv"))[1], (await ann.play("phone"))[1]
    new = (await ann.play("tv"))[1]
    assert {one["sessionId"] for one in (await ann("GET", "/me/sessions"))[1]} == {
        phone["sessionId"], new["sessionId"],
    }  # fmt: skip
    status, body = await ann.beat(old["sessionId"], 1)
    assert (status, body["reason"], body["ended"]) == (409, "session-ended", "replaced")
    assert (await ann.beat(phone["sessionId"], 1))[0] == 200


async def test_without_a_device_the_one_that_logged_in_plays(ann):
    await ann.play()
    await ann.play()
    assert [one["device"] for one in (await ann("GET", "/me/sessions"))[1]] == ["ann's TV"]


async def test_three_missed_heartbeats_free_the_slot(ann, clock):
    lost = (await ann.play("tv"))[1]
    await ann.play("phone")
    clock.now += 31
    assert (await ann.play("tablet"))[0] == 200
    assert (await ann.play("radio"))[0] == 200
    assert (await ann.beat(lost["sessionId"], 1))[1]["ended"] == "lost"


async def test_what_can_be_continued_leaves_out_what_is_finished(ann, clock):
    film = (await ann.play("tv"))[1]["sessionId"]
    await ann.beat(film, 30)
    clock.now += 1
    other = (await ann.play("tv", "other"))[1]["sessionId"]
    await ann.beat(other, 5)
    expected = [
        {"contentId": "other", "position": 5, "duration": 0}, {"contentId": "film", "position": 30, "duration": 100},
    ]  # fmt: skip
    assert (await ann("GET", "/me/continue"))[1] == expected
    assert (await ann("GET", "/me/continue?limit=1"))[1] == expected[:1]
    clock.now += 1
    film = (await ann.play("tv"))[1]["sessionId"]
    await ann.beat(film, 99)
    assert (await ann("GET", "/me/continue"))[1] == expected[:1]
    assert (await ann.play("tv"))[1]["resumePosition"] == 0


async def test_each_profile_has_positions_of_its_own(ann):
    await ann.beat((await ann.play("tv"))[1]["sessionId"], 30)
    ann.profile = (await ann("POST", "/me/profiles", {"name": "Kid", "kids": True}))[1]["profileId"]
    assert (await ann("GET", "/me/continue"))[1] == []
    assert (await ann.play("tv"))[1]["resumePosition"] == 0


async def test_the_account_and_operators_end_sessions(ann, place):
    own, other = [(await ann.play(device))[1]["sessionId"] for device in ("tv", "phone")]
    assert (await ann("DELETE", f"/playback/sessions/{own}"))[1]["ended"] == "revoked"
    assert (await place.operator("DELETE", f"/playback/sessions/{other}"))[1]["ended"] == "revoked"
    for session in (own, other):
        status, body = await ann.beat(session, 1)
        assert (status, body["reason"], body["ended"]) == (409, "session-ended", "revoked")
    assert (await ann("GET", "/me/sessions"))[1] == []


async def test_a_player_that_waits_learns_at_once_that_its_session_has_ended(ann, place, sign_up):
    session = (await ann.play("tv"))[1]["sessionId"]
    path = f"/playback/sessions/{session}/end"
    assert await ann("GET", f"{path}?wait=0") == (200, {"sessionId": session, "ended": None})
    async with asyncio.timeout(10), asyncio.TaskGroup() as group:
        waiting = group.create_task(ann("GET", path))
        await ann("DELETE", f"/playback/sessions/{session}")
    assert waiting.result() == (200, {"sessionId": session, "ended": "revoked"})
    assert (await ann("GET", path))[1]["ended"] == "revoked"
    bob = await sign_up(place, "bob")
    assert (await bob("GET", path))[0] == 404
    assert (await ann("GET", "/playback/sessions/unknown/end"))[0] == 404


async def ended(place, session):
    """How an operator finds that a session has ended."""
    beat = {"sessionId": session, "currentPosition": 1}
    return (await place.operator("POST", "/playback/heartbeat", beat))[1].get("ended")


async def test_a_removed_device_stops_playing_and_no_other_one(ann, place):
    device = (await ann("GET", "/me/devices"))[1][0]["deviceId"]
    tv, phone = (await ann.play())[1]["sessionId"], (await ann.play("phone"))[1]["sessionId"]
    await ann("DELETE", f"/me/devices/{device}")
    assert [await ended(place, one) for one in (tv, phone)] == ["revoked", None]


async def test_a_disabled_account_stops_playing(ann, place):
    session = (await ann.play("tv"))[1]["sessionId"]
    account = ann.tokens["accountId"]
    assert (await place.operator("PUT", f"/accounts/{account}/disabled", {"disabled": True}))[0] == 200
    assert await ended(place, session) == "account"
    assert (await ann.play("phone"))[0] == 401


async def test_dash_and_what_has_none(ann, origin, place, until):
    assert (await ann.play("tv", format="dash"))[1]["streamUrl"].endswith("/film/manifest.mpd")
    origin.publish("hls-only", streams={"hls": "master.m3u8"})

    async def known():
        return (await place.operator("GET", "/titles/hls-only"))[0] == 200

    await until(known)
    status, body = await ann.play("tv", "hls-only", format="dash")
    assert (status, body["reason"]) == (409, "format-unavailable")


async def test_starts_and_stops_are_in_the_event_log_without_a_name_where_there_is_no_consent(ann, place):
    session = (await ann.play("tv"))[1]["sessionId"]
    await ann("POST", "/playback/stop", {"sessionId": session, "currentPosition": 40})
    profile = ann.tokens["profileId"]
    assert (await ann("PUT", f"/me/profiles/{profile}", {"consent": False}))[0] == 200
    silent = (await ann.play("tv"))[1]["sessionId"]
    records = [decode_record(one.payload) for one in read_page(place.settings.data / "events", 0).records]
    seen = [(msgspec.json.decode(one.body)["event"], one.subject, one.sessions) for one in records]
    assert seen == [("start", profile, (session,)), ("stop", profile, (session,)), ("start", "", (silent,))]
    assert msgspec.json.decode(records[1].body)["position"] == 40


async def test_a_deleted_profile_stops_playing_and_nobody_else(ann, place):
    own = (await ann.play("tv"))[1]["sessionId"]
    profile = ann.profile = (await ann("POST", "/me/profiles", {"name": "Kid"}))[1]["profileId"]
    theirs = (await ann.play("phone"))[1]["sessionId"]
    await ann.beat(theirs, 30)
    ann.profile = None
    assert (await ann("DELETE", f"/me/profiles/{profile}"))[0] == 200
    assert (await place.operator("DELETE", f"/playback/sessions/{theirs}"))[0] == 404
    assert (await ann.beat(own, 1))[0] == 200
    store = PlaybackStore(locate_database(place.settings, "playback"), 10, 30.0)
    await store.open()
    assert [one.session_id for one in await store.pending_revocations(10)] == [theirs]
    await store.close()


async def test_erasure_forgets_positions_and_sessions(ann, place):
    session = (await ann.play("tv"))[1]["sessionId"]
    await ann.beat(session, 30)
    exported = (await ann("GET", "/me/export"))[1]
    assert exported["playback"]["sessions"][0]["sessionId"] == session
    assert exported["playback"]["positions"][ann.tokens["profileId"]][0]["position"] == 30
    assert (await ann("DELETE", "/me"))[0] in (200, 202, 204)
    assert (await place.operator("DELETE", f"/playback/sessions/{session}"))[0] == 404
