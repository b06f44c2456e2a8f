"""Where a viewer watches from, and who may say otherwise."""


async def test_only_operators_may_name_another_country(start):
    place = await start(insecure_dev="off", default_country="DE")
    await place.client.get("/")
    assert (await place.get("/titles?country=DE"))[0] == 200
    status, body = await place.get("/titles?country=FR")
    assert (status, body["reason"]) == (403, "country-not-yours")
    headers = {"Authorization": f"Bearer {place.key}"}
    assert (await place.get("/titles?country=FR", headers=headers))[0] == 200
