"""200 starts of one account at the same instant, over HTTP, on each kind of store: as many win as there are streams."""

import asyncio

import pytest

STARTS, STREAMS = 200, 3


@pytest.fixture(params=["sqlite", "postgresql", "valkey"])
def kept_in(request, tmp_path):
    """The settings of a store."""
    if request.param == "valkey":
        return {"valkey": request.getfixturevalue("valkey_url")}
    if request.param == "sqlite":
        return {}
    address = request.getfixturevalue("empty_postgresql")
    (tmp_path / "password").write_text(address.password)
    return {"database": address.url, "database_password_file": str(tmp_path / "password")}


async def test_of_200_starts_at_once_as_many_win_as_the_plan_has_streams(start, origin, until, sign_up, kept_in):
    origin.publish("film")
    place = await start(
        only="users,playback,catalogue", origin=origin.url, edges="http://127.0.0.1:8081", insecure_dev=None,
        signup_streams=str(STREAMS), default_country="DE", **kept_in,
    )  # fmt: skip
    ann = await sign_up(place, "ann")

    async def playable():
        return (await ann("GET", "/titles/film"))[0] == 200

    await until(playable)
    for _ in range(2):
        answers = await asyncio.gather(*(ann.play(f"d{number}") for number in range(STARTS)))
        won = [body["sessionId"] for status, body in answers if status == 200]
        assert len(won) == STREAMS
        assert {status for status, _ in answers} == {200, 409}
        assert {one["sessionId"] for one in (await ann("GET", "/me/sessions"))[1]} == set(won)
        for session in won:
            assert (await ann("POST", "/playback/stop", {"sessionId": session}))[0] == 200
