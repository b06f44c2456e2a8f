"""Search over HTTP."""

import pytest


@pytest.fixture
async def place(start, fill, title):
    await fill(
        title("alien", "Alien", year=1979, genres=("Horror", "Science Fiction"), cast=("Sigourney Weaver",),
              popularity=50.0, description="A crew meets <b>something</b> in space."),
        title("aliens", "Aliens", year=1986, genres=("Action",), countries=("FR",)),
        title("amelie", "Amélie", genres=("Comedy",)),
        title("tom", "Tom & Jerry", description="Tom & Jerry <script>alert(1)</script>"),
    )  # fmt: skip
    return await start(default_country="DE")


async def ids(place, query):
    status, body = await place.get(f"/search?{query}")
    assert status == 200, body
    return [one["contentId"] for one in body]


async def test_titles_people_prefixes_and_typos_are_found(place):
    assert await ids(place, "query=alien") == ["alien"]
    assert await ids(place, "query=ali") == ["alien"]
    assert await ids(place, "query=sigourney") == ["alien"]
    assert await ids(place, "query=aleins") == ["alien"]
    assert await ids(place, "query=amelie") == ["amelie"]
    assert (await ids(place, "query=alien&country=FR"))[0] == "alien"
    assert "aliens" in await ids(place, "query=alien&country=FR")


async def test_genres_filter_and_can_be_browsed(place):
    assert await ids(place, "query=alien&genre=horror") == ["alien"]
    assert await ids(place, "query=alien&genre=Comedy") == []
    assert await ids(place, "query=&genre=science-fiction") == ["alien"]
    assert await ids(place, "genre=Horror&genre=Science%20Fiction") == ["alien"]


async def test_a_result_has_title_and_an_escaped_snippet(place):
    _, body = await place.get("/search?query=tom")
    assert body[0]["title"] == "Tom & Jerry"
    assert body[0]["snippet"] == "Tom &amp; Jerry &lt;script&gt;alert(1)&lt;/script&gt;"


IMPOSSIBLE_QUERIES_ARE_TOLD = [
    ("", "query-empty"),
    ("query=", "query-empty"),
    ("query=%20%20", "query-empty"),
    (f"query={'x' * 10_000}", "query-too-long"),
    ("query=a&limit=0", "parameter-range"),
    ("query=a&limit=101", "parameter-range"),
    ("query=a&limit=ten", "parameter-range"),
    ("query=a&query=b", "parameter-repeated"),
    ("query=a&genre=" + "x" * 200, "genre"),
]


async def test_impossible_queries_are_told(place):
    for query, reason in IMPOSSIBLE_QUERIES_ARE_TOLD:
        status, body = await place.get(f"/search?{query}")
        assert (status, body["reason"]) == (400, reason)


ODD_QUERIES_ARE_ANSWERED = [
    "%22a%3Ab%28",
    "%2B-%26%26",
    "%F0%9F%8E%AC",
    "%E4%B8%83%E4%BA%BA",
    "%00",
    "%FF",
    "AND",
    "a%2A",
    "..%2F",
]


async def test_odd_queries_are_answered(place):
    for query in ODD_QUERIES_ARE_ANSWERED:
        status, _ = await place.get(f"/search?query={query}")
        assert status in (200, 400)


async def test_an_import_from_outside_is_found_soon(place, fill, title, until):
    await fill(title("new", "Predator"))

    async def found():
        return await ids(place, "query=predator") == ["new"]

    await until(found)


async def test_a_licence_taken_away_hides_the_title_soon(place, until):
    await place.put("/titles/alien/licence", {"countries": []})

    async def hidden():
        return "alien" not in await ids(place, "query=alien")

    await until(hidden)
