"""Connections to one upstream: used again, bounded, queued for, and given back whatever happens."""

import asyncio
import errno
import ssl

import pytest

from edge.upstreams.http1_client import UpstreamConnection
from edge.upstreams.pool import Pool, PoolLimits
from kernel.errors import Overloaded, UpstreamFailed
from kernel.settings.table import Address
from tests.doubles.clock import FakeClock, turns
from tests.doubles.network import MemoryNetwork

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"


class Server(asyncio.Protocol):
    """Answers nothing until asked to."""

    def __init__(self, all_of_them: list) -> None:
        all_of_them.append(self)

    def connection_made(self, transport):
        self.transport = transport


class Nobody:
    """Takes an answer and does nothing with it."""

    def __getattr__(self, name: str):
        return lambda *_: None


class Stand:
    """A pool before a server in memory."""

    def __init__(self, **limits) -> None:
        self.clock, self.network = FakeClock(), MemoryNetwork()
        self.servers: list[Server] = []
        self.limits = PoolLimits(**limits)

    async def start(self) -> "Stand":
        listener = await self.network.listen(Address("127.0.0.1", 0), lambda: Server(self.servers))
        self.pool = Pool(listener.address, self.network, self.clock, self.limits)
        return self

    async def take(self, *, fresh: bool = False, within: float = 3.0) -> UpstreamConnection:
        return await self.pool.acquire(fresh=fresh, within=within)

    def takes(self, *, fresh: bool = False) -> asyncio.Task:
        return asyncio.create_task(self.take(fresh=fresh))  # noqa: TID251 (awaited by the test)

    async def answered(self, connection: UpstreamConnection) -> None:
        """One exchange over it, to the end."""
        connection.send_request([b"GET / HTTP/1.1\r\n\r\n"], Nobody(), head_only=False)
        await turns()
        connection.data_received(OK)
        await turns()


async def test_the_last_one_used_is_used_next():
    stand = await Stand().start()
    one, two = await stand.take(), await stand.take()
    await stand.answered(one)
    await stand.answered(two)
    assert await stand.take() is two
    assert await stand.take() is one
    assert stand.pool.connects == 2


async def test_a_fresh_one_is_new_though_others_are_idle():
    stand = await Stand().start()
    one = await stand.take()
    await stand.answered(one)
    assert await stand.take(fresh=True) is not one


@pytest.mark.parametrize(("limits", "kept"), [({"requests": 2}, [True, False]), ({"age": 60.0}, [True, False])])
async def test_a_connection_is_worn_after_so_many_requests_or_so_long(limits: dict, kept: list[bool]):
    stand = await Stand(**limits).start()
    connection = await stand.take()
    for is_kept in kept:
        await stand.answered(connection)
        assert (connection in stand.pool.idle) is is_kept
        await stand.clock.advance(29)
        if is_kept:
            assert await stand.take() is connection
            await stand.clock.advance(29)
            await stand.clock.advance(3)
    assert stand.pool.open == 0


async def test_with_all_busy_the_next_waits_for_one_to_be_released():
    stand = await Stand(connections=2).start()
    one, _ = await stand.take(), await stand.take()
    waiting = stand.takes()
    await turns()
    assert (stand.pool.waiting, stand.pool.open) == (1, 2)
    await stand.answered(one)
    assert await waiting is one
    assert stand.pool.connects == 2


async def test_who_waits_longest_is_served_first_and_no_newcomer_before_him():
    stand = await Stand(connections=1).start()
    only = await stand.take()
    waiting = [stand.takes() for _ in range(3)]
    await turns()
    newcomers = []
    for one in waiting:
        only.send_request([b"GET / HTTP/1.1\r\n\r\n"], Nobody(), head_only=False)
        await turns()
        only.data_received(OK)
        newcomers.append(stand.takes())
        assert await one is only
    assert not any(one.done() for one in newcomers)
    assert [one.cancel() for one in newcomers] == [True] * 3
    assert stand.pool.open == 1


async def test_a_connection_that_closes_gives_its_place_to_who_waits():
    stand = await Stand(connections=1).start()
    only = await stand.take()
    waiting = stand.takes()
    await turns()
    only.abort()
    assert await waiting is not only
    assert stand.pool.open == 1


async def test_the_wait_is_bounded_in_time():
    stand = await Stand(connections=1).start()
    await stand.take()
    waiting = stand.takes()
    await turns()
    await stand.clock.advance(2.9)
    assert not waiting.done()
    await stand.clock.advance(0.1)
    with pytest.raises(Overloaded, match="no further request can wait"):
        await waiting
    assert stand.pool.waiting == 0


async def test_the_queue_is_bounded():
    stand = await Stand(connections=1, waiting=2).start()
    await stand.take()
    waiting = [stand.takes() for _ in range(2)]
    await turns()
    with pytest.raises(Overloaded):
        await stand.take()
    assert [one.cancel() for one in waiting] == [True, True]


async def test_who_gives_up_in_the_moment_of_his_turn_passes_it_on():
    stand = await Stand(connections=1).start()
    only = await stand.take()
    first, second = stand.takes(), stand.takes()
    await turns()
    only.send_request([b"GET / HTTP/1.1\r\n\r\n"], Nobody(), head_only=False)
    await turns()
    only.data_received(OK)
    first.cancel()
    assert await second is only
    third = stand.takes()
    await turns()
    only.connection_lost(None)
    third.cancel()
    await turns()
    assert stand.pool.open == 0


async def test_an_idle_connection_makes_room_for_one_that_must_be_fresh():
    stand = await Stand(connections=1).start()
    only = await stand.take()
    await stand.answered(only)
    assert await stand.take(fresh=True) is not only
    assert stand.pool.open == 1


@pytest.mark.parametrize(
    ("error", "reason", "overloaded"),
    [
        (ConnectionRefusedError(111, "refused"), "connect", False),
        (OSError(errno.EHOSTUNREACH, "no route"), "connect", False),
        (OSError(errno.EMFILE, "too many"), "descriptors", True),
        (OSError(errno.EADDRNOTAVAIL, "no port"), "descriptors", True),
        (ssl.SSLCertVerificationError(1, "bad"), "certificate", False),
        (ssl.SSLError(1, "[SSL] wrong version"), "tls", False),
        (ConnectionResetError(104, "reset"), "connect", False),
    ],
)
async def test_a_connection_that_cannot_be_made_has_its_word(
    monkeypatch: pytest.MonkeyPatch, error: OSError, reason: str, overloaded: bool
):
    """What we are short of is not the upstream's fault."""
    stand = await Stand().start()

    async def fails(*_):
        raise error

    monkeypatch.setattr(stand.network, "dial", fails)
    with pytest.raises(Overloaded if overloaded else UpstreamFailed) as failed:
        await stand.take()
    assert failed.value.reason == reason
    assert stand.pool.open == 0


async def test_a_thousand_who_ask_a_hung_upstream_hold_a_bounded_number_of_connections():
    stand = await Stand(connections=10, waiting=100).start()
    asking = [stand.takes() for _ in range(1000)]
    await turns()
    assert (len(stand.servers), stand.pool.open, stand.pool.waiting) == (10, 10, 100)
    await stand.clock.advance(3)
    ends = await asyncio.gather(*asking, return_exceptions=True)
    assert sum(isinstance(end, Overloaded) for end in ends) == 990
    assert (stand.pool.open, stand.pool.waiting) == (10, 0)
