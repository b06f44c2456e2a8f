"""Whom to ask, how often, for how long: tries, budget, time-outs, kept connections, upstreams that are left out."""

import asyncio
import contextlib
from collections.abc import Callable

import pytest

from edge.upstreams.exchange import Timeouts
from edge.upstreams.pool import PoolLimits
from edge.upstreams.selector import Upstreams
from kernel.errors import Overloaded, UpstreamFailed
from kernel.settings.table import Address
from kernel.upstreams.health import EJECT_AFTER
from tests.doubles.clock import FakeClock, turns
from tests.doubles.network import MemoryNetwork

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

    async def start(self, limits: PoolLimits | None = None) -> "Stage":
        for place in self.places:
            listener = await self.network.listen(Address("127.0.0.1", 0), lambda place=place: Server(place))
            place.address = listener.address
        urls = [f"http://{place.address}" for place in self.places]
        self.upstreams = Upstreams(
            urls, self.network, self.clock, Timeouts(connect=2, first_byte=5, idle=5), limits=limits
        )
        return self

    def first_for(self, key: bytes) -> Place:
        address = self.upstreams.order_for(key)[0].address
        return next(place for place in self.places if place.address == address)

    def other_for(self, key: bytes) -> Place:
        return next(place for place in self.places if place is not self.first_for(key))

    def running(self) -> list[int]:
        return [upstream.running for upstream in self.upstreams.all]

    def goes_away(self, place: Place) -> None:
        del self.network.listening[place.address]
        for server in tuple(place.open):
            server.transport.abort()

    async def asks(self, key: bytes = b"k", **more) -> bytes:
        """The body of an answer."""
        exchange = await self.upstreams.send(key, lambda upstream: [b"GET / HTTP/1.1\r\n\r\n"], **more)
        pieces: list[bytes] = []
        try:
            await exchange.read_body(pieces.append)
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
    first = stage.upstreams.order_for(b"k")[0]
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
    bad = stage.upstreams.order_for(b"k")[0]
    stage.goes_away(next(place for place in stage.places if place.address == bad.address))
    for _ in range(EJECT_AFTER):
        await stage.clock.advance(1)
        await stage.asks()
    assert stage.upstreams.order_for(b"k")[0] is not bad
    retries = stage.upstreams.retries
    await stage.asks()
    assert stage.upstreams.retries == retries
    await stage.clock.advance(31)
    assert stage.upstreams.order_for(b"k")[0] is bad


def made(*urls: str) -> Upstreams:
    return Upstreams(urls, MemoryNetwork(), FakeClock(), Timeouts())


def test_keys_are_shared_out_and_stay_where_they_are():
    """Rendezvous: without one upstream only its own keys move."""
    three, two = made("http://a:1", "http://b:1", "http://c:1"), made("http://a:1", "http://b:1")
    keys = [b"title%d/v720" % number for number in range(600)]
    first = {key: three.order_for(key)[0].url for key in keys}
    assert all(150 < list(first.values()).count(url) < 250 for url in ("http://a:1", "http://b:1", "http://c:1"))
    assert all(two.order_for(key)[0].url == url for key, url in first.items() if url != "http://c:1")


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


async def test_a_gateway_error_is_asked_of_another_and_the_better_answer_wins():
    bad = b"HTTP/1.1 503 S\r\nContent-Length: 4\r\n\r\nbusy"
    stage = await Stage(Place(), Place()).start()
    stage.first_for(b"k").script = lambda: bad
    assert await stage.asks() == b"hi"
    assert stage.upstreams.retries == 1
    await turns()
    assert stage.running() == [0, 0]


async def test_a_gateway_error_that_all_give_is_the_answer():
    bad = b"HTTP/1.1 502 B\r\nContent-Length: 3\r\n\r\nbad"
    stage = await Stage(Place(lambda: bad), Place(lambda: bad), Place(lambda: bad)).start()
    assert await stage.asks() == b"bad"
    assert sum(place.asked for place in stage.places) == 2


async def test_a_gateway_error_stands_when_the_other_gives_nothing():
    """Better the words of the one than our own 502."""
    bad = b"HTTP/1.1 503 S\r\nContent-Length: 4\r\nRetry-After: 9\r\n\r\nbusy"
    stage = await Stage(Place(lambda: b""), Place(lambda: b"")).start()
    stage.first_for(b"k").script = lambda: bad
    exchange = await stage.upstreams.send(b"k", lambda _: [b"GET / HTTP/1.1\r\n\r\n"])
    assert exchange.status == 503
    pieces: list[bytes] = []
    await exchange.read_body(pieces.append)
    assert pieces == [b"busy"]


