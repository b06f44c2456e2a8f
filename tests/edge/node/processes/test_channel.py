"""The line between the supervisor and a child."""

import asyncio
import socket

from edge.node.processes.channel import MAX_LINE_BYTES, Channel


async def both(first, second):
    one, other = socket.socketpair()
    await first.open(one)
    await second.open(other)


def test_messages_come_whole_and_the_end_is_noticed():
    got, ended = [], asyncio.Event()

    async def run():
        supervisor, child = Channel(lambda _: None, lambda: None), Channel(got.append, ended.set)
        await both(supervisor, child)
        supervisor.send(release=True)
        supervisor.send(killed=3)
        supervisor.close()
        await asyncio.wait_for(ended.wait(), 10)
        child.send(ready="nobody hears it")

    asyncio.run(run())
    assert got == [{"release": True}, {"killed": 3}]


def test_an_endless_line_ends_the_channel():
    ended = asyncio.Event()

    async def run():
        one, other = socket.socketpair()
        channel = Channel(lambda _: None, ended.set)
        await channel.open(one)
        other.setblocking(False)
        await asyncio.get_running_loop().sock_sendall(other, b"x" * (MAX_LINE_BYTES + 2))
        await asyncio.wait_for(ended.wait(), 10)
        other.close()

    asyncio.run(run())
