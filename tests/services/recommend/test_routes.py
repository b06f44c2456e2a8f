"""Recommendations over HTTP."""

import pytest


@pytest.fixture
async def place(start, fill, title):
    await fill(title("a", popularity=5.0), title("b", popularity=9.0), title("fr", countries=("FR",), popularity=99.0))
    return await start(default_country="DE")


def feedback(**more):
    return {"userId": "u1", "contentId": "a", "action": "LIKE"} | more


async def ids(place, query):
    status, body = await place.get(f"/recommendations?{query}")
    assert status == 200
    return [one["contentId"] for one in body]


async def test_a_list_is_never_empty_and_hides_what_is_not_licensed(place):
    assert await ids(place, "userId=u1") == ["b", "a"]
    assert await ids(place, "userId=u1&limit=1") == ["b"]
    assert (await ids(place, "userId=u1&country=FR"))[0] == "fr"


async def test_a_dislike_hides_at_once(place):
    assert (await place.post("/recommendations/feedback", feedback(contentId="b", action="DISLIKE")))[0] == 200
    assert await ids(place, "userId=u1") == ["a"]
    assert await ids(place, "userId=u2") == ["b", "a"]


BAD_FEEDBACK_IS_TOLD = [
    (feedback(action="LOVE"), 400, "body-field"),
    (feedback(userId=""), 400, "user-id"),
    (feedback(contentId="../x"), 400, "content-id"),
    (feedback(contentId="nobody"), 404, "title-unknown"),
    ({"userId": "u1"}, 400, "body-field"),
    ([], 400, "body-field"),
]


async def test_bad_feedback_is_told(place):
    for body, status, reason in BAD_FEEDBACK_IS_TOLD:
        got, answer = await place.post("/recommendations/feedback", body)
        assert (got, answer["reason"]) == (status, reason)


IMPOSSIBLE_QUERIES_ARE_TOLD = [
    "",
    "userId=",
    "userId=u1&limit=0",
    "userId=u1&limit=x",
    "userId=a%20b",
    "userId=u1&playable=x",
]


async def test_impossible_queries_are_told(place):
    for query in IMPOSSIBLE_QUERIES_ARE_TOLD:
        assert (await place.get(f"/recommendations?{query}"))[0] == 400


async def test_a_guest_speaks_for_itself_alone(start, fill, title):
    await fill(title("a"))
    place = await start(insecure_dev="off")
    me = (await place.get("/viewer"))[1]["userId"]
    assert await ids(place, "") == ["a"]
    assert await ids(place, f"userId={me}") == ["a"]
    assert (await place.get("/recommendations?userId=other"))[0] == 403
    assert (await place.post("/recommendations/feedback", feedback(userId=me)))[0] == 200
    status, body = await place.post("/recommendations/feedback", feedback(userId="other"))
    assert (status, body["reason"]) == (403, "not-yours")
