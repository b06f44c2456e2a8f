"""Backoff, the choice of address, and the sending of receipts and reports."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from edge.fleet.control_link import (
    MAX_BACKOFF,
    MAX_RECEIPTS,
    ControlAddresses,
    ControlCallbacks,
    ControlSender,
    backoff_seconds,
)
from kernel.errors import UpstreamFailed
from kernel.fetch_reasons import UpstreamReason
from kernel.fleet.messages import NOTHING, Receipt, Report, Version
from tests.doubles.clock import FakeClock, turns


def test_waits_double_up_to_a_most_and_are_spread() -> None:
    assert [backoff_seconds(n, 0.999999) for n in (1, 2, 3)] == pytest.approx([0.2, 0.4, 0.8], rel=1e-3)
    assert backoff_seconds(1, 0.0) == pytest.approx(0.1)
    assert backoff_seconds(10_000, 0.999999) == pytest.approx(MAX_BACKOFF, rel=1e-3)


def test_edges_begin_at_different_replicas_and_go_round() -> None:
    assert {ControlAddresses("abc", spread / 10).next() for spread in range(10)} == set("abc")
    addresses = ControlAddresses(["a:1", "b:2"], 0.5)
    assert addresses.current == "b:2"
    assert [addresses.next() for _ in range(4)] == ["b:2", "a:1", "b:2", "a:1"]
    assert addresses.current == "a:1"


def test_who_does_not_listen_need_not() -> None:
    ears = ControlCallbacks()
    assert ears.report() is None
    assert ears.checkpoint() == NOTHING


class Line:
    """A link whose other end the test holds."""

    def __init__(self) -> None:
        self.said: list[object] = []
        self.broken = False

    async def send(self, message: object) -> None:
        if self.broken:
            raise UpstreamFailed(UpstreamReason.CONTROL_LOST, retry=True)
        self.said.append(message)


class Stand:
    def __init__(self) -> None:
        self.clock = FakeClock()
        self.line: Line | None = Line()
        self.report: Report | None = Report(2.0)
        self.sender = ControlSender(self.clock, lambda: self.line, lambda: self.report)  # type: ignore[arg-type,return-value]

    @asynccontextmanager
    async def runs(self) -> AsyncIterator[None]:
        task = asyncio.ensure_future(self.sender.run())  # noqa: TID251 (owned by this block)
        await turns()
        yield
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def receipt(number: int) -> Receipt:
    return Receipt(Version("e", number))


async def test_a_report_goes_out_every_two_seconds_while_connected() -> None:
    stand = Stand()
    line = stand.line
    assert line is not None
    async with stand.runs():
        assert line.said == []
        stand.sender.on_connected()
        await turns()
        assert line.said == [Report(2.0)]
        await stand.clock.advance(6)
        assert len(line.said) == 4
        stand.report = None
        await stand.clock.advance(6)
        stand.line = None
        await stand.clock.advance(6)
        assert len(line.said) == 4
        stand.line, stand.report = line, Report(3.0)
        stand.sender.on_connected()
        await turns()
        assert line.said[4:] == [Report(3.0)]


async def test_receipts_go_at_once_in_their_order_and_outlive_a_lost_stream() -> None:
    stand = Stand()
    stand.report = None
    line = stand.line
    assert line is not None
    async with stand.runs():
        stand.sender.enqueue_receipt(receipt(1))
        stand.sender.enqueue_receipt(receipt(2))
        await turns()
        assert line.said == [receipt(1), receipt(2)]
        line.broken = True
        stand.sender.enqueue_receipt(receipt(3))
        await turns()
        stand.sender.enqueue_receipt(receipt(4))
        stand.line = Line()
        stand.sender.on_connected()
        await turns()
        assert stand.line.said == [receipt(3), receipt(4)]


async def test_receipts_that_wait_are_bounded() -> None:
    stand = Stand()
    line, stand.line, stand.report = stand.line, None, None
    for number in range(MAX_RECEIPTS + 2):
        stand.sender.enqueue_receipt(receipt(number))
    stand.line = line
    async with stand.runs():
        await turns()
    assert line is not None
    assert len(line.said) == MAX_RECEIPTS
    assert line.said[0] == receipt(2)
