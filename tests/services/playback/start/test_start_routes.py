"""Playback over HTTP: a session with a token that the edges take, positions, refusals."""

from urllib.parse import urlsplit

import pytest

from kernel.auth.signing_keys import KeySet, public_jwks
from kernel.auth.token import verify

EDGES = "http://127.0.0.1:8081,http://127.0.0.2:8081"


@pytest.fixture
async def place(start, origin, until):
    origin.publish("film", title="A film", metadata={"attribution": "Somebody"}, countries=["DE"])
    origin.publish("away", countries=["FR"])
    place = await start(origin=origin.url, edges=EDGES, default_country="DE", region="eu")
    await until(lambda: _playable(place))
    return place


async def _playable(place):
    return (await place.get("/titles/film"))[0] == 200


async def test_a_session_starts_with_a_token_that_verifies(place, clock):
    status, body = await place.get("/playback/start?contentId=film&bitrate=auto")
    assert status == 200
    assert body["drmLicenseInfo"]["type"] == "none"
    assert (body["title"], body["attribution"]) == ("A film", "Somebody")
    url = urlsplit(body["streamUrl"])
    assert f"http://{url.netloc}" in EDGES.split(",")
    _, t, token, *rest = url.path.split("/")
    assert (t, rest) == ("t", ["cdn", "eu", "film", "master.m3u8"])
    assert body["dashUrl"].endswith(f"{token}/cdn/eu/film/manifest.mpd")
    assert len(body["edges"]) == 2
    keys = KeySet.from_jwks(public_jwks(place.settings.signing_key_file.read_bytes(), place.settings.kid))
    permit = verify(token, keys)
    assert permit.allows(b"/cdn/eu/film/v720/00001.m4s", clock.wall()) is None
    assert permit.allows(b"/cdn/eu/film2/v720/00001.m4s", clock.wall()) is not None
    assert permit.session == body["sessionId"]


async def test_each_start_is_a_session_of_its_own_and_is_never_stored_by_a_cache(place):
    first = await place.client.get("/playback/start?contentId=film")
    assert first.headers["Cache-Control"] == "no-store"
    other = await place.get("/playback/start?contentId=film")
    assert (await first.json())["sessionId"] != other[1]["sessionId"]


WHAT_CANNOT_PLAY_SAYS_WHY = [
    ("", 400, "parameter-missing"),
    ("contentId=", 400, "parameter-missing"),
    ("contentId=..%2Fx", 400, "content-id"),
    ("contentId=nobody", 404, "title-unknown"),
    ("contentId=away", 451, "not-in-your-country"),
    ("contentId=film&country=FR", 451, "not-in-your-country"),
    ("contentId=film&bitrate=fast", 400, "bitrate"),
    ("contentId=film&bitrate=0", 400, "bitrate"),
    ("contentId=film&contentId=film", 400, "parameter-repeated"),
    ("contentId=film&format=smooth", 400, "parameter-value"),
    ("contentId=film&drm=rot13", 400, "parameter-value"),
    ("contentId=film&device=" + "x" * 101, 400, "parameter-value"),
    ("contentId=film&device=a%0Ab", 400, "parameter-value"),
]


async def test_what_cannot_play_says_why(place):
    for query, status, reason in WHAT_CANNOT_PLAY_SAYS_WHY:
        got, body = await place.get(f"/playback/start?{query}")
        assert (got, body["reason"]) == (status, reason)
        assert body["detail"]


async def test_a_title_without_a_film_is_known_but_does_not_play(place, fill, title):
    await fill(title("words"))
    status, body = await place.get("/playback/start?contentId=words")
    assert (status, body["reason"]) == (409, "not-published")


async def test_a_licence_that_changes_holds_for_the_next_start(place):
    assert (await place.put("/titles/film/licence", {"countries": ["FR"]}))[0] == 200
    assert (await place.get("/playback/start?contentId=film"))[0] == 451


async def test_without_an_edge_playback_says_so(start, origin, until):
    origin.publish("film")
    place = await start(origin=origin.url)
    await until(lambda: _playable(place))
    status, body = await place.get("/playback/start?contentId=film")
    assert (status, body["reason"]) == (503, "no-edge")
