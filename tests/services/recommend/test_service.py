"""Recommendations follow titles and feedback by themselves."""


async def test_new_feedback_is_fitted_soon(start, fill, title, until):
    await fill(*(title(name) for name in ("alien", "aliens", "amelie")))
    place = await start(default_country="DE")
    for user in range(6):
        for content in ("alien", "aliens"):
            body = {"userId": f"u{user}", "contentId": content, "action": "LIKE"}
            assert (await place.post("/recommendations/feedback", body))[0] == 200
    await place.post("/recommendations/feedback", {"userId": "me", "contentId": "alien", "action": "LIKE"})

    async def personal():
        _, found = await place.get("/recommendations?userId=me")
        return found[0]["contentId"] == "aliens" and found[0]["rankScore"] >= 3

    await until(personal)


async def test_titles_from_outside_are_shown_soon(start, fill, title, until):
    place = await start(default_country="DE")
    assert (await place.get("/recommendations?userId=me"))[1] == []
    await fill(title("new"))

    async def shown():
        return [one["contentId"] for one in (await place.get("/recommendations?userId=me"))[1]] == ["new"]

    await until(shown)
