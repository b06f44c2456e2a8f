"""What operators do with search: pins, synonyms, queries without results, a rebuild."""

import pytest


@pytest.fixture
async def place(start, fill, title):
    await fill(title("alien", "Alien", popularity=50.0), title("tom", "Tom & Jerry"), title("hp", "Harry Potter"))
    return await start(default_country="DE")


async def ids(place, query):
    _, body = await place.get(f"/search?query={query}")
    return [one["contentId"] for one in body]


async def test_a_pinned_title_goes_first(place):
    status, body = await place.put("/search/pins", {"query": "Alien", "contentIds": ["tom", "alien"]})
    assert (status, body["contentIds"]) == (200, ["tom", "alien"])
    assert await ids(place, "alien") == ["tom", "alien"]
    assert (await place.get("/search/pins?query=ALIEN"))[1]["contentIds"] == ["tom", "alien"]
    await place.put("/search/pins", {"query": "alien", "contentIds": []})
    assert await ids(place, "alien") == ["alien"]


async def test_synonyms_are_in_use_at_once(place):
    assert await ids(place, "boy%20wizard") == []
    status, _ = await place.put("/search/synonyms", {"groups": [["Harry Potter", "boy wizard"]]})
    assert status == 200
    assert await ids(place, "boy%20wizard") == ["hp"]


WRONG = [
    ("/search/pins", {"query": "a", "contentIds": ["nothing"]}, 404),
    ("/search/pins", {"query": "a", "contentIds": ["../x"]}, 400),
    ("/search/pins", {"query": "a", "contentIds": ["alien"] * 21}, 400),
    ("/search/synonyms", {"groups": [["one"]]}, 400),
    ("/search/synonyms", {"groups": [["One", "one!"]]}, 409),
]


async def test_wrong_bodies_get_a_reason(place):
    for path, body, expected in WRONG:
        status, problem = await place.put(path, body)
        assert (status, bool(problem["detail"])) == (expected, True), (path, body)


async def test_queries_without_results_are_listed(place):
    for _ in range(2):
        await ids(place, "wombat")
    _, body = await place.get("/search/empty")
    assert [(one["query"], one["count"]) for one in body][:1] in ([("wombat", 2)], [("wombat", 1)])


async def test_a_rebuild_keeps_answering(place):
    assert (await place.post("/search/rebuild", []))[0] == 400
    assert (await place.post("/search/rebuild", {}))[0] == 202
    assert await ids(place, "alien") == ["alien"]
