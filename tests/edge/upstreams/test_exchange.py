"""One request to an upstream: its clock, its body, its end."""

import pytest

from edge.upstreams.exchange import MIN_RATE, Exchange, Timeouts
from kernel.errors import UpstreamFailed
from kernel.fetch_reasons import UpstreamReason
from tests.doubles.clock import FakeClock, turns


class Line:
    """Stands for the connection."""

    def __init__(self) -> None:
        self.held: list[bool] = []
        self.was_cut = self.ends_at_close = False
        self.unsent = self.bytes_taken = 0
        self.is_sending = False

    def pause_reading(self, *, on: bool) -> None:
        self.held.append(on)

    def abort(self) -> None:
        self.was_cut = True


class Running:
    """An exchange that has just been asked."""

    def __init__(self, *, first_byte: float | None = None, total: float = 100, unsent: int = 0) -> None:
        self.clock = FakeClock()
        self.interims: list = []
        self.reports: list = []
        self.exchange = Exchange(
            self.clock, Timeouts(1, 5, 10, total), lambda *one: self.interims.append(one), outcome=self
        )
        self.line = Line()
        self.line.unsent = unsent
        self.exchange.on_sent(self.line, first_byte)  # type: ignore[arg-type]
        self.body = b""

    def on_head(self, status: int) -> None:
        self.reports.append(status)

    def on_end(self, error: UpstreamFailed | None, *, whole: bool) -> None:
        self.reports.append((error.reason if error else None, whole))

    def take(self, data: bytes) -> None:
        self.body += data


async def test_what_comes_before_anybody_takes_it_is_not_lost():
    run = Running()
    run.exchange.on_interim(103, [])
    run.exchange.on_head(200, [], 4)
    run.exchange.on_body(b"ab")
    run.exchange.on_body(b"cd")
    run.exchange.on_end()
    await run.exchange.wait_for_head()
    await run.exchange.read_body(run.take)
    assert run.body == b"abcd"
    assert run.interims == [(103, [])]
    assert not run.line.was_cut


async def test_a_late_head():
    run = Running()
    await run.clock.advance(5)
    with pytest.raises(UpstreamFailed, match="first-byte-timeout"):
        await run.exchange.wait_for_head()
    assert run.line.was_cut


async def test_an_interim_answer_is_no_head():
    run = Running()
    run.exchange.on_interim(102, [])
    await run.clock.advance(5)
    with pytest.raises(UpstreamFailed):
        await run.exchange.wait_for_head()


@pytest.mark.parametrize("last_piece", [0, 1, 4, 9, 9.9])
async def test_a_body_that_stops_is_cut_when_its_idle_time_is_over_and_no_later(last_piece: float):
    run = Running()
    run.exchange.on_head(200, [], 4)
    await run.clock.advance(last_piece)
    run.exchange.on_body(b"x")
    await run.clock.advance(9.9)
    assert not run.line.was_cut
    await run.clock.advance(0.1)
    assert run.line.was_cut
    with pytest.raises(UpstreamFailed) as failed:
        await run.exchange.read_body(run.take)
    assert (failed.value.reason, failed.value.status) == ("idle-timeout", 504)


async def test_a_head_restarts_the_idle_time():
    run = Running()
    await run.clock.advance(4)
    run.exchange.on_head(200, [], 4)
    await run.clock.advance(9.9)
    assert not run.line.was_cut
    await run.clock.advance(0.1)
    assert run.line.was_cut


async def test_a_head_has_less_time_where_some_is_spent():
    run = Running(first_byte=2)
    await run.clock.advance(2)
    with pytest.raises(UpstreamFailed, match="first-byte-timeout"):
        await run.exchange.wait_for_head()


async def test_a_trickle_is_cut_when_its_whole_time_is_over():
    run = Running()
    run.exchange.on_head(200, [], 1000)
    for _ in range(11):
        await run.clock.advance(9)
        run.exchange.on_body(b"x")
    assert not run.line.was_cut
    await run.clock.advance(1.1)
    with pytest.raises(UpstreamFailed) as failed:
        await run.exchange.read_body(run.take)
    assert (failed.value.reason, failed.value.status) == ("total-timeout", 504)


