"""What sessions met at edges, told to control."""

from __future__ import annotations

from ipaddress import ip_address

import pytest

from kernel.errors import UpstreamFailed
from kernel.fetch_reasons import UpstreamReason
from services.playback.routing.signals import MAX_EDGES_PER_NETWORK, MAX_KEPT, SessionSignals
from system.clock import SystemClock


class Control:
    """Takes signals, or fails as the test says."""

    def __init__(self):
        self.told = []
        self.fails = None

    async def put_signals(self, signals, *, within):
        assert within > 0
        if self.fails:
            raise self.fails
        self.told.append(list(signals))


@pytest.fixture
def control():
    return Control()


async def test_signals_are_told_in_batches_the_latest_word_of_each_session(control):
    signals = SessionSignals(control, SystemClock())
    signals.record_signal("s1", "http://127.0.0.1:8081", 3, 0, 0.0)
    signals.record_signal("s1", "127.0.0.1:8081", 9, 2, 1.5)
    signals.record_signal("s2", "", 1, 1, 0.0)
    await signals.send_batch()
    (batch,) = control.told
    assert [(met.edge, met.session, met.requests, met.errors, met.stalled) for met in batch] == [
        ("127.0.0.1:8081", "s1", 9, 2, 1.5)
    ]
    await signals.send_batch()
    assert len(control.told) == 1
    signals.record_signal("s1", "e1", 1, 1, 0.0)
    control.fails = UpstreamFailed(UpstreamReason.CONTROL_UNREACHABLE)
    await signals.send_batch()
    control.fails = None
    await signals.send_batch()
    assert len(control.told) == 1, "what could not be told is old by now"


def met(control) -> list[tuple[str, str]]:
    return [(one.edge, one.session) for batch in control.told for one in batch]


@pytest.mark.parametrize(
    "addresses",
    [["192.0.2.1"] * 9, [f"2001:db8::{number:x}" for number in range(1, 10)]],
)
async def test_invented_sessions_of_one_household_are_two_voices(control, addresses):
    signals = SessionSignals(control, SystemClock())
    for number, address in enumerate(addresses):
        signals.record_signal(f"s{number}", "e1:80", 1, 1, 0.0, ip_address(address))
    signals.record_signal("other", "e1:80", 1, 1, 0.0, ip_address("198.51.100.1"))
    await signals.send_batch()
    assert met(control) == [("e1:80", "s0"), ("e1:80", "s1"), ("e1:80", "other")]
    assert signals.rejected == 7


async def test_one_household_tells_of_a_few_edges_and_nobody_of_all_there_are(control):
    signals = SessionSignals(control, SystemClock())
    for number in range(MAX_KEPT + 5):
        signals.record_signal("s", f"e{number}:80", 1, 1, 0.0, ip_address("192.0.2.1"))
    await signals.send_batch()
    assert len(met(control)) == MAX_EDGES_PER_NETWORK
    for number in range(MAX_KEPT + 5):
        signals.record_signal("s", "e1:80", 1, 1, 0.0, ip_address(f"10.0.{number // 250}.{number % 250}"))
        signals.record_signal(f"s{number}", "e1:80", 1, 1, 0.0, ip_address(f"10.1.{number // 250}.{number % 250}"))
    await signals.send_batch()
    assert len(control.told[-1]) == MAX_KEPT


@pytest.mark.parametrize("edge", ["http://[", "a\nb", "e" * 301])
async def test_what_is_no_edge_is_left_out(control, edge):
    signals = SessionSignals(control, SystemClock())
    signals.record_signal("s", edge, 1, 1, 0.0)
    await signals.send_batch()
    assert control.told == []
