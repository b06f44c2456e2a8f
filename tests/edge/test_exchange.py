"""One request to an upstream: its clock, its body, its end."""

import pytest

from edge.exchange import Exchange, Timeouts
from kernel.errors import UpstreamFailed
from tests.scenario.clock import FakeClock, turns


class Line:
    """Stands for the connection."""

    def __init__(self) -> None:
        self.held: list[bool] = []
        self.was_cut = self.by_close = False
        self.unsent = 0

    def hold(self, *, on: bool) -> None:
        self.held.append(on)

    def cut(self) -> None:
        self.was_cut = True


class Running:
    """An exchange that has just been asked."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.interims: list = []
        self.exchange = Exchange(self.clock, Timeouts(1, 5, 10), lambda *one: self.interims.append(one))
        self.line = Line()
        self.exchange.begun(self.line)  # type: ignore[arg-type]
        self.body = b""

    def take(self, data: bytes) -> None:
        self.body += data


async def test_what_comes_before_anybody_takes_it_is_not_lost():
    run = Running()
    run.exchange.on_interim(103, [])
    run.exchange.on_head(200, [], 4)
    run.exchange.on_body(b"ab")
    run.exchange.on_body(b"cd")
    run.exchange.on_end()
    await run.exchange.head()
    await run.exchange.body_to(run.take)
    assert run.body == b"abcd"
    assert run.interims == [(103, [])]
    assert not run.line.was_cut


async def test_a_late_head():
    run = Running()
    await run.clock.advance(5)
    with pytest.raises(UpstreamFailed, match="first-byte-timeout"):
        await run.exchange.head()
    assert run.line.was_cut


async def test_an_interim_answer_is_no_head():
    run = Running()
    run.exchange.on_interim(102, [])
    await run.clock.advance(5)
    with pytest.raises(UpstreamFailed):
        await run.exchange.head()


async def test_a_body_that_stops_is_cut_within_two_idle_times_of_its_last_piece():
    run = Running()
    run.exchange.on_head(200, [], 4)
    await run.clock.advance(5)
    for _ in range(5):
        run.exchange.on_body(b"x")
        await run.clock.advance(9)
    assert not run.line.was_cut
    await run.clock.advance(20)
    with pytest.raises(UpstreamFailed) as failed:
        await run.exchange.body_to(run.take)
    assert (failed.value.reason, failed.value.status) == ("idle-timeout", 504)
    assert run.line.was_cut


async def test_waiting_for_slow_readers_is_not_the_upstreams_idleness():
    run = Running()
    run.exchange.on_head(200, [], 4)
    run.exchange.pause()
    await run.clock.advance(1000)
    assert not run.line.was_cut
    run.exchange.resume()
    assert run.line.held == [True, False]
    await run.clock.advance(9)
    assert not run.line.was_cut
    await run.clock.advance(20)
    assert run.line.was_cut


async def test_closing_an_unfinished_exchange_cuts_its_connection_and_ends_its_clock():
    run = Running()
    run.exchange.on_head(200, [], 4)
    run.exchange.close()
    assert run.line.was_cut
    await run.clock.advance(1000)
    await turns()


async def test_a_break_is_told_once_and_to_both():
    run = Running()
    run.exchange.on_broken(UpstreamFailed("truncated"))
    run.exchange.on_broken(UpstreamFailed("other"))
    with pytest.raises(UpstreamFailed, match="truncated"):
        await run.exchange.head()
    with pytest.raises(UpstreamFailed, match="truncated"):
        await run.exchange.body_to(run.take)
