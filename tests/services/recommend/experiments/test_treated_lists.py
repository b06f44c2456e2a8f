"""Lists under experiments, as operators and viewers meet them."""

ARMS = [{"name": "control"}, {"name": "new", "changes": {"rows": ["new"], "page": "grid", "exploration": 0.2}}]


async def started(place, **more):
    body = {"title": "Rows", "arms": ARMS, "window": 1} | more
    assert (await place.put("/recommendations/experiments/rows", body))[0] == 200
    status, found = await place.post("/recommendations/experiments/rows/start", {})
    assert (status, found["state"]) == (200, "running")


async def arm_of(place, user):
    status, found = await place.get(f"/recommendations/assignments?userId={user}")
    assert status == 200
    return found[0] if found else None


async def test_an_experiment_from_its_draft_to_its_report(start, fill, title, until, clock):
    await fill(*(title(f"t{number}", popularity=float(number), year=1990 + number) for number in range(30)))
    place = await start(default_country="DE")
    await started(place)
    users = [f"u{number}" for number in range(40)]
    arms = {user: await arm_of(place, user) for user in users}
    assert {one["arm"] for one in arms.values()} == {"control", "new"}
    for user in users:
        status, rows = await place.get(f"/recommendations/rows?userId={user}&surface=home&context=device=tv,hour=21")
        assert status == 200
        assert ([row["reason"] for row in rows] == ["new"]) == (arms[user]["arm"] == "new")
        assert arms[user]["page"] == ("grid" if arms[user]["arm"] == "new" else None)
    fan = next(user for user in users if arms[user]["arm"] == "new")
    report = "/recommendations/experiments/rows/report"

    async def viewers():
        return sum(arm["viewers"] for arm in (await place.get(report))[1]["arms"])

    async def all_exposed():
        return await viewers() == 40

    await until(all_exposed)
    feedback = {"userId": fan, "contentId": "t1", "action": "CLICK"}
    assert (await place.post("/recommendations/feedback", feedback))[0] == 200
    await clock.advance(5)
    found = (await place.get(report))[1]
    assert found["verdict"] == "too-few-viewers"
    assert [arm["viewersCounted"] for arm in found["arms"]] == [arm["viewers"] for arm in found["arms"]]
    assert found["arms"][1]["metrics"]["clicks"]["mean"] > 0
    assert (await place.get(f"{report}?device=phone"))[1]["arms"][0]["viewers"] == 0
    assert (await place.post("/recommendations/experiments/rows/stop", {}))[1]["state"] == "stopped"
    assert await arm_of(place, fan) is None


async def test_drawn_titles_are_logged_and_evaluated(start, fill, title, until, clock):
    await fill(*(title(f"t{number}", popularity=float(number)) for number in range(40)))
    place = await start(default_country="DE", recommend_exploration="20")
    plain = [one["contentId"] for one in (await place.get("/recommendations/similar?contentId=t0&limit=5"))[1]]
    assert plain
    for number in range(120):
        status, found = await place.get(f"/recommendations?userId=u{number}&limit=10")
        assert status == 200
        assert len({one["contentId"] for one in found}) == 10
        assert [one["rankScore"] for one in found] == sorted((one["rankScore"] for one in found), reverse=True)
    await clock.advance(2 * 3_600)

    async def drawn():
        found = (await place.get("/recommendations/off-policy?windowHours=1"))[1]
        return found if found["draws"] > 5 else None

    policies = {row["policy"]: row for row in (await until(drawn))["policies"]}
    assert {"shown", "trend"} <= set(policies)
    assert policies["shown"]["snips"] == 0.0
