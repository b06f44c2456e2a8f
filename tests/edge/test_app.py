"""The whole of an edge: start, limits, reload, drain, stop, and what the operator gets wrong."""

import asyncio
import json
from pathlib import Path

import pytest

from edge.app import Edge
from edge.serve.listener import RETIRING_TICKS
from edge.settings import EdgeSettings
from edge.upstreams.network import LoopNetwork
from kernel.errors import BadSettings
from kernel.settings.table import resolve
from tests.doubles.clock import FakeClock
from tests.doubles.response import read_responses
from tests.edge.ground import Says, resets, standing

SEGMENT = "/cdn/eu/t1/v720/1.m4s"


def made(**flags: object) -> Edge:
    given = {"upstream": "http://127.0.0.1:1", "tokens": "off", "listen": "127.0.0.1:0", "admin": "127.0.0.1:0"} | flags
    settings = resolve(EdgeSettings, flags={name: [str(value)] for name, value in given.items()})
    return Edge(settings, LoopNetwork(), FakeClock())


@pytest.mark.parametrize(
    ("setting", "content"),
    [
        ("rules", None), ("rules", "{"), ("rules", '{"default": "perhaps"}'),
        ("rules", '{"titles": {"t": {"allow": "DE"}}}'),
        ("keys", None), ("keys", "["), ("keys", '{"keys": [{"kty": "none"}]}'), ("geo", "no database"),
    ],
)  # fmt: skip
async def test_a_file_that_cannot_be_used_stops_it_by_name(tmp_path: Path, setting: str, content: str | None):
    file = tmp_path / "file.json"
    if content is not None:
        file.write_text(content)
    with pytest.raises(BadSettings) as failed:
        made(**{setting: file} | ({"tokens": "required"} if setting == "keys" else {}))
    assert failed.value.setting == setting
    assert "file.json" in str(failed.value)


async def test_more_viewers_than_it_may_have_are_turned_away(tmp_path: Path):
    async with standing(tmp_path, profile="media", max_connections=2) as ground:
        kept = [await ground.connect() for _ in range(2)]
        await ground.until(lambda: len(ground.edge.handler.connections) == 2)
        got = read_responses(await ground.sends(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n"))[0]
        assert (got.status, got.headers["retry-after"], got.headers["connection"]) == (503, "1", "close")
        for _, writer in kept:
            writer.close()
        await ground.until(lambda: not ground.edge.handler.connections)
        assert (await ground.gets(SEGMENT)).status == 200


async def test_rules_are_read_again_and_broken_ones_change_nothing(tmp_path: Path):
    rules = tmp_path / "rules.json"
    rules.write_text(json.dumps({"default": "allow"}))
    async with standing(tmp_path, profile="media", rules=rules, default_country="DE") as ground:
        assert (await ground.gets(SEGMENT)).status == 200
        rules.write_text(json.dumps({"default": "allow", "titles": {"t1": {"allow": ["FR"]}}}))
        ground.edge.reload()
        assert (await ground.gets(SEGMENT)).status == 451
        rules.write_text("{")
        ground.edge.reload()
        assert (await ground.gets(SEGMENT)).status == 451


async def test_a_drain_lets_the_running_response_finish_and_takes_no_more(tmp_path: Path):
    async with standing(tmp_path) as ground:
        ground.upstream.answers["/a"] = Says(b"", "hang")
        asked = ground.asks()
        await ground.until(ground.upstream.hanging.is_set)
        ground.edge.drain()
        assert ground.edge.readiness() == (False, "draining")
        with pytest.raises(OSError, match=r"refused|Connect"):
            await ground.connect()
        assert not ground.edge.drained.is_set()
        await ground.clock.advance(11)
        assert (await asked).status == 504
        await ground.until(lambda: not ground.edge.handler.connections)
        await ground.clock.advance(1)
        assert ground.edge.drained.is_set()


async def test_an_idle_viewer_holds_up_a_drain_for_a_moment_only(tmp_path: Path):
    async with standing(tmp_path) as ground:
        reader, writer = await ground.connect()
        writer.write(b"GET /a HTTP/1.1\r\nHost: h\r\n\r\n")
        assert await reader.readuntil(b"hello")
        ground.edge.drain()
        await ground.clock.advance(RETIRING_TICKS)
        async with asyncio.timeout(5):
            assert await reader.read() == b""
        writer.close()


async def test_a_request_that_comes_while_the_edge_drains_is_answered_as_the_last(tmp_path: Path):
    """Hits on the straight way and misses alike."""
    async with standing(tmp_path) as ground:
        ground.upstream.default = Says(
            b"HTTP/1.1 200 OK\r\nCache-Control: max-age=60\r\nContent-Length: 5\r\n\r\nhello", "stay"
        )
        for path in ("/a", "/b"):
            reader, writer = await ground.connect()
            for _ in range(2):
                writer.write(b"GET /a HTTP/1.1\r\nHost: h\r\n\r\n")
                assert b"Connection: close" not in await reader.readuntil(b"hello")
            ground.edge.listener.close()
            writer.write(f"GET {path} HTTP/1.1\r\nHost: h\r\n\r\n".encode())
            async with asyncio.timeout(5):
                assert b"\r\nConnection: close\r\n" in await reader.readuntil(b"hello")
                assert await reader.read() == b""
            writer.close()
            await ground.edge.listener.open(ground.edge.network, ground.edge.address, None)


async def test_a_stopped_edge_leaves_nothing_running(tmp_path: Path):
    before = asyncio.all_tasks()
    async with standing(tmp_path, cache_dir=tmp_path / "cache", disk="16MiB", access_log=tmp_path / "log") as ground:
        await ground.gets()
        edge = ground.edge
    assert len(edge.tasks) == 0
    assert asyncio.all_tasks() == before
    assert json.loads((tmp_path / "log").read_text())["outcome"] == "miss"


async def test_a_viewer_with_too_many_requests_through_a_proxy_is_told_so(tmp_path: Path):
    """The proxy's connection stays: it is others' too."""
    proxied = {"trusted_proxies": "127.0.0.1", "max_connections_per_address": 1}
    async with standing(tmp_path, **proxied) as ground:
        ground.upstream.answers["/slow"] = Says(b"", "hang")
        _, writer = await ground.connect()
        writer.write(b"GET /slow HTTP/1.1\r\nHost: h\r\nX-Forwarded-For: 192.0.2.7\r\n\r\n")
        await ground.until(ground.upstream.hanging.is_set)
        greedy = await ground.gets("/a", more="X-Forwarded-For: 192.0.2.7\r\n")
        assert (greedy.status, greedy.headers["retry-after"]) == (429, "1")
        assert b"too-many-from-address" in greedy.body
        assert (await ground.gets("/a", more="X-Forwarded-For: 192.0.2.8\r\n")).status == 200
        resets(writer)
        await ground.until(lambda: len(ground.edge.handler.connections) == 0)
        assert (await ground.gets("/a", more="X-Forwarded-For: 192.0.2.7\r\n")).status == 200
        await ground.clock.advance(11)
