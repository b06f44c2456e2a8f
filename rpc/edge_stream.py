"""The edge's side of the gRPC stream with control; it hides protobuf."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import grpc
import grpc.aio

from kernel.errors import UpstreamFailed
from kernel.fetch_reasons import UpstreamReason
from kernel.fleet.messages import FromControl, FromEdge
from rpc.border import UpdateAssembler
from rpc.border_edge import edge_to_wire
from rpc.bounds import BorderError
from rpc.channel import describe_error, open_channel
from rpc.identity_file import Credentials
from rpc.v1.control_pb2_grpc import FleetStub

CONNECT_TIMEOUT = 4.0
"""The time to connect, in seconds. When a whole fleet reconnects at once, handshakes queue; an edge that gives up early
makes control start again."""


class EdgeStream:
    """A connection to control: `send` messages, and iterate over those of control.

    Both raise UpstreamFailed when the connection is lost; the iteration ends when control closes the stream.
    """

    def __init__(self, channel: grpc.aio.Channel, address: str) -> None:
        self._channel = channel
        self._address = address
        self._writing = asyncio.Lock()  # gRPC allows one write at a time
        self._call = FleetStub(channel).Subscribe()  # type: ignore[no-untyped-call]  # generated without types

    @classmethod
    async def connect(cls, address: str, credentials: Credentials | None = None) -> EdgeStream:
        """Connect to `HOST:PORT`. Raises UpstreamFailed if no control of this fleet answers there."""
        channel = open_channel(address, credentials)
        try:
            async with asyncio.timeout(CONNECT_TIMEOUT):
                connected = await _connects(channel)
        except TimeoutError:
            connected = False
        except BaseException:
            await channel.close()
            raise
        if not connected:
            await channel.close()
            who = "nobody" if credentials is None else "no control of this fleet"
            raise UpstreamFailed(UpstreamReason.CONTROL_UNREACHABLE, retry=True, detail=f"{who} answers at {address}")
        return cls(channel, address)

    async def send(self, message: FromEdge) -> None:
        """Send a message to control. Raises UpstreamFailed."""
        try:
            async with self._writing:
                await self._call.write(edge_to_wire(message))
        except grpc.aio.AioRpcError as error:
            raise self._lost(describe_error(error)) from None
        except asyncio.InvalidStateError:
            raise self._lost("the stream has ended") from None

    async def __aiter__(self) -> AsyncIterator[FromControl]:
        """The messages from control, each update assembled."""
        assembler = UpdateAssembler()
        try:
            async for message in self._call:
                whole = assembler.add_part(message)
                if whole is not None:
                    yield whole
        except grpc.aio.AioRpcError as error:
            raise self._lost(describe_error(error)) from None
        except BorderError as error:
            raise self._lost(f"control sent {error}") from None

    async def close(self) -> None:
        """End the stream and the connection."""
        self._call.cancel()
        await self._channel.close()

    def _lost(self, why: str) -> UpstreamFailed:
        return UpstreamFailed(UpstreamReason.CONTROL_LOST, retry=True, detail=f"control at {self._address}: {why}")


async def _connects(channel: grpc.aio.Channel) -> bool:
    """Whether the first connection attempt succeeds; the caller makes the next attempt."""
    while (state := channel.get_state(try_to_connect=True)) is not grpc.ChannelConnectivity.READY:
        if state in (grpc.ChannelConnectivity.TRANSIENT_FAILURE, grpc.ChannelConnectivity.SHUTDOWN):
            return False
        await channel.wait_for_state_change(state)
    return True
