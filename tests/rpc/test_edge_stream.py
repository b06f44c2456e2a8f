"""An edge's end of the stream from control. The whole way is in tests/control/test_server.py."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import grpc
import grpc.aio
import pytest

import rpc.edge_stream
from kernel.errors import UpstreamFailed
from kernel.fleet.messages import Hello
from rpc.edge_stream import EdgeStream
from rpc.v1 import control_pb2 as pb
from rpc.v1.control_pb2_grpc import FleetServicer, add_FleetServicer_to_server


class Fake(FleetServicer):
    """Control that says what the test wants, once an edge has said hello."""

    says: list[pb.FromControl]
    ends_with: grpc.StatusCode | None = None

    async def Subscribe(self, request_iterator, context):  # noqa: N802 (the .proto names it)
        async for _ in request_iterator:
            break
        for message in self.says:
            await context.write(message)
        if self.ends_with:
            await context.abort(self.ends_with, "as the test wants")


@pytest.fixture
async def fake() -> AsyncIterator[Fake]:
    made, server = Fake(), grpc.aio.server()
    add_FleetServicer_to_server(made, server)
    made.address = f"127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}"
    made.says = [pb.FromControl(update=pb.Update(type="rules", nonce="1", snapshot=True))]
    await server.start()
    yield made
    await server.stop(None)


async def test_updates_come_until_control_closes(fake: Fake) -> None:
    stream = await EdgeStream.connect(fake.address)
    await asyncio.gather(stream.send(Hello("e1")), stream.send(Hello("e1")))
    assert [update.type async for update in stream] == ["rules"]
    with pytest.raises(UpstreamFailed, match=fake.address):
        await stream.send(Hello("e1"))
    await stream.close()


async def test_a_stream_that_breaks_says_why(fake: Fake) -> None:
    fake.ends_with = grpc.StatusCode.FAILED_PRECONDITION
    stream = await EdgeStream.connect(fake.address)
    await stream.send(Hello("e1"))
    with pytest.raises(UpstreamFailed, match="as the test wants"):
        assert [update async for update in stream]
    await stream.close()


async def test_what_is_not_understood_ends_the_connection(fake: Fake) -> None:
    fake.says = [pb.FromControl()]
    stream = await EdgeStream.connect(fake.address)
    await stream.send(Hello("e1"))
    with pytest.raises(UpstreamFailed, match="does not know"):
        assert [update async for update in stream]
    await stream.close()


async def test_nobody_there_is_told_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rpc.edge_stream, "CONNECT_TIMEOUT", 0.01)
    with pytest.raises(UpstreamFailed, match="nobody answers at"):
        await EdgeStream.connect("127.0.0.1:1")
