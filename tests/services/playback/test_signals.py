"""What sessions met at edges, told to control."""

from __future__ import annotations

import pytest

from kernel.errors import UpstreamFailed
from services.playback.signals import KEPT, Signals


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
    signals = Signals(control)
    signals.take("s1", "http://127.0.0.1:8081", 3, 0, 0.0)
    signals.take("s1", "127.0.0.1:8081", 9, 2, 1.5)
    signals.take("s2", "", 1, 1, 0.0)
    await signals.tell()
    (batch,) = control.told
    assert [(met.edge, met.session, met.requests, met.errors, met.stalled) for met in batch] == [
        ("127.0.0.1:8081", "s1", 9, 2, 1.5)
    ]
    await signals.tell()
    assert len(control.told) == 1
    for number in range(KEPT + 5):
        signals.take(f"s{number}", "e1", 1, 1, 0.0)
    control.fails = UpstreamFailed("control-unreachable")
    await signals.tell()
    control.fails = None
    await signals.tell()
    assert len(control.told) == 1, "what could not be told is old by now"
