"""Whom to ask, how often, for how long: tries, budget, time-outs, kept connections, upstreams that are left out."""

import asyncio
from collections.abc import Callable

import pytest

from edge.exchange import Timeouts
from edge.health import EJECT_AFTER
from edge.pool import PoolLimits
from edge.upstream import Upstreams
from kernel.errors import UpstreamFailed
from kernel.settings import Address
from tests.scenario.clock import FakeClock, turns
from tests.scenario.network import MemoryNetwork

MOST_IDLE, IDLE_SECONDS = PoolLimits().idle, PoolLimits().idle_seconds
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"


class Server(asyncio.Protocol):
    """One connection of an upstream that answers each request by `script`: bytes, none of them = close, None = hang."""

    def __init__(self, place: "Place") -> None:
        self.place = place

    def connection_made(self, transport):
        self.transport = transport
        self.place.open.add(self)

    def data_received(self, data):
        self.place.asked += 1
        answer = self.place.script()
        if answer == b"":
            self.transport.close()
        elif answer is not None:
            self.transport.write(answer)

    def connection_lost(self, exc):
        self.place.open.discard(self)


class Place:
    """An address, what it answers, and who is connected."""

    def __init__(self, script: Callable[[], bytes | None] = lambda: OK) -> None:
        self.script = script
        self.asked = 0
        self.open: set[Server] = set()
        self.address = Address("127.0.0.1", 0)


class Stage:
    """Upstreams of a node in memory; `listens` False: connections are refused."""

    def __init__(self, *places: Place) -> None:
        self.places = list(places)
        self.network = MemoryNetwork()
        self.clock = FakeClock()
        self.upstreams: Upstreams

    async def start(self) -> "Stage":
        for place in self.places:
            listener = await self.network.listen(Address("127.0.0.1", 0), lambda place=place: Server(place))
            place.address = listener.address
        urls = [f"http://{place.address}" for place in self.places]
        self.upstreams = Upstreams(urls, self.network, self.clock, Timeouts(connect=2, first_byte=5, idle=5))
        return self

    def goes_away(self, place: Place) -> None:
        del self.network.listening[place.address]
        for server in tuple(place.open):
            server.transport.abort()

    async def asks(self, key: bytes = b"k", **more) -> bytes:
        """The body of an answer."""
        exchange = await self.upstreams.send(key, lambda upstream: [b"GET / HTTP/1.1\r\n\r\n"], **more)
        pieces: list[bytes] = []
        try:
            await exchange.body_to(pieces.append)
        finally:
            exchange.close()
        await turns()
        return b"".join(pieces)


async def test_connections_are_kept_and_used_again():
    stage = await Stage(Place()).start()
    for _ in range(5):
        assert await stage.asks() == b"hi"
    assert stage.upstreams.connects == 1
    assert stage.places[0].asked == 5


async def test_exchanges_at_once_have_a_connection_each_and_a_bounded_number_is_kept():
    stage = await Stage(Place()).start()
    await asyncio.gather(*(stage.asks() for _ in range(MOST_IDLE + 10)))
    assert stage.upstreams.connects == MOST_IDLE + 10
    assert len(stage.upstreams.all[0].pool.idle) == MOST_IDLE
    await turns()
    assert len(stage.places[0].open) == MOST_IDLE


async def test_a_connection_that_was_idle_too_long_is_not_used():
    """The upstream may be about to close it."""
    stage = await Stage(Place()).start()
    await stage.asks()
    await stage.clock.advance(IDLE_SECONDS + 1)
    await stage.asks()
    assert stage.upstreams.connects == 2
    await turns()
    assert len(stage.places[0].open) == 1


async def test_a_connection_the_upstream_closed_is_forgotten():
    stage = await Stage(Place()).start()
    await stage.asks()
    for server in tuple(stage.places[0].open):
        server.transport.close()
    await turns()
    assert stage.upstreams.all[0].pool.idle == []
    assert await stage.asks() == b"hi"
    assert stage.upstreams.retries == 0


async def test_a_kept_connection_that_closes_when_asked_is_tried_once_more_on_a_fresh_one():
    answers = [OK, b"", OK]
    stage = await Stage(Place(lambda: answers.pop(0))).start()
    await stage.asks()
    assert await stage.asks() == b"hi"
    assert (stage.upstreams.connects, stage.upstreams.retries) == (2, 1)


async def test_what_may_not_be_repeated_is_not():
    answers = [OK, b"", OK]
    stage = await Stage(Place(lambda: answers.pop(0))).start()
    await stage.asks()
    with pytest.raises(UpstreamFailed, match="closed"):
        await stage.asks(repeatable=False)
    assert stage.places[0].asked == 2


async def test_an_upstream_that_refuses_is_passed_by_for_the_next():
    stage = await Stage(Place(), Place(), Place()).start()
    first = stage.upstreams.order(b"k")[0]
    stage.goes_away(next(place for place in stage.places if place.address == first.address))
    assert await stage.asks() == b"hi"
    assert stage.upstreams.retries == 1


