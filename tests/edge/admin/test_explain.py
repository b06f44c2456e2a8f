"""What an edge would do with a URL, and why."""

import json
from pathlib import Path

import aiohttp
import pytest

from edge.admin.explain import explain_url
from tests.edge.ground import Says, ok, standing

SEGMENT = "/cdn/eu/t1/v720/1.m4s"
RULES = {"default": "allow", "titles": {"t2": {"allow": ["FR"]}}}


async def test_an_uncached_url_names_the_upstreams_in_order(tmp_path: Path):
    async with standing(tmp_path, profile="media") as ground:
        result = explain_url(ground.edge, SEGMENT, "", "")
        assert (result["stored"], result["next"], result["filling"]) == ([], "fill", False)
        assert [one["url"] for one in result["upstreams"]] == [f"http://127.0.0.1:{ground.upstream.port}"]
        assert "refused" not in result
        assert ground.upstream.asked == []


async def test_a_stored_object_says_where_it_lies_and_for_how_long(tmp_path: Path):
    async with standing(tmp_path, profile="media") as ground:
        ground.upstream.default = ok(b"x" * 100, b'Cache-Control: max-age=60\r\nETag: "a"\r\nSurrogate-Key: t1\r\n')
        await ground.gets(SEGMENT)
        for url in (SEGMENT, f"http://h{SEGMENT}?CMCD=x", f"/t/a.b.c{SEGMENT}"):
            (held,) = explain_url(ground.edge, url, "", "")["stored"]
            assert held["status"] == 200
            assert held["bytes"] == 100
            assert "ram" in held["tiers"]
            assert held["etag"] == '"a"'
            assert held["surrogateKeys"] == ["t1"]
            assert 50 < held["ttl"] <= 60


async def test_an_object_in_slices_says_how_many_are_held(tmp_path: Path):
    async with standing(tmp_path, profile="media", slice="64KiB", slice_over="64KiB") as ground:
        part = b"x" * 65536
        ground.upstream.default = Says(
            b"HTTP/1.1 206 Partial Content\r\nContent-Length: 65536\r\nContent-Range: bytes 65536-131071/300000\r\n"
            b'ETag: "a"\r\nCache-Control: max-age=60\r\n\r\n' + part
        )
        assert (await ground.gets(SEGMENT, more="Range: bytes=70000-70009\r\n")).status == 206
        (held,) = explain_url(ground.edge, SEGMENT, "", "")["stored"]
        assert held["slices"] == {"bytes": 65536, "of": 5, "held": 1}


@pytest.mark.parametrize(
    ("url", "country", "word"),
    [
        ("/cdn/eu/t2/v720/1.m4s", "DE", "country"),
        ("/cdn/eu/t2/v720/1.m4s", "FR", None),
        ("/cdn/eu/../x", "", "path"),
        ("/nowhere", "", "not-found"),
    ],
)
async def test_a_refusal_is_named(tmp_path: Path, url: str, country: str, word: str | None):
    (tmp_path / "rules.json").write_text(json.dumps(RULES))
    async with standing(tmp_path, profile="media", rules=str(tmp_path / "rules.json")) as ground:
        result = explain_url(ground.edge, url, country, "127.0.0.1")
        assert result.get("refused") == word
        assert ("sentence" in result) is (word is not None)


@pytest.mark.parametrize(("body", "status"), [({"url": SEGMENT}, 200), ({"url": 5}, 400), ({"x": 1}, 400), ([], 400)])
async def test_operators_ask_at_the_admin_port(tmp_path: Path, body: object, status: int):
    async with standing(tmp_path, profile="media") as ground:
        await ground.edge.start_admin()
        async with (
            aiohttp.ClientSession() as session,
            session.post(f"http://{ground.edge.admin_address}/why", json=body) as answer,
        ):
            assert answer.status == status
