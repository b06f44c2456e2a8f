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
    "userId=a%20%20b",
    "userId=u1&playable=x",
    "userId=u1&maturity=22",
    "userId=u1&profile=a%20%20b",
    "userId=a%20%20b&profile=u1",
    "userId=u1&surface=" + "x" * 65,
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


async def test_an_operator_names_the_account_and_the_profile(place):
    await place.post("/recommendations/feedback", feedback(userId="u2", action="DISLIKE"))
    one, other = [await ids(place, query) for query in ("userId=u1&profile=u2", "userId=u2&profile=u1")]
    assert (one, other) == (await ids(place, "userId=u2"), await ids(place, "userId=u1"))


async def test_the_profile_decides_where_both_are_given(start, fill, title):
    await fill(title("a"))
    place = await start(insecure_dev="off")
    me = (await place.get("/viewer"))[1]["userId"]
    assert await ids(place, f"userId={me}&profile={me}") == ["a"]
    for query in (f"userId={me}&profile=other", f"userId=other&profile={me}"):
        assert (await place.get(f"/recommendations?{query}"))[0] == 403, query


async def test_user_ids_that_an_import_stores_are_accepted(place):
    for user in ("user/7", "auth0|abc", "müller", "Jo Doe"):
        assert (await place.post("/recommendations/feedback", feedback(userId=user, action="DISLIKE")))[0] == 200
        assert (await place.client.get("/recommendations", params={"userId": user})).status == 200


async def test_a_list_says_what_made_it(place):
    async with place.client.get("/recommendations?userId=u1") as got:
        assert got.headers["X-Recommend-Model"] == "trend-no-model; version=none"


async def test_an_event_sent_twice_counts_once(place):
    for _ in range(2):
        assert (await place.post("/recommendations/feedback", feedback(eventId="1", action="VIEW")))[0] == 200
    text = await (await place.client.get("/metrics")).text()
    assert "matinee_recommend_events_total 1.0" in text


async def test_a_short_watch_is_no_reason_to_show_it_first(place):
    assert (await place.post("/recommendations/feedback", feedback(contentId="b", action="WATCH", value=0.03)))[
        0
    ] == 200
    assert await ids(place, "userId=u1") == ["a", "b"]


async def test_rows_have_reasons_and_no_title_twice(start, fill, title, until):
    await fill(*(title(f"t{n}", year=1990 + n, genres=("Drama",), popularity=float(n)) for n in range(12)))
    place = await start(default_country="DE")
    body = {"userId": "u1", "contentId": "t3", "action": "WATCH", "value": 0.5}
    assert (await place.post("/recommendations/feedback", body))[0] == 200
    status, rows = await place.get("/recommendations/rows?userId=u1&limit=3")
    assert status == 200
    shown = [one["contentId"] for row in rows for one in row["items"]]
    assert len(shown) == len(set(shown))
    assert [row["id"] for row in rows][:2] == ["continue-watching", "trending"]
    assert rows[0]["items"][0]["contentId"] == "t3"
    assert {"trending", "new", "genre"} <= {row["reason"] for row in rows}
    assert all(set(row) == {"id", "title", "reason", "items"} and 0 < len(row["items"]) <= 3 for row in rows)


async def test_operators_make_rows_by_country_and_time(place, clock):
    row = {"title": "Our choice", "items": ["fr", "b", "a"], "rank": 1}
    assert (await place.put("/recommendations/curated/choice", row))[0] == 200
    banner = {"title": "Premiere", "kind": "featured", "items": ["a"], "countries": ["DE"], "ends": clock.wall() + 60}
    assert (await place.put("/recommendations/curated/premiere", banner))[0] == 200

    async def rows(query=""):
        found = (await place.get(f"/recommendations/rows?userId=u1{query}"))[1]
        return {row["id"]: [one["contentId"] for one in row["items"]] for row in found}

    shown = await rows()
    assert next(iter(shown)) == "premiere"
    assert shown["premiere"] == ["a"]
    assert "choice" not in shown or "fr" not in shown["choice"]
    assert "premiere" not in await rows("&country=FR")
    await clock.advance(61)
    assert "premiere" not in await rows()
    listed = (await place.get("/recommendations/curated"))[1]
    assert [one["id"] for one in listed] == ["choice", "premiere"]
    async with place.client.delete("/recommendations/curated/choice") as got:
        assert got.status == 200
    assert (await place.put("/recommendations/curated/Bad", row))[0] == 400


async def test_similar_titles_are_of_the_same_kind(start, fill, title):
    await fill(*(title(f"{genre[0]}{n}", genres=(genre,)) for genre in ("Horror", "Comedy") for n in range(3)))
    place = await start(default_country="DE")
    status, found = await place.get("/recommendations/similar?contentId=H1&limit=2")
    assert (status, {one["contentId"] for one in found}) == (200, {"H0", "H2"})
    assert (await place.get("/recommendations/similar?contentId=none"))[0] == 404


async def test_a_childs_profile_sees_no_film_for_grown_ups(start, fill, title):
    await fill(title("family", maturity=6), title("horror", maturity=18), title("unrated"))
    place = await start(default_country="DE", insecure_dev="off")
    account = {"email": "a@example.org", "password": "correct horse"}
    made = (await place.post("/accounts", account))[1]
    headers = {"Authorization": f"Bearer {made['accessToken']}"}
    child = (await place.post("/me/profiles", {"name": "Kim", "kids": True}, headers=headers))[1]["profileId"]
    tokens = (await place.post("/auth/login", account))[1]
    headers = {"Authorization": f"Bearer {tokens['accessToken']}", "X-Profile": child}
    for path in ("/recommendations", "/recommendations/rows"):
        async with place.client.get(path, headers=headers) as got:
            assert "horror" not in await got.text()
            assert got.status == 200
    # An operator who names the child is bound by the same limit.
    operator = {"Authorization": f"Bearer {place.key}"}
    shown = (await place.get(f"/recommendations?userId={child}", headers=operator))[1]
    assert {one["contentId"] for one in shown} == {"family", "unrated"}
