"""Who holds up others of an answer that is passed on."""

from cache.fills.fill import MAX_BYTES_BEHIND, Fill
from edge.fill.slow_readers import LAG_SECONDS, SlowReaderLimit
from tests.cache.fills.test_fill import Viewer
from tests.cache.workbench import response
from tests.scenario.clock import FakeClock


class Upstream:
    def __init__(self):
        self.paused = False

    def pause(self):
        self.paused = True

    def resume(self):
        self.paused = False


def passed(*paces):
    clock, upstream, fill = FakeClock(), Upstream(), Fill(b"/k", 0.0)
    lag = SlowReaderLimit(fill, upstream, clock)
    fill.pause, fill.resume = lag.pause, lag.resume
    viewers = [Viewer(fill, pace=pace) for pace in paces]
    for viewer in viewers:
        fill.join(viewer)
    fill.receive_head(response(clock, b"/k"), kept=False)
    fill.append_body(bytes(2 * MAX_BYTES_BEHIND))
    return clock, upstream, fill, viewers


async def test_a_laggard_holds_up_another_for_a_few_seconds():
    clock, upstream, fill, (fast, slow) = passed(1 << 30, 1)
    assert upstream.paused
    await clock.advance(LAG_SECONDS + 0.1)
    assert not upstream.paused
    assert slow.told[-1].reason == "reader-too-slow"
    assert list(fill.readers) == [fast]


async def test_who_is_slow_alone_is_waited_for():
    clock, upstream, _, (slow,) = passed(1)
    await clock.advance(10 * LAG_SECONDS)
    assert upstream.paused
    assert slow.told == ["head"]
    slow.take(1 << 30)
    assert not upstream.paused
