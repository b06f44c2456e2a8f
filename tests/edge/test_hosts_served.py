"""One host, however it is written, is one object: for keys, routes, purges and prefetches; what is no host is 400."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from edge.policy.purge_keys import purge_request_of
from edge.policy.route import route_url
from kernel.fleet.jobs import Purge
from kernel.vocabulary import Refusal
from tests.doubles.response import read_responses
from tests.edge.ground import RawUpstream, ok, standing
from tests.edge.process import edge_process, everything

HOSTS = ["shop.example", "Shop.Example.", "shop.example:80", "%73hop.example", "shop.example.:0080"]
URLS = [
    "http://shop.example/a", "http://SHOP.example./a", "https://shop.example:443/a", "http://u:p@shop.example:80/a",
]  # fmt: skip


def asks(host: str, target: str = "/a") -> bytes:
    return f"GET {target} HTTP/1.1\r\nHost: {host}\r\n\r\n".encode()


async def test_a_host_written_otherwise_is_the_same_object_and_of_the_same_route(tmp_path: Path):
    routes = [{"host": "SHOP.Example.", "keep": "never"}, {"host": ["*.bücher.example"], "cors": ["https://a"]}]
    async with standing(tmp_path, profile="general", routes=routes[1:]) as ground:
        forms = [asks(host) for host in HOSTS] + [asks("x", f"http://{host}/a") for host in HOSTS]
        forms.append(asks("x", "https://shop.example:443/a"))
        for form in forms:
            assert read_responses(await ground.sends(form))[0].status == 200
        assert len(ground.upstream.asked) == 1
        assert b"\r\nHost: shop.example\r\n" in ground.upstream.heads[0]
        got = read_responses(await ground.sends(asks("A.XN--bcher-kva.example.")))[0]
        assert got.headers["vary"] == "Origin"
    async with standing(tmp_path, profile="general", routes=routes[:1]) as ground:
        for host in HOSTS:
            await ground.sends(asks(host))
        assert len(ground.upstream.asked) == len(HOSTS), "the route says that nothing is kept"


@pytest.mark.parametrize("url", URLS)
async def test_a_purge_reaches_a_host_however_it_is_written(tmp_path: Path, url: str):
    async with standing(tmp_path, profile="general") as ground:
        for host in HOSTS[:2]:
            for purge in (Purge(urls=(url,)), Purge(prefixes=(url[:-1],))):
                await ground.sends(asks(host))
                request, unknown = purge_request_of(purge, ground.edge.node.routes, general=True)
                assert unknown == []
                assert await ground.edge.cache.purge(request) == 1
        wanted = route_url(url, general=True, routes=ground.edge.node.routes)
        assert not isinstance(wanted, Refusal)
        assert wanted.key == b"shop.example/a"


@pytest.mark.parametrize("host", ["a..b", ".", "u@h", "a%00b", "a%2fb", "b\xfccher", "h:65536", "[::1", "a" * 64])
async def test_what_is_no_host_is_400(tmp_path: Path, host: str):
    async with standing(tmp_path, profile="general") as ground:
        for form in (asks(host), asks("x", f"http://{host}/a")):
            assert read_responses(await ground.sends(form.decode().encode("latin-1")))[0].status == 400
        assert ground.upstream.asked == []


async def test_a_real_edge_keeps_one_object_of_one_host(tmp_path: Path):
    upstream = RawUpstream()
    await upstream.start()
    try:
        upstream.default = ok()
        with edge_process(tmp_path, upstream.port, profile="general") as edge:

            def sends(data: bytes) -> bytes:
                with edge.connect() as sock:
                    sock.sendall(data.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))
                    return everything(sock)

            statuses = [
                read_responses(await asyncio.to_thread(sends, asks(host)))[0].status for host in [*HOSTS, "a..b"]
            ]
        assert statuses == [200] * len(HOSTS) + [400]
        assert len(upstream.asked) == 1
    finally:
        upstream.stop()
