"""The services' client of control: pages, retries, errors. What control answers is in tests/control/test_server.py."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator

import grpc
import grpc.aio
import pytest
import stamina

from kernel.errors import Overloaded, UpstreamFailed
from rpc.control_client import PAGE, ChangeAccepted, ControlClient
from rpc.v1 import control_pb2 as pb
from rpc.v1.control_pb2_grpc import FleetServicer, add_FleetServicer_to_server


class Fake(FleetServicer):
    """Control as a test wants it."""

    def __init__(self) -> None:
        self.requests: list[pb.PutTitlesRequest] = []
        self.fails_with: list[grpc.StatusCode] = []

    async def PutTitles(self, request, context):  # noqa: N802 (the .proto names it)
        if self.fails_with:
            await context.abort(self.fails_with.pop(0), "as the test wants")
        self.requests.append(request)
        return pb.Accepted(revision=len(self.requests), cursor=request.cursor)


@pytest.fixture
async def fake() -> AsyncIterator[Fake]:
    made, server = Fake(), grpc.aio.server()
    add_FleetServicer_to_server(made, server)
    made.address = f"127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}"
    await server.start()
    with stamina.set_testing(True, attempts=3):
        yield made
    await server.stop(None)


async def test_many_titles_go_in_pages_and_only_the_last_moves_the_cursor(fake: Fake) -> None:
    titles = [{"contentId": f"t{n}", "countries": None} for n in range(PAGE + 1)]
    async with ControlClient(fake.address) as client:
        assert await client.put_titles(titles, removed=["x"], cursor=9) == ChangeAccepted(2, 9)
    assert [(len(r.titles), len(r.removed), r.more, r.cursor, r.source) for r in fake.requests] == [
        (PAGE, 1, True, 9, "catalogue"),
        (1, 0, False, 9, "catalogue"),
    ]


async def test_without_a_cursor_no_source_is_named(fake: Fake) -> None:
    async with ControlClient(fake.address) as client:
        await client.put_titles([])
    assert (fake.requests[0].source, fake.requests[0].cursor) == ("", 0)


async def test_a_title_says_its_licence_in_the_one_form(fake: Fake) -> None:
    title = {
        "contentId": "a",
        "countries": ["DE"],
        "deny": ["AT"],
        "until": "2030-01-01T00:00:00Z",
        "from": None,
        "year": 1,
    }
    async with ControlClient(fake.address) as client:
        await client.put_titles([title, {"contentId": "b"}])
    first, second = (json.loads(t.licence) for t in fake.requests[0].titles)
    assert first == {"allow": ["DE"], "deny": ["AT"], "until": "2030-01-01T00:00:00Z"}
    assert second == {"allow": None}


async def test_what_passes_is_tried_again(fake: Fake) -> None:
    fake.fails_with = [grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.UNAVAILABLE]
    async with ControlClient(fake.address) as client:
        assert await client.put_titles([]) == ChangeAccepted(1, 0)


@pytest.mark.parametrize(
    ("code", "error"),
    [
        (grpc.StatusCode.UNAVAILABLE, UpstreamFailed),
        (grpc.StatusCode.UNIMPLEMENTED, UpstreamFailed),
        (grpc.StatusCode.RESOURCE_EXHAUSTED, Overloaded),
    ],
)
async def test_what_does_not_pass_is_one_of_our_errors(fake: Fake, code: grpc.StatusCode, error: type) -> None:
    fake.fails_with = [code] * 3
    async with ControlClient(fake.address) as client:
        with pytest.raises(error, match="as the test wants"):
            await client.put_titles([])


async def test_a_client_that_was_closed_opens_again(fake: Fake) -> None:
    client = ControlClient(fake.address)
    await client.put_titles([])
    await client.close()
    await client.close()
    assert (await client.put_titles([])).revision == 2
    await client.close()