async def test_a_large_body_at_a_decent_pace_has_all_the_time_it_needs():
    run = Running()
    run.exchange.on_head(200, [], None)
    for _ in range(500):
        await run.clock.advance(1)
        run.exchange.on_body(b"x" * MIN_RATE)
    assert not run.line.was_cut


async def test_without_a_limit_a_trickle_may_go_on():
    run = Running(total=0)
    run.exchange.on_head(200, [], None)
    for _ in range(1000):
        await run.clock.advance(9)
        run.exchange.on_body(b"x")
    assert not run.line.was_cut


async def test_waiting_for_slow_readers_counts_for_no_limit():
    run = Running()
    run.exchange.on_head(200, [], 4)
    run.exchange.pause()
    run.exchange.pause()
    await run.clock.advance(1000)
    assert not run.line.was_cut
    run.exchange.resume()
    run.exchange.resume()
    assert run.line.held == [True, False]
    await run.clock.advance(9.9)
    assert not run.line.was_cut
    await run.clock.advance(0.1)
    assert run.line.was_cut


async def test_a_long_request_is_given_time_as_long_as_it_is_taken():
    run = Running(unsent=3000)
    for left in (2000, 1000, 1):
        run.line.unsent = left
        await run.clock.advance(4.9)
        assert not run.line.was_cut
        await run.clock.advance(0.1)
        assert not run.line.was_cut
    await run.clock.advance(5)
    assert run.line.was_cut  # nothing was taken since


async def test_the_time_of_the_head_begins_when_the_last_of_a_request_is_taken():
    run = Running(unsent=3000)
    await run.clock.advance(4)
    run.line.unsent = 0
    run.line.on_request_taken()
    await run.clock.advance(4.9)
    assert not run.line.was_cut
    await run.clock.advance(0.1)
    assert run.line.was_cut


async def test_when_it_is_whole_its_connection_is_somebody_elses():
    run = Running()
    run.exchange.on_head(200, [], 2)
    run.exchange.on_body(b"ab")
    run.exchange.on_end()
    run.exchange.pause()
    run.exchange.resume()
    await run.clock.advance(1000)
    run.exchange.close()
    assert (run.line.held, run.line.was_cut) == ([], False)


async def test_an_answer_to_an_expectation_nobody_had_is_kept_back():
    run = Running()
    run.exchange.on_interim(100, [])
    run.exchange.on_interim(103, [(b"link", b"x")])
    assert run.interims == [(103, [(b"link", b"x")])]


@pytest.mark.parametrize(
    ("course", "expected"),
    [
        (["on_head", "on_end"], [200, (None, True)]),
        (["on_head", "on_broken"], [200, ("truncated", False)]),
        (["on_broken"], [("truncated", False)]),
        (["close"], [(None, False)]),
        (["on_head", "close", "on_broken", "on_end"], [200, (None, False)]),
        (["on_head", "on_end", "close"], [200, (None, True)]),
    ],
)
async def test_the_result_is_reported_once(course: list[str], expected: list):
    run = Running()
    arguments = {"on_head": (200, [], None), "on_broken": (UpstreamFailed(UpstreamReason.TRUNCATED),)}
    for step in course:
        getattr(run.exchange, step)(*arguments.get(step, ()))
    assert run.reports == expected


async def test_closing_an_unfinished_exchange_cuts_its_connection_and_ends_its_clock():
    run = Running()
    run.exchange.on_head(200, [], 4)
    run.exchange.close()
    assert run.line.was_cut
    await run.clock.advance(1000)
    await turns()


async def test_a_break_is_reported_once_to_both():
    run = Running()
    run.exchange.on_broken(UpstreamFailed(UpstreamReason.TRUNCATED))
    run.exchange.on_broken(UpstreamFailed(UpstreamReason.CONNECT))
    with pytest.raises(UpstreamFailed, match="truncated"):
        await run.exchange.wait_for_head()
    with pytest.raises(UpstreamFailed, match="truncated"):
        await run.exchange.read_body(run.take)