async def test_with_nobody_there_it_fails_by_its_word():
    stage = await Stage(Place(), Place()).start()
    for place in stage.places:
        stage.goes_away(place)
    with pytest.raises(UpstreamFailed) as failed:
        await stage.asks()
    assert (failed.value.reason, failed.value.status) == ("connect", 502)


async def test_a_head_that_does_not_come_is_504_and_not_tried_again():
    stage = await Stage(Place(lambda: None), Place(lambda: None)).start()
    asked = asyncio.create_task(stage.asks())  # noqa: TID251 (awaited below)
    await turns()
    await stage.clock.advance(5)
    with pytest.raises(UpstreamFailed) as failed:
        await asked
    assert (failed.value.reason, failed.value.status) == ("first-byte-timeout", 504)
    assert sum(place.asked for place in stage.places) == 1
    await turns()
    assert not any(place.open for place in stage.places)


@pytest.mark.parametrize("late_by", [0, 1])
async def test_a_connect_that_takes_too_long_is_given_up_and_leaves_nothing(
    monkeypatch: pytest.MonkeyPatch, late_by: int
):
    """Also one that comes about in the very turn of the loop in which time is up."""
    stage = await Stage(Place()).start()
    dial, gate = stage.network.dial, asyncio.Event()

    async def slow(*arguments):
        found = await dial(*arguments) if late_by == 0 else None
        await gate.wait()
        return found or await dial(*arguments)

    monkeypatch.setattr(stage.network, "dial", slow)
    asked = asyncio.create_task(stage.asks())  # noqa: TID251 (awaited below)
    await turns()
    await stage.clock.advance(2)
    with pytest.raises(UpstreamFailed) as failed:
        await asked
    assert (failed.value.reason, failed.value.status) == ("connect-timeout", 504)
    await turns()
    assert not stage.places[0].open


async def test_retries_have_a_budget():
    """When everything fails, tries do not multiply: a few a second and a fifth of the requests."""
    stage = await Stage(Place(lambda: b""), Place(lambda: b"")).start()
    for _ in range(100):
        with pytest.raises(UpstreamFailed):
            await stage.asks()
    assert stage.upstreams.retries <= 10 + 100 // 5
    asked = sum(place.asked for place in stage.places)
    assert 100 <= asked <= 100 + stage.upstreams.retries
    await stage.clock.advance(10)
    before = stage.upstreams.retries
    with pytest.raises(UpstreamFailed):
        await stage.asks()
    assert stage.upstreams.retries > before


async def test_who_fails_again_and_again_is_left_out_for_a_while():
    stage = await Stage(Place(), Place()).start()
    bad = stage.upstreams.order(b"k")[0]
    stage.goes_away(next(place for place in stage.places if place.address == bad.address))
    for _ in range(EJECT_AFTER):
        await stage.clock.advance(1)
        await stage.asks()
    assert stage.upstreams.order(b"k")[0] is not bad
    retries = stage.upstreams.retries
    await stage.asks()
    assert stage.upstreams.retries == retries
    await stage.clock.advance(31)
    assert stage.upstreams.order(b"k")[0] is bad


def made(*urls: str) -> Upstreams:
    return Upstreams(urls, MemoryNetwork(), FakeClock(), Timeouts())


def test_keys_are_shared_out_and_stay_where_they_are():
    """Rendezvous: without one upstream only its own keys move."""
    three, two = made("http://a:1", "http://b:1", "http://c:1"), made("http://a:1", "http://b:1")
    keys = [b"title%d/v720" % number for number in range(600)]
    first = {key: three.order(key)[0].url for key in keys}
    assert all(150 < list(first.values()).count(url) < 250 for url in ("http://a:1", "http://b:1", "http://c:1"))
    assert all(two.order(key)[0].url == url for key, url in first.items() if url != "http://c:1")


async def test_the_last_one_left_is_asked_though_it_is_left_out():
    stage = await Stage(Place()).start()
    listening = stage.network.listening.pop(stage.places[0].address)
    for _ in range(EJECT_AFTER * 3):
        with pytest.raises(UpstreamFailed):
            await stage.asks()
    assert stage.upstreams.all[0].health.out is not None
    stage.network.listening[stage.places[0].address] = listening
    assert await stage.asks() == b"hi"
    assert stage.upstreams.all[0].health.out is None


@pytest.mark.parametrize(
    ("url", "address", "secure"),
    [
        ("http://h", Address("h", 80), False),
        ("https://h", Address("h", 443), True),
        ("http://h:81", Address("h", 81), False),
        ("http://[::1]:81", Address("::1", 81), False),
    ],
)
def test_the_address_of_an_upstream(url: str, address: Address, secure: bool):
    one = made(url).all[0]
    assert one.address == address
    assert (one.tls is not None) is secure
    assert one.tls is None or one.tls.check_hostname


async def test_the_end_cuts_what_is_idle():
    stage = await Stage(Place()).start()
    await stage.asks()
    stage.upstreams.close()
    await turns()
    assert not stage.places[0].open
