"""What the packets of the picture say."""

import pytest

from origin.ingest.timeline import Timeline


def timeline(times, *, may_jump=False, duration=0.04):
    made = Timeline(may_jump)
    for number, time in enumerate(times):
        made.read_packet(f"{time:.6f},{time:.6f},{duration:.6f},{'K__' if number % 25 == 0 else '___'}")
    made.finish()
    return made


def steady(start, count, step=0.04):
    return [start + index * step for index in range(count)]


def test_a_steady_film():
    """Its end is that of its last frame."""
    found = timeline(steady(1.4, 100))
    assert (found.packets, found.keyframes, found.first) == (100, 4, 1.4)
    assert found.end == pytest.approx(5.4)
    assert found.fastest == pytest.approx(25)
    assert found.average == pytest.approx(25)


def test_frames_out_of_order():
    """They are stored in decoding order."""
    times = [0.0, 0.12, 0.04, 0.08, 0.24, 0.16, 0.2]
    assert timeline(times).fastest == pytest.approx(25)


@pytest.mark.parametrize(
    ("times", "end"),
    [
        (steady(0, 50) + steady(3600, 50), 4.0),
        (steady(7200, 50) + steady(0, 50), 7204.0),
        (steady(0, 50) + steady(8, 50), 10.0),
    ],
)
def test_a_clock_that_jumps(times, end):
    """A broadcast was promised to last 3605 s; a gap under ten seconds is one."""
    assert timeline(times, may_jump=True).end == pytest.approx(end, abs=0.001)


def test_a_clock_that_may_not_jump():
    """An mp4's picture may stand for an hour."""
    assert timeline(steady(0, 50) + steady(3600, 50)).end == pytest.approx(3602)


def test_a_burst_sets_the_rate_and_a_glitch_does_not():
    """A screen that stands still and then scrolls."""
    assert timeline(steady(0, 60, 1.0) + steady(60, 60, 1 / 60)).fastest == pytest.approx(60, rel=0.01)
    assert timeline([*steady(0, 100), 3.961, *steady(4, 100)]).fastest == pytest.approx(25)


def test_what_is_not_shown_does_not_count():
    """An edit list hides the first packets."""
    made = Timeline()
    made.read_packet("-0.080000,-0.080000,0.040000,KD_")
    made.read_packet("0.000000,N/A,0.040000,K__")
    made.finish()
    assert (made.packets, made.first) == (1, 0.0)


def test_frames_without_times():
    """A bare stream has none."""
    made = Timeline()
    made.read_packet("N/A,N/A,0.040000,K__")
    made.finish()
    assert (made.packets, made.untimed, made.first, made.fastest) == (1, 1, None, 0.0)
    assert made.average == 25.0


def test_times_beyond_reason_are_none():
    """A hostile file would be planned as eons of film."""
    made = Timeline()
    for time in ("1e300", "inf", "nan", "-1e12"):
        made.read_packet(f"{time},{time},0.04,K__")
    made.finish()
    assert (made.first, made.end, made.untimed) == (None, 0.0, 4)
