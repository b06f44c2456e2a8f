"""Titles over HTTP: what is licensed where the viewer is, page by page; licences by operators."""

import pytest

from kernel.errors import BadRequest
from services.catalogue.routes import decode_cursor, encode_cursor


async def test_pages_hold_every_title_once(start, fill, title):
    await fill(*(title(f"t{n}", popularity=n % 4) for n in range(25)))
    place = await start(only="catalogue")
    seen, cursor = [], ""
    while cursor is not None:
        status, body = await place.get("/titles", params={"limit": "10"} | ({"cursor": cursor} if cursor else {}))
        assert status == 200
        seen += [one["contentId"] for one in body["titles"]]
        cursor = body["nextCursor"]
    assert len(seen) == len(set(seen)) == 25


async def test_titles_are_hidden_where_they_are_not_licensed(start, fill, title):
    await fill(
        title("here", countries=("DE",)), title("there", countries=("FR",)), title("all"), title("none", countries=())
    )
    place = await start(only="catalogue", default_country="DE")
    _, body = await place.get("/titles")
    assert {one["contentId"] for one in body["titles"]} == {"here", "all"}
    _, body = await place.get("/titles?country=fr")
    assert {one["contentId"] for one in body["titles"]} == {"there", "all"}
    _, body = await place.get("/titles?ids=here,there,all,nobody")
    assert {one["contentId"] for one in body["titles"]} == {"here", "all"}
    assert (await place.get("/titles/there?country=DE"))[0] == 404
    assert (await place.get("/titles/here"))[1]["title"] == "here"


async def test_a_licence_is_put_and_holds_at_once(start, fill, title):
    await fill(title("a"))
    place = await start(only="catalogue", default_country="DE")
    status, body = await place.put("/titles/a/licence", {"countries": ["fr"]})
    assert (status, body["countries"]) == (200, ["FR"])
    assert (await place.get("/titles"))[1]["titles"] == []
    assert (await place.put("/titles/nobody/licence", {"countries": None}))[0] == 404
    for bad in ({}, {"countries": "DE"}, {"countries": ["DEU"]}, {"countries": [], "x": 1}, []):
        status, body = await place.put("/titles/a/licence", bad)
        assert (status, body["reason"]) == (400, "body-field")


IMPOSSIBLE_PARAMETERS_ARE_TOLD = [
    "limit=0",
    "limit=101",
    "limit=x",
    "cursor=%00",
    "cursor=abc",
    "country=DEU",
    "ids=../x",
]


async def test_impossible_parameters_are_told(start):
    place = await start(only="catalogue")
    for query in IMPOSSIBLE_PARAMETERS_ARE_TOLD:
        status, body = await place.get(f"/titles?{query}")
        assert status == 400
        assert body["detail"]
        assert body["type"].startswith("urn:matinee:problem:")


def test_a_cursor_is_read_back_and_foreign_ones_are_refused():
    assert decode_cursor(encode_cursor((1, 2.5, "a"))) == (1, 2.5, "a")
    for text in ("", "x" * 400, "////", "eyJ9", "WzFd"):
        with pytest.raises(BadRequest):
            decode_cursor(text)
