"""Routes and standings over HTTP, and the same by gRPC."""

from __future__ import annotations

import aiohttp
import pytest

from control.app import running
from control.fleet.session import Edge
from kernel.errors import BadRequest
from kernel.fleet.messages import Hello, Report
from rpc.control_client import ControlClient, EdgeSignal


@pytest.fixture
async def control(settings_of):
    async with running(settings_of(neighbours="eu=us")) as found:
        for number, region in ((1, "eu"), (2, "us")):
            hello = Hello(f"e{number}", region=region, address=f"127.0.0.{number}:8081")
            edge = Edge(hello, found.plane.clock.wall(), connected=True)
            edge.report, edge.reported_at = Report(2.0), found.plane.clock.mono() + 1e6
            found.plane.fanout.edges[hello.id] = edge
        yield found


async def asked(control, settings, path: str) -> tuple[int, dict]:
    key = (settings.data / "api-key").read_text().strip()
    async with (
        aiohttp.ClientSession(headers={"Authorization": f"Bearer {key}"}) as session,
        session.get(f"http://{control.admin}{path}") as got,
    ):
        return got.status, await got.json()


async def test_the_route_says_who_and_why(control, settings_of):
    status, body = await asked(control, settings_of(), "/v1/route?contentId=film&region=eu&session=s")
    assert status == 200
    assert [(edge["id"], edge["region"]) for edge in body["edges"]] == [("e1", "eu"), ("e2", "us")]
    assert body["edges"][0]["why"] == "good: home, has the title"
    _, body = await asked(control, settings_of(), "/v1/route?contentId=film&region=eu&without=e1&most=1")
    assert [edge["id"] for edge in body["edges"]] == ["e2"]
    assert body["passed"][0]["why"] == "good: failed this session"
    _, body = await asked(control, settings_of(), "/v1/standings")
    assert [edge["standing"] for edge in body["edges"]] == ["good", "good"]


@pytest.mark.parametrize(
    "query", ["", "contentId=..%2F", "contentId=film&most=0", "contentId=film&session=" + "x" * 200]
)
async def test_questions_that_cannot_be_are_refused(control, settings_of, query):
    assert (await asked(control, settings_of(), f"/v1/route?{query}"))[0] == 400


async def test_services_ask_by_grpc(control):
    async with ControlClient(str(control.listen)) as client:
        routed = await client.route("film", region="us", session="s", within=5.0)
        assert [(edge.id, edge.address) for edge in routed.edges] == [
            ("e2", "127.0.0.2:8081"),
            ("e1", "127.0.0.1:8081"),
        ]
        await client.put_signals([EdgeSignal("127.0.0.1:8081", f"s{n}", 10, 5, 1.0) for n in range(3)], within=5.0)
        assert len(control.plane.routing.histories["e1"].signals) == 3
        with pytest.raises(BadRequest):
            await client.route("../x", within=5.0)
