"""An enrolled node that means harm, beside two real edges and a control over mTLS: nobody else notices."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from kernel.errors import UpstreamFailed
from kernel.fleet.identity import make_key, read_token, request
from kernel.fleet.messages import Hello, Jobs, Known, Popular, Report, Update, Version
from rpc.edge_stream import EdgeStream
from rpc.enrol import enrol
from rpc.identity_file import Credentials
from tests.e2e.test_fleet_trust import Fleet, until

PATH = "/cdn/eu/film/v720/seg-1.m4s"
TAKES = 150
FAR = 2**40


@pytest.fixture
async def origin() -> AsyncIterator[str]:
    async def give(_: web.Request) -> web.Response:
        return web.Response(body=b"x" * 100_000, headers={"Cache-Control": "max-age=3600", "ETag": '"1"'})

    app = web.Application()
    app.router.add_get("/{path:.*}", give)
    async with TestServer(app) as server:
        yield f"http://127.0.0.1:{server.port}"


class Harmed(Fleet):
    """Control, edges e1 and e2, and what the evil node e9 does."""

    async def begins(self, origin: str) -> None:
        await self._start(
            "control", "control", "--listen", self.at("grpc"), "--admin", self.at("rest"), "--tls", "required",
            "--enrol-listen", self.at("enrol"), "--data", str(self.folder / "control"), "--default", "allow",
            "--drain", "0s",
        )  # fmt: skip
        for name, listen, admin in (("e1", "edge", "admin"), ("e2", "edge2", "admin2")):
            told = await self.rest("POST", "/v1/enrolments", {"id": name, "region": "eu"})
            folder = self.folder / name
            folder.mkdir()
            (folder / "token").write_text(told["token"])
            await self._start(
                name, "edge", "--id", name, "--listen", self.at(listen), "--admin", self.at(admin),
                "--upstream", origin, "--tokens", "off", "--control", self.at("grpc"), "--fleet-dir", str(folder),
                "--enrol-at", self.at("enrol"), "--enrol-token", str(folder / "token"), "--drain", "0s",
            )  # fmt: skip
            await until(self.follows, name)
        told = await self.rest("POST", "/v1/enrolments", {"id": "e9", "region": "eu"})
        key = make_key()
        chain, authority = await enrol(self.at("enrol"), told["token"], request(key, "e9"))
        self.shown = Credentials.from_parts(key, chain, authority, read_token(told["token"])[1])

    async def gets(self, edge: str) -> str:
        """How an edge answers, by its Cache-Status."""
        async with aiohttp.ClientSession() as session, session.get(f"http://{self.at(edge)}{PATH}") as answer:
            assert (answer.status, len(await answer.read())) == (200, 100_000)
            return answer.headers["Cache-Status"]

    async def says(self, hello: Hello, *messages: Report) -> dict[str, Version]:
        """What e9 says on a connection; the epochs that it hears of, nothing where it is hung up on."""
        heard: dict[str, Version] = {}
        link = await EdgeStream.connect(self.at("grpc"), self.shown)
        try:
            await link.send(hello)
            for message in messages:
                await link.send(message)
            async with asyncio.timeout(2):
                async for said in link:
                    if isinstance(said, Update):
                        heard[said.type] = said.version
                    elif isinstance(said, Jobs):
                        heard["jobs"] = Version(said.epoch, said.head)
                    if "jobs" in heard:
                        break
        except (UpstreamFailed, TimeoutError):
            pass
        finally:
            await link.close()
        return heard

    async def only_e9_is_out(self) -> bool:
        stands = {one["id"]: one["standing"] for one in (await self.rest("GET", "/v1/standings"))["edges"]}
        return stands == {"e1": "good", "e2": "good", "e9": "quarantined"}

    async def route(self) -> list[str]:
        return [one["id"] for one in (await self.rest("GET", "/v1/route?contentId=film&region=eu"))["edges"]]

    async def routes_to_both(self) -> bool:
        return set(await self.route()) == {"e1", "e2"}

    async def quarantined(self) -> bool:
        return bool((await self.rest("GET", "/v1/edges/e9"))["quarantined"])

    async def hot_rows(self) -> bool:
        async with aiohttp.ClientSession() as session, session.get(f"http://{self.at('admin')}/metrics") as answer:
            lines = (await answer.text()).splitlines()
        return any(line.startswith("matinee_edge_hot_rows") and float(line.split()[1]) > 0 for line in lines)


@pytest.fixture
async def fleet(tmp_path: Path) -> AsyncIterator[Harmed]:
    made = Harmed(tmp_path)
    yield made
    for name in list(made.running):
        await made.kill(name)


async def test_an_enrolled_node_that_means_harm_harms_nobody(fleet: Harmed, origin: str) -> None:
    await fleet.begins(origin)
    for edge in ("edge", "edge2"):
        await fleet.gets(edge)
        assert "; hit" in await fleet.gets(edge)
    await until(fleet.routes_to_both)
    before = await fleet.route()

    async def routes_as_before() -> bool:
        return await fleet.route() == before

    # strange numbers and names, a huge node, the address of another and one that is nobody's
    bad = [Popular("film", "v720", value, 1.0) for value in (float("inf"), float("nan"), -1.0)]
    named = Hello("e9", region="eu", address="203.0.113.9:80", admin="169.254.169.254:80", capacity=2**62)
    heard = await fleet.says(named, *(Report(2.0, popular=(row,)) for row in bad))
    assert {"rules", "jobs"} <= heard.keys()
    shown = await fleet.rest("GET", "/v1/edges/e9")
    assert (shown["address"], shown["admin"]) == ("", "")
    assert shown["capacity"] <= 10**9
    await until(routes_as_before)  # a loaded machine may miss a heartbeat: that is no harm, staying away would be
    await fleet.says(Hello("e9", address=fleet.at("edge")))
    await until(routes_as_before)  # a loaded machine may miss a heartbeat: that is no harm, staying away would be

    # it claims to be ahead, by a mark and by a version
    await fleet.says(Hello("e9", mark=Version(heard["jobs"].epoch, FAR)))
    await until(fleet.quarantined)
    await fleet.says(Hello("e9", known=(Known("rules", Version(heard["rules"].epoch, FAR)),)))
    assert await fleet.quarantined()
    await until(fleet.only_e9_is_out)
    await until(routes_as_before)  # a loaded machine may miss a heartbeat: that is no harm, staying away would be

    # nobody has dropped anything, and what is hot still arrives
    for edge in ("edge", "edge2"):
        assert "; hit" in await fleet.gets(edge)
    for _ in range(TAKES):
        await fleet.gets("edge")
    await until(fleet.hot_rows)
    assert fleet.running["control"].returncode is None
    assert "everything cached is dropped" not in fleet.said("e1") + fleet.said("e2")
