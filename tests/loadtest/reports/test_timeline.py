"""The run over time, drawn from records."""

import pytest

from loadtest.reports.timeline import PARTS, Timeline
from loadtest.session import EndReason, SessionRecord, Stall, Viewer


def record(arrival=10.0, startup=1.0, played=20.0, **more):
    found = SessionRecord(Viewer(1, "t", arrival_s=arrival), startup_s=startup, played_s=played, **more)
    found.rungs_s = {1_000_000: played}
    return found


def test_a_session_is_present_from_its_first_frame_for_as_long_as_it_lasted():
    timeline = Timeline(seconds=100.0)
    one = record(paused_s=4.0)
    one.add_stall(Stall(5.0, 2.0))
    timeline.count_session(one)
    assert timeline.arrivals[10] == 1
    assert sum(timeline.present_s) == pytest.approx(26)
    assert timeline.present_s[10] == 0
    assert timeline.present_s[11:37] == pytest.approx([1.0] * 26)
    assert timeline.stalled_s[15] == timeline.stalled_s[16] == pytest.approx(1)
    assert timeline.rung_bits[20] / timeline.present_s[20] == pytest.approx(1e6)
    assert timeline.startup_s[10].count == 1


def test_what_lies_after_the_run_is_not_drawn():
    timeline = Timeline(seconds=100.0)
    timeline.count_session(record(arrival=95.0, played=50.0))
    assert sum(timeline.present_s) == pytest.approx(4)


def test_fractions_of_a_part_are_spread():
    timeline = Timeline(seconds=10.0)
    timeline.count_session(record(arrival=0.0, startup=0.05, played=0.2))
    assert timeline.present_s[:4] == pytest.approx([0.05, 0.1, 0.05, 0.0])


def test_a_failure_stands_where_the_session_ended():
    timeline = Timeline(seconds=100.0)
    timeline.count_session(record(end=EndReason.PLAYBACK_FAILED))
    timeline.count_session(record(arrival=50.0, startup=None, played=0.0, end=EndReason.START_FAILED))
    assert [part for part in range(PARTS) if timeline.failures[part]] == [31, 50]


def test_two_timelines_add_up():
    one, other, both = (Timeline(seconds=100.0) for _ in range(3))
    for timeline, arrival in ((one, 3.0), (other, 40.0), (both, 3.0), (both, 40.0)):
        timeline.count_session(record(arrival=arrival))
    one.merge(other)
    assert one == both