@pytest.mark.parametrize("status", [500, 501, 404, 429])
async def test_other_errors_are_the_answer_at_once(status: int):
    answer = b"HTTP/1.1 %d X\r\nContent-Length: 1\r\n\r\nx" % status
    stage = await Stage(Place(lambda: answer), Place(lambda: answer)).start()
    assert await stage.asks() == b"x"
    assert sum(place.asked for place in stage.places) == 1


async def test_a_gateway_error_to_what_may_not_be_repeated_is_the_answer():
    bad = b"HTTP/1.1 503 S\r\nContent-Length: 4\r\n\r\nbusy"
    stage = await Stage(Place(lambda: bad), Place(lambda: bad)).start()
    assert await stage.asks(repeatable=False) == b"busy"
    assert sum(place.asked for place in stage.places) == 1


async def test_what_may_not_be_repeated_goes_to_the_next_when_it_was_sent_to_nobody():
    stage = await Stage(Place(), Place()).start()
    stage.goes_away(stage.first_for(b"k"))
    assert await stage.asks(repeatable=False) == b"hi"


async def test_what_may_not_be_repeated_never_goes_over_a_kept_connection():
    """There is no telling whether a dead one's upstream has acted on it."""
    stage = await Stage(Place()).start()
    await stage.asks()
    await stage.asks(repeatable=False)
    assert stage.upstreams.connects == 2


async def test_a_restart_of_the_upstream_costs_one_retry_though_many_connections_were_kept():
    place = Place()
    stage = await Stage(place).start()
    await asyncio.gather(*(stage.asks() for _ in range(10)))
    died = tuple(place.open)
    for server in died:
        server.data_received = lambda _, server=server: server.transport.abort()  # type: ignore[method-assign]
    assert await stage.asks() == b"hi"
    assert await stage.asks() == b"hi"
    assert stage.upstreams.retries == 1
    assert stage.upstreams.all[0].health.failures == 0


async def test_when_every_upstream_is_down_none_costs_the_budget():
    """A refused connection asks nobody anything: when one comes back it is asked at once."""
    stage = await Stage(Place(), Place(), Place()).start()
    kept = dict(stage.network.listening)
    stage.network.listening.clear()
    for _ in range(100):
        with pytest.raises(UpstreamFailed, match="refused"):
            await stage.asks()
    stage.network.listening.update(list(kept.items())[:1])
    assert [await stage.asks() for _ in range(20)] == [b"hi"] * 20


