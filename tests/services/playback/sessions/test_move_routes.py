"""Heartbeats and stops over HTTP."""


async def test_another_device_goes_on_at_the_same_second(ann, clock):
    tv, phone = (await ann.play("tv"))[1], (await ann.play("phone"))[1]
    clock.now += 20
    now = clock.wall()
    assert (await ann.beat(tv["sessionId"], 50, at=now))[1]["currentPosition"] == 50
    late = await ann.beat(tv["sessionId"], 45, at=now - 5)
    assert (late[0], late[1]["currentPosition"]) == (200, 50)
    await ann.beat(phone["sessionId"], 10, at=(now - 9) * 1000)  # milliseconds, as a browser's clock has them
    assert (await ann.play("tv"))[1]["resumePosition"] == 50
    await ann.beat(phone["sessionId"], 12, at="2027-01-15T08:00:21Z")
    assert (await ann.play("tv"))[1]["resumePosition"] == 12
    assert (await ann.beat(phone["sessionId"], 12, at="yesterday"))[0] == 400


async def test_nobody_moves_or_ends_the_session_of_another_account(ann, place, sign_up):
    session = (await ann.play("tv"))[1]["sessionId"]
    bob = await sign_up(place, "bob")
    assert (await bob.beat(session, 1))[0] == 404
    assert (await bob("POST", "/playback/stop", {"sessionId": session}))[0] == 404
    assert (await bob("DELETE", f"/playback/sessions/{session}"))[0] == 404
    assert (await bob("GET", "/me/sessions"))[1] == []
    assert (await ann.beat(session, 1))[0] == 200


async def test_a_lower_plan_ends_the_session_and_plays_on_in_its_quality(ann, place):
    started = (await ann.play("tv"))[1]
    assert (started["tier"], started["streamUrl"].rsplit("/", 1)[1]) == ("hd", "master.m3u8")
    me = (await ann("GET", "/me"))[1]
    lower = {"tier": "sd", "streams": 1}
    assert (await place.operator("PUT", f"/accounts/{me['accountId']}/plan", lower))[0] == 200
    status, body = await ann.beat(started["sessionId"], 30)
    assert (status, body["reason"], body["ended"]) == (409, "session-ended", "plan")
    again = (await ann.play("tv"))[1]
    assert (again["tier"], again["streamUrl"].rsplit("/", 1)[1]) == ("sd", "master-sd.m3u8")
    assert (await ann.play("phone"))[1]["reason"] == "too-many-streams"


async def test_heartbeats_keep_the_position_of_a_session(ann, clock):
    started = (await ann.play("tv"))[1]
    beat = {"sessionId": started["sessionId"], "currentPosition": 12.5}
    assert (await ann("POST", "/playback/heartbeat", beat))[0] == 200
    for bad in ({**beat, "currentPosition": -1}, {**beat, "currentPosition": "x"}, {"sessionId": "x"}, []):
        assert (await ann("POST", "/playback/heartbeat", bad))[0] == 400
    assert (await ann("POST", "/playback/heartbeat", {**beat, "sessionId": "nobody"}))[0] == 404


async def test_another_guest_cannot_move_a_session(start, origin, until):
    origin.publish("film")
    place = await start(origin=origin.url, edges="http://127.0.0.1:8081", insecure_dev="off", guest_tier="hd")
    await place.client.get("/")

    async def playable():
        return (await place.get("/titles/film"))[0] == 200

    await until(playable)
    _, started = await place.get("/playback/start?contentId=film")
    beat = {"sessionId": started["sessionId"], "currentPosition": 1}
    assert (await place.post("/playback/heartbeat", beat))[0] == 200
    place.client.session.cookie_jar.clear()
    await place.client.get("/")
    assert (await place.post("/playback/heartbeat", beat))[0] == 404
