"""Changes of an account reach what it plays at once: no heartbeat is waited for."""

import asyncio

import msgspec
import pytest

from services.events.record import decode_record
from services.events.segments import read_page


async def ends_of(ann, sessions, change):
    """How the players that wait for the ends of these sessions wake while `change` is made; None: it goes on."""
    async with asyncio.timeout(20), asyncio.TaskGroup() as group:
        waits = [group.create_task(ann("GET", f"/playback/sessions/{one}/end?wait=2")) for one in sessions]
        await change
    return [wait.result()[1].get("ended") for wait in waits]


async def set_plan(ann, place, tier, streams):
    account = ann.tokens["accountId"]
    assert (await place.operator("PUT", f"/accounts/{account}/plan", {"tier": tier, "streams": streams}))[0] == 200


async def test_a_lower_plan_ends_what_plays_above_it(ann, place):
    session = (await ann.play("tv"))[1]["sessionId"]
    assert await ends_of(ann, [session], set_plan(ann, place, "sd", 2)) == ["plan"]
    again = (await ann.play("tv"))[1]
    assert again["tier"] == "sd"
    assert (await ann.beat(again["sessionId"], 1))[0] == 200


async def test_with_fewer_streams_those_go_on_that_started_first_and_still_play(ann, place, clock):
    silent = (await ann.play("radio"))[1]["sessionId"]
    clock.now += 40
    first = (await ann.play("tv"))[1]["sessionId"]
    await set_plan(ann, place, "hd", 3)
    clock.now += 1
    second = (await ann.play("phone"))[1]["sessionId"]
    await set_plan(ann, place, "hd", 1)
    assert [(await ann.beat(one, 1))[1].get("ended") for one in (silent, first, second)] == ["plan", None, "plan"]
    status, refused = await ann.play("phone")
    assert (status, [one["device"] for one in refused["devices"]]) == (409, ["tv"])


async def test_a_profile_that_is_limited_stops_what_is_not_for_its_age(ann, place):
    assert (await place.operator("PUT", "/titles/film", {"title": "Film", "maturity": 16}))[0] == 200
    profile = ann.tokens["profileId"]
    film, other = (await ann.play("tv"))[1]["sessionId"], (await ann.play("phone", "other"))[1]["sessionId"]
    change = ann("PUT", f"/me/profiles/{profile}", {"maturity": 12})
    assert await ends_of(ann, [film], change) == ["profile"]
    assert (await ann.beat(other, 1))[0] == 200
    status, refused = await ann.play("tv")
    assert (status, refused["reason"], "16" in refused["detail"]) == (403, "maturity", True)


@pytest.mark.parametrize("by_link", [False, True])
async def test_a_new_password_ends_what_other_devices_play(ann, place, by_link):
    own, other = (await ann.play())[1]["sessionId"], (await ann.play("phone"))[1]["sessionId"]
    if by_link:
        account = ann.tokens["accountId"]
        token = (await place.operator("POST", f"/accounts/{account}/reset-token", {}))[1]["token"]
        assert (await ann("POST", "/auth/reset", {"token": token, "password": "another horse battery"}))[0] == 200
    else:
        body = {"currentPassword": "correct horse", "newPassword": "another horse battery"}
        assert (await ann("PUT", "/me/password", body))[0] == 200
    beat = {"currentPosition": 1}
    found = [
        (await place.operator("POST", "/playback/heartbeat", beat | {"sessionId": one}))[1].get("ended")
        for one in (own, other)
    ]
    assert found == ["revoked" if by_link else None, "revoked"]


async def test_a_running_session_is_nameless_in_the_log_from_the_moment_that_consent_is_withdrawn(ann, place):
    session = (await ann.play("tv"))[1]["sessionId"]
    profile = ann.tokens["profileId"]
    assert (await ann("PUT", f"/me/profiles/{profile}", {"consent": False}))[0] == 200
    await ann("POST", "/playback/stop", {"sessionId": session, "currentPosition": 40})
    records = [decode_record(one.payload) for one in read_page(place.settings.data / "events", 0).records]
    seen = [(msgspec.json.decode(one.body)["event"], one.subject) for one in records]
    assert seen == [("start", profile), ("stop", "")]
