"""What operators may not define."""

ARMS = [{"name": "control"}, {"name": "new", "changes": {"rows": ["new"], "page": "grid", "exploration": 0.2}}]
BAD = [
    ("rows", {"title": "x", "arms": ARMS[:1]}, 400),
    ("rows", {"title": "x", "arms": [*ARMS[:1], *ARMS[:1]]}, 400),
    ("Rows!", {"title": "x", "arms": ARMS}, 400),
    ("holdout", {"title": "x", "arms": ARMS}, 400),
    ("rows", {"title": "x", "arms": ARMS, "share": 0}, 400),
]


async def test_bad_experiments_and_contexts_are_told(start, fill, title):
    await fill(title("a"))
    place = await start(default_country="DE")
    for name, body, status in BAD:
        assert (await place.put(f"/recommendations/experiments/{name}", body))[0] == status
    assert (await place.get("/recommendations/experiments/none/report"))[0] == 404
    assert (await place.post("/recommendations/experiments/none/start", {}))[0] == 404
    for context in ("device=tv,hour=25", '{"hour":25}', '{"hour":', '{"hour":-1}', "hour=٣"):
        status, told = await place.get("/recommendations", params={"userId": "u", "context": context})
        assert (status, told["reason"]) == (400, "parameter-value")
    for context in ("device=tv", '{"device":"tv","hour":3}', "hour=0;device=tv", "anything"):
        assert (await place.get("/recommendations", params={"userId": "u", "context": context}))[0] == 200
