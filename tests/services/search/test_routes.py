"""Search over HTTP."""

import pytest

from services.http.caller import COOKIE_NAME, Authenticator
from services.search.index.facets import Facet


@pytest.fixture
async def place(start, fill, title):
    await fill(
        title("alien", "Alien", year=1979, genres=("Horror", "Science Fiction"), cast=("Sigourney Weaver",),
              popularity=50.0, description="A crew meets <b>something</b> in space."),
        title("aliens", "Aliens", year=1986, genres=("Action",), countries=("FR",)),
        title("amelie", "Amélie", genres=("Comedy",), aliases=("Le Fabuleux Destin",)),
        title("tom", "Tom & Jerry", description="Tom & Jerry <script>alert(1)</script>"),
    )  # fmt: skip
    return await start(default_country="DE")


async def ids(place, query):
    status, body = await place.get(f"/search?{query}")
    assert status == 200, body
    return [one["contentId"] for one in body]


FOUND = [
    ("query=alien", ["alien"]),
    ("query=ali", ["alien"]),
    ("query=sigourney", ["alien"]),
    ("query=aleins", ["alien"]),
    ("query=aleins&typos=false", []),
    ("query=amelie", ["amelie"]),
    ("query=fabuleux", ["amelie"]),
    ("query=alien&genre=horror", ["alien"]),
    ("query=alien&genre=Comedy", []),
    ("genre=Horror&genre=Science%20Fiction", ["alien"]),
    ("query=alien&yearFrom=1980", []),
    ("query=alien&yearTo=1979&cast=Sigourney%20Weaver", ["alien"]),
    ("query=alien&playable=true", []),
    ("query=horror%201970s", ["alien"]),
    ("query=alien&series=true", []),
    ("query=%2B-%3F%3F", []),
]


async def test_titles_people_prefixes_typos_and_filters(place):
    for query, expected in FOUND:
        assert await ids(place, query) == expected, query
    assert "aliens" in await ids(place, "query=alien&country=FR")


async def test_an_empty_query_shows_what_is_watched(place):
    for query in ("", "query=", "query=%20%20"):
        assert set(await ids(place, query)) == {"alien", "amelie", "tom"}
        assert (await ids(place, query))[0] == "alien"


async def test_a_result_is_escaped_and_says_why(place):
    _, body = await place.get("/search?query=tom&highlight=1&explain=1")
    assert body[0]["title"] == "Tom & Jerry"
    assert body[0]["snippet"] == "Tom &amp; Jerry &lt;script&gt;alert(1)&lt;/script&gt;"
    assert body[0]["highlight"] == "<mark>Tom</mark> &amp; Jerry"
    assert body[0]["match"] == {"stage": "exact", "where": "beginning", "typos": 0}


async def test_pages_have_total_facets_and_a_cursor(place):
    _, first = await place.get(f"/search?limit=2&facets={','.join(Facet)}")
    assert (first["total"], len(first["items"])) == (3, 2)
    assert {"value": "Horror", "count": 1} in first["facets"]["genre"]
    _, second = await place.get(f"/search?limit=2&facets=genre&cursor={first['nextCursor']}")
    assert second["nextCursor"] is None
    assert {one["contentId"] for one in first["items"] + second["items"]} == {"alien", "amelie", "tom"}
    _, misspelt = await place.get("/search?query=aleins&cursor=")
    assert (misspelt["didYouMean"], misspelt["total"]) == ("Alien", 1)


IMPOSSIBLE = [
    (f"query={'x' * 10_000}", "query-too-long"),
    ("query=a&limit=0", "parameter-range"),
    ("query=a&limit=101", "parameter-range"),
    ("query=a&limit=ten", "parameter-range"),
    ("query=a&query=b", "parameter-repeated"),
    ("query=a&genre=" + "x" * 200, "genre"),
    ("query=a&" + "&".join(["cast=x"] * 20), "cast"),
    ("query=a&cursor=999999999999", "cursor"),
    ("query=a&cursor=%00", "parameter-encoding"),
    ("query=a&cursor=kv__________", "cursor"),
    ("query=a&facets=colour", "parameter-value"),
    ("query=a&sort=worst", "parameter-value"),
    ("query=a&tier=8k", "parameter-value"),
    ("query=a&ratingFrom=nan", "parameter-range"),
    ("query=a&yearFrom=-1", "parameter-range"),
    ("query=a&language=x", "parameter-value"),
]


async def test_impossible_searches_get_a_reason(place):
    for query, reason in IMPOSSIBLE:
        status, body = await place.get(f"/search?{query}")
        assert (status, body["reason"]) == (400, reason), query


async def test_a_cursor_belongs_to_its_search(place):
    _, first = await place.get("/search?limit=1&cursor=")
    status, body = await place.get(f"/search?limit=1&query=alien&cursor={first['nextCursor']}")
    assert (status, body["reason"]) == (400, "cursor")


async def test_suggestions_and_trends(place, until):
    async def suggested():
        _, body = await place.get("/search/suggest?prefix=al")
        return body == [{"text": "Alien", "kind": "title", "contentId": "alien"}]

    await until(suggested)
    # Known under its folded name until now, and kept in the cache of responses: it must be shown as it is written.
    _, body = await place.get("/search?query=alien&facets=cast,genre")
    assert {one["value"] for one in body["facets"]["cast"]} == {"Sigourney Weaver"}
    assert {one["value"] for one in body["facets"]["genre"]} == {"Horror", "Science Fiction"}
    _, people = await place.get("/search/suggest?prefix=wea&limit=5")
    assert people == [{"text": "Sigourney Weaver", "kind": "person"}]
    _, trending = await place.get("/search/trending?limit=2")
    assert trending[0]["contentId"] == "alien"
    status, _ = await place.get(f"/search/suggest?prefix={'x' * 5000}")
    assert status == 400


async def test_feedback_needs_a_title_and_a_query(place):
    assert (await place.post("/search/feedback", {"query": "ali", "contentId": "alien"}))[0] == 200
    assert (await place.post("/search/feedback", {"query": "ali", "contentId": "nothing"}))[0] == 404
    assert (await place.post("/search/feedback", {"query": " ! ", "contentId": "alien"}))[0] in (200, 400)
    assert (await place.post("/search/feedback", {"query": "", "contentId": "alien"}))[0] == 400


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


async def test_what_viewers_of_a_country_watch_is_trending_there(place, until):
    async def first(query):
        _, body = await place.get(query)
        return body[0]["contentId"]

    assert await first("/search/trending") == "alien"
    for viewer in ("ann", "bob", "cem"):
        feedback = {"userId": viewer, "contentId": "amelie", "action": "VIEW"}
        assert (await place.post("/recommendations/feedback", feedback))[0] == 200

    async def trending():
        return await first("/search/trending") == "amelie"

    await until(trending)
    assert await first("/search?limit=5") == "amelie", "and for an empty query, whose answer no cache keeps"


async def test_many_guest_cookies_of_one_client_lift_nothing(place, until, clock):
    guests = Authenticator("", (place.settings.data / "guest.key").read_bytes())
    for number in range(8):
        cookie = guests.make_cookie(f"guest-{number:032x}", clock.wall())
        body = {"query": "a", "contentId": "amelie"}
        assert (await place.post("/search/feedback", body, cookies={COOKIE_NAME: cookie}))[0] == 200

    async def known():
        _, trending = await place.get("/search/trending")
        return trending[0]["contentId"] == "amelie"

    await until(known)
    assert (await ids(place, "query=a"))[0] == "alien"
