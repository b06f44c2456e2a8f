"""What operators see."""


async def test_operators_see_what_lists_show(start, fill, title):
    await fill(*(title(f"t{number}", popularity=float(number)) for number in range(20)), title("fr", countries=("FR",)))
    place = await start(default_country="DE")
    for number in range(5):
        await place.get(f"/recommendations?userId=u{number}&limit=5")
    status, found = await place.get("/recommendations/overview")
    assert status == 200
    assert found["model"]["version"] is None
    [germany] = found["countries"]
    assert (germany["country"], germany["lists"], germany["titles"], germany["titlesShown"]) == ("DE", 5, 20, 5)
    assert germany["coverage"] == 0.25
    assert germany["gini"] == 0.75
    assert germany["fallbackRate"] == 1.0
    async with place.client.get("/recommendations/console") as page:
        assert page.status == 200
        assert "recommendations.js" in await page.text()
    async with place.client.get("/recommendations/console/recommendations.js") as script:
        assert script.content_type == "text/javascript"
    assert (await place.get("/recommendations/early-exits?viewers=1"))[1] == []
