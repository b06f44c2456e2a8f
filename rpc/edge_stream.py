"""An edge's end of the stream from control, over gRPC; no protobuf passes it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import grpc
import grpc.aio

from kernel.errors import UpstreamFailed
from kernel.fetch_reasons import UpstreamReason
from kernel.fleet.messages import FromControl, FromEdge
from rpc.border import Joiner
from rpc.border_edge import edge_to_wire
from rpc.bounds import BorderError
from rpc.channel import open_channel, reason
from rpc.identity_file import Credentials
from rpc.v1.control_pb2_grpc import FleetStub

CONNECT_WITHIN = 4.0
"""Seconds for a connection to stand. When a whole fleet comes back at once handshakes wait for one another: whoever
gives up early makes control begin again."""


class EdgeStream:
    """One connection to control: `send` what the edge says, iterate over what control says.

    Both raise UpstreamFailed when the connection is lost; iterating ends when control closes it.
    """

    def __init__(self, channel: grpc.aio.Channel, address: str) -> None:
        self._channel = channel
        self._address = address
        self._writing = asyncio.Lock()  # gRPC takes one write at a time
        self._call = FleetStub(channel).Subscribe()  # type: ignore[no-untyped-call]  # generated without types

    @classmethod
    async def connect(cls, address: str, credentials: Credentials | None = None) -> EdgeStream:
        """Connect to `HOST:PORT`; UpstreamFailed when nobody answers there, or not the fleet's control."""
        channel = open_channel(address, credentials)
        try:
            async with asyncio.timeout(CONNECT_WITHIN):
                stands = await _stands(channel)
        except TimeoutError:
            stands = False
        except BaseException:
            await channel.close()
            raise
        if not stands:
            await channel.close()
            who = "nobody" if credentials is None else "no control of this fleet"
            raise UpstreamFailed(UpstreamReason.CONTROL_UNREACHABLE, retry=True, detail=f"{who} answers at {address}")
        return cls(channel, address)

    async def send(self, message: FromEdge) -> None:
        """Say something to control."""
        try:
            async with self._writing:
                await self._call.write(edge_to_wire(message))
        except grpc.aio.AioRpcError as error:
            raise self._lost(reason(error)) from None
        except asyncio.InvalidStateError:
            raise self._lost("the stream has ended") from None

    async def __aiter__(self) -> AsyncIterator[FromControl]:
        """What control says, each update whole."""
        joiner = Joiner()
        try:
            async for message in self._call:
                said = joiner.take(message)
                if said is not None:
                    yield said
        except grpc.aio.AioRpcError as error:
            raise self._lost(reason(error)) from None
        except BorderError as error:
            raise self._lost(f"control sent {error}") from None

    async def close(self) -> None:
        """End the stream and the connection."""
        self._call.cancel()
        await self._channel.close()

    def _lost(self, why: str) -> UpstreamFailed:
        return UpstreamFailed(UpstreamReason.CONTROL_LOST, retry=True, detail=f"control at {self._address}: {why}")


async def _stands(channel: grpc.aio.Channel) -> bool:
    """Whether the connection comes to stand; the first attempt counts, for the caller makes the next one."""
    while (state := channel.get_state(try_to_connect=True)) is not grpc.ChannelConnectivity.READY:
        if state in (grpc.ChannelConnectivity.TRANSIENT_FAILURE, grpc.ChannelConnectivity.SHUTDOWN):
            return False
        await channel.wait_for_state_change(state)
    return True