@pytest.mark.parametrize("answer", [b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhi", b"garbage\r\n\r\n", b""])
async def test_answers_that_break_off_leave_it_out_too(answer: bytes):
    stage = await Stage(Place(), Place()).start()
    bad = stage.upstreams.order_for(b"k")[0]
    stage.first_for(b"k").script = lambda: answer or None
    for _ in range(EJECT_AFTER):
        asked = asyncio.create_task(stage.asks())  # noqa: TID251 (awaited below)
        await turns()
        for place in stage.places:
            for server in tuple(place.open):
                server.transport.close()
        await turns()
        with contextlib.suppress(UpstreamFailed):
            await asked
    assert bad.health.out is not None
    assert bad.ejected == 1
    assert stage.running() == [0, 0]


async def test_one_request_tries_who_was_left_out_and_the_rest_follows_slowly():
    stage = await Stage(Place(), Place()).start()
    bad, place = stage.upstreams.order_for(b"k")[0], stage.first_for(b"k")
    place.script = lambda: b""
    for _ in range(EJECT_AFTER):
        await stage.asks()
    place.script, asked = (lambda: None), place.asked
    await stage.clock.advance(30)
    probe = asyncio.create_task(stage.asks())  # noqa: TID251 (awaited below)
    await turns()
    assert [await stage.asks() for _ in range(20)] == [b"hi"] * 20  # no herd: they go by it
    assert place.asked == asked + 1
    await stage.clock.advance(5)
    with pytest.raises(UpstreamFailed, match="first-byte"):
        await probe
    assert bad.health.until == stage.clock.mono() + 60  # twice as long as before
    place.script = lambda: OK
    await stage.clock.advance(60)
    await stage.asks()
    assert bad.health.out is None
    keys = [b"key%d" % number for number in range(200)]
    few = sum(stage.upstreams.order_for(key)[0] is bad for key in keys)
    await stage.clock.advance(30)
    assert few < 50 < sum(stage.upstreams.order_for(key)[0] is bad for key in keys)


async def test_a_probe_that_is_given_up_lets_another_try():
    stage = await Stage(Place(), Place()).start()
    bad, place = stage.upstreams.order_for(b"k")[0], stage.first_for(b"k")
    place.script = lambda: b""
    for _ in range(EJECT_AFTER):
        await stage.asks()
    place.script = lambda: None
    await stage.clock.advance(30)
    probe = asyncio.create_task(stage.asks())  # noqa: TID251 (cancelled below)
    await turns()
    probe.cancel()
    await turns()
    assert bad.health.awaits_probe(stage.clock.mono())


async def test_with_every_connection_busy_the_next_upstream_is_asked():
    places = [Place(lambda: None), Place()]
    stage = await Stage(*places).start(limits=PoolLimits(connections=1, waiting=0))
    stage.first_for(b"k").script, stage.other_for(b"k").script = (lambda: None), (lambda: OK)
    hung = asyncio.create_task(stage.asks())  # noqa: TID251 (cancelled below)
    await turns()
    assert await stage.asks() == b"hi"
    assert stage.upstreams.all[0].health.failures == stage.upstreams.all[1].health.failures == 0
    hung.cancel()
    await turns()


async def test_with_all_of_them_busy_we_say_so_and_blame_nobody():
    stage = await Stage(Place(lambda: None)).start(limits=PoolLimits(connections=1))
    hung, waits = asyncio.create_task(stage.asks()), asyncio.create_task(stage.asks())  # noqa: TID251 (ended below)
    await turns()
    await stage.clock.advance(2)
    with pytest.raises(Overloaded, match="no further request can wait"):
        await waits
    assert stage.upstreams.all[0].health.failures == 0
    hung.cancel()
    await turns()
    assert stage.running() == [0]


async def test_the_whole_of_the_tries_ends_in_time():
    """Three upstreams that take a connection and close it late: connect and first byte together bound them all."""
    stage = await Stage(Place(lambda: None), Place(lambda: None), Place(lambda: None)).start()
    began = stage.clock.mono()
    asked = asyncio.create_task(stage.asks())  # noqa: TID251 (awaited below)
    for _ in range(3):
        await turns()
        await stage.clock.advance(3)
        for place in stage.places:
            for server in tuple(place.open):
                server.transport.close()
    with pytest.raises(UpstreamFailed):
        await asked
    assert stage.clock.mono() - began <= 9


async def test_keys_of_a_busy_upstream_overflow_to_the_next():
    stage = await Stage(Place(lambda: None), Place(lambda: None)).start()
    hung = [asyncio.create_task(stage.asks(b"hot")) for _ in range(40)]  # noqa: TID251 (cancelled below)
    await turns()
    assert max(stage.running()) <= 26
    for one in hung:
        one.cancel()
    await turns()
    assert stage.running() == [0, 0]


def test_weights_share_the_keys():
    pair = made("http://a:1#weight=3", "http://b:1")
    firsts = [pair.order_for(b"title%d/v720" % number)[0].url for number in range(1000)]
    assert 690 < firsts.count("http://a:1") < 810


async def test_the_end_cuts_what_is_idle():
    stage = await Stage(Place()).start()
    await stage.asks()
    stage.upstreams.close()
    await turns()
    assert not stage.places[0].open


async def test_others_can_be_asked_from_now_on_and_who_stays_keeps_what_it_had():
    stage = await Stage(Place(), Place()).start(PoolLimits(connections=8))
    stays, goes = stage.upstreams.all
    assert all([await stage.asks(b"%d" % key) for key in range(8)])
    urls, times = [f"{stays.url}#weight=2", "http://127.0.0.1:9"], Timeouts(first_byte=3)
    stage.upstreams.configure(urls, times, None, PoolLimits(connections=3))
    await turns()
    assert (stage.upstreams.all[0], stage.upstreams.all[1].url) == (stays, urls[1])
    assert (stays.weight, stays.pool.limits.connections, len(stays.pool.idle)) == (2.0, 3, 1)
    assert (goes.pool.idle, goes.pool.open, stage.upstreams.timeouts) == ([], 0, times)
