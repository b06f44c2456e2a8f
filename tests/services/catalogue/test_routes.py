"""Titles over HTTP: what is licensed where the viewer is, page by page; licences by operators."""

import pytest

from kernel.errors import BadRequest
from services.catalogue.routes import decode_cursor, encode_cursor
from services.catalogue.title import Kind


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


async def test_a_title_is_watched_only_within_its_window(start, fill, title, clock):
    await fill(title("a"))
    place = await start(only="catalogue", default_country="DE")
    window = {"countries": ["DE"], "starts": clock.wall() + 60, "ends": clock.wall() + 120}
    status, body = await place.put("/titles/a/licence", {"windows": [window]})
    assert (status, body["countries"], len(body["windows"])) == (200, [], 1)
    seen = []
    for _ in range(3):
        seen.append((await place.get("/titles/a?country=DE"))[0])
        clock.now += 60
    assert seen == [404, 200, 404]


async def test_windows_that_contradict_themselves_are_a_conflict(start, fill, title):
    await fill(title("a"))
    place = await start(only="catalogue")
    body = {"windows": [{"starts": 100, "ends": 200}, {"starts": "2000-01-01T00:00:00Z", "ends": 1}]}
    for path, more in (("/titles/a", {"title": "A"}), ("/titles/a/licence", {})):
        status, problem = await place.put(path, body | more)
        assert (status, problem["reason"], "window 2" in problem["detail"]) == (409, "contradiction", True)


async def test_operators_create_replace_and_delete_titles_without_losing_each_others_changes(start):
    place = await start(only="catalogue")
    none_yet, body = {"If-None-Match": "*"}, {"title": "Show", "kind": "series", "maturity": 12}
    async with place.client.put("/titles/show", json=body, headers=none_yet) as created:
        etag = created.headers["ETag"]
        assert (created.status, (await created.json())["maturity"]) == (201, 12)
    async with place.client.put("/titles/show", json=body, headers=none_yet) as twice:
        assert (twice.status, (await twice.json())["reason"]) == (412, "title-changed")
    async with place.client.put("/titles/show", json=body | {"year": 2000}, headers={"If-Match": etag}) as changed:
        assert (changed.status, changed.headers["ETag"] != etag) == (200, True)
    async with place.client.delete(
        "/titles/show", headers={"If-Match": etag, "Content-Type": "application/json"}
    ) as stale:
        assert stale.status == 412
    for number in (2, 1):
        season = {"title": f"Season {number}", "kind": "season", "parent": "show", "number": number}
        assert (await place.put(f"/titles/s{number}", season))[0] == 201
    _, listed = await place.get("/titles?parent=show")
    assert [one["contentId"] for one in listed["titles"]] == ["s1", "s2"]
    headers = {"Content-Type": "application/json"}
    async with place.client.delete("/titles/show", headers=headers) as deleted:
        assert deleted.status == 200
    assert (await place.get("/titles/show"))[0] == 404
    status, problem = await place.put("/titles/e1", {"title": "Pilot", "kind": "episode"})
    assert (status, problem["reason"]) == (400, "body-field")


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
    for position in ((0, 0.0, "a"), (1, 1e-7, "b-_9"), (0, 1e12, "x" * 64)):
        assert decode_cursor(encode_cursor(position)) == position
    for text in ("", "x" * 400, "1~1e300~a", "2~0~a", "1~0~", "1~00~a", "1~0~a\n", "////", "eyJ9", "WzFd"):
        with pytest.raises(BadRequest):
            decode_cursor(text)


async def test_a_profile_is_shown_what_is_for_its_age(start, fill, title, sign_up, clock):
    titles = [title("old", maturity=16), title("young", maturity=6), title("any"), title("show", kind=Kind.SERIES)]
    titles += [title("dark", kind=Kind.SERIES, maturity=16), title("pilot", kind=Kind.EPISODE, parent="dark")]
    episodes = [title(f"e{age}", kind=Kind.EPISODE, parent="show", maturity=age) for age in (6, 16)]
    await fill(*titles, *episodes)
    place = await start(insecure_dev="off")
    ann = await sign_up(place, "ann")

    async def shown(query):
        return {one["contentId"] for one in (await ann("GET", f"/titles?{query}"))[1]["titles"]}

    assert await shown("") == {"old", "young", "any", "show", "e6", "e16", "dark", "pilot"}
    kids = {"name": "Kim", "kids": True}
    ann.profile = (await ann("POST", "/me/profiles", kids))[1]["profileId"]
    assert await shown("") == {"young", "any", "show", "e6"}
    assert await shown("ids=old,young") == {"young"}
    assert await shown("parent=show") == {"e6"}
    assert (await shown("parent=dark"), await shown("ids=pilot,any")) == (set(), {"any"})
    assert [(await ann("GET", f"/titles/{name}"))[0] for name in ("old", "young")] == [404, 200]
    assert (await ann("PUT", f"/me/profiles/{ann.profile}", {"kids": False}))[0] == 200
    clock.now += 1.1
    assert (await ann("GET", "/titles/old"))[0] == 200
