"""The origin behind the measured servers."""

import pytest
from aiohttp.test_utils import TestClient, TestServer

from tools.bench.origin import Origin, body


async def test_an_object_has_the_bytes_its_folder_says_and_may_be_cached():
    async with TestClient(TestServer(Origin().app())) as viewer:
        answer = await viewer.get("/cdn/eu/bench/1024/3.m4s")
        assert (answer.status, await answer.read()) == (200, body("/cdn/eu/bench/1024/3.m4s"))
        assert "immutable" in answer.headers["Cache-Control"]
        assert answer.headers["ETag"].startswith('"')


async def test_what_was_served_is_counted():
    async with TestClient(TestServer(Origin().app())) as viewer:
        for path in ("/cdn/eu/bench/10/0.m4s", "/cdn/eu/bench/10/0.m4s", "/cdn/eu/bench/ten/0.m4s"):
            await viewer.get(path)
        assert await (await viewer.get("/count")).json() == {"served": 2}


@pytest.mark.parametrize("path", ["/cdn/x", "/cdn/eu/bench/-1/0.m4s", "/cdn/eu/bench/99999999999/0.m4s"])
async def test_other_paths_are_not_found(path):
    async with TestClient(TestServer(Origin().app())) as viewer:
        assert (await viewer.get(path)).status == 404


def test_two_objects_differ_and_one_stays_the_same():
    assert body("/cdn/eu/bench/64/0.m4s") == body("/cdn/eu/bench/64/0.m4s") != body("/cdn/eu/bench/64/1.m4s")
