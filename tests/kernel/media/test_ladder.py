"""The ladder is cut to the source: never larger, always even, in square pixels."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kernel.media.ladder import display_size, frame_rate, gop_frames, ladder, nominal_lines


@pytest.mark.parametrize(
    ("size", "rungs"),
    [
        ((1280, 720), [("v240", 426, 240), ("v360", 640, 360), ("v480", 854, 480), ("v720", 1280, 720)]),
        ((640, 480), [("v240", 320, 240), ("v360", 480, 360), ("v480", 640, 480)]),
        ((1920, 800), [("v240", 426, 178), ("v360", 640, 266), ("v480", 854, 356), ("v720", 1280, 534),
                       ("v1080", 1920, 800)]),
        ((1080, 1920), [("v240", 240, 426), ("v360", 360, 640), ("v480", 480, 854), ("v720", 720, 1280),
                        ("v1080", 1080, 1920)]),
        ((319, 177), [("v180", 318, 176)]),
        ((640, 478), [("v240", 322, 240), ("v360", 482, 360), ("v480", 640, 478)]),
        ((1024, 576), [("v240", 426, 240), ("v360", 640, 360), ("v480", 854, 480), ("v576", 1024, 576)]),
        ((64, 48), [("v48", 64, 48)]),
    ],
)  # fmt: skip
def test_rungs_for_a_source(size, rungs):
    """Standard rungs that fit; a tiny source gets one of its own size."""
    assert [(rung.name, rung.width, rung.height) for rung in ladder(*size, Fraction(25))] == rungs


def test_a_film_in_4k_ends_at_1080():
    """The ladder's top is 1080 lines."""
    assert ladder(3840, 2160, Fraction(24))[-1].height == 1080


@given(st.integers(16, 5000), st.integers(16, 5000), st.integers(1, 5))
def test_never_larger_never_odd(width, height, most):
    """Whatever the source: within it, even, ascending, at most as many as wanted."""
    rungs = ladder(width, height, Fraction(30), most=most)
    assert 1 <= len(rungs) <= most
    for rung in rungs:
        assert rung.width <= width
        assert rung.height <= height
        assert rung.width % 2 == rung.height % 2 == 0
        assert 0 < rung.peak < rung.buffer
    assert sorted({rung.lines for rung in rungs}) == [rung.lines for rung in rungs]


def test_fewer_rungs_keep_the_ends():
    """With a limit the lowest and the highest stay."""
    assert [rung.name for rung in ladder(1920, 1080, Fraction(24), most=2)] == ["v240", "v1080"]
    assert [rung.name for rung in ladder(1920, 1080, Fraction(24), most=1)] == ["v1080"]


def test_a_fast_film_may_cost_more():
    """60 frames a second get more bits than 30."""
    assert ladder(640, 360, Fraction(60))[0].peak > ladder(640, 360, Fraction(30))[0].peak


def test_too_small_a_picture_is_refused():
    """Under 16 pixels nothing plays."""
    with pytest.raises(ValueError, match="too small"):
        ladder(1000, 10, Fraction(25))


@pytest.mark.parametrize(
    ("stored", "aspect", "rotation", "shown"),
    [
        ((720, 576), Fraction(64, 45), 0, (1024, 576)),
        ((8000, 100), Fraction(10), 0, (8192, 10)),
        ((720, 480), Fraction(8, 9), 0, (640, 480)),
        ((1920, 1080), Fraction(1), 90, (1080, 1920)),
        ((1920, 1080), Fraction(1), -180, (1920, 1080)),
        ((1920, 1080), Fraction(0), 0, (1920, 1080)),
    ],
)
def test_display_size(stored, aspect, rotation, shown):
    """Square pixels by a wider or narrower picture, all lines kept, turned as it is to be seen."""
    assert display_size(*stored, aspect, rotation) == shown


def test_nominal_lines_are_of_the_box():
    """Scope and 4:3 are classed by the 16:9 box round them."""
    assert [nominal_lines(*size) for size in ((1920, 800), (1440, 1080), (720, 1280))] == [1080, 1080, 720]


@pytest.mark.parametrize(
    ("average", "base", "rate"),
    [
        ("24", "24", "24"),
        ("30000/1001", "30000/1001", "30000/1001"),
        ("28.6", "90000", "30000/1001"),
        ("24.85", "25", "25"),
        ("13.3", "25", "25"),
        ("120", "120", "60"),
        ("0", "0", "25"),
        ("1", "1", "5"),
        ("59.93", "1000", "60000/1001"),
    ],
)
def test_frame_rate(average, base, rate):
    """Steady sources keep their rate, unsteady ones lose no frame, extremes are tamed."""
    assert frame_rate(Fraction(average), Fraction(base)) == Fraction(rate)


@pytest.mark.parametrize(
    ("average", "base", "fastest", "rate"),
    [
        ("2", "60", 59.9, "60"),
        ("2", "1000", 62.5, "60"),
        ("2", "1000", 500.0, "60"),
        ("24000/1001", "24000/1001", 24.4, "24000/1001"),
        ("10", "100", 30.3, "30"),
    ],
)
def test_a_picture_that_moves_fast_at_times(average, base, fastest, rate):
    """The rate of these times: a screen recording of 1 frame/s with a burst of 60 became 10."""
    assert frame_rate(Fraction(average), Fraction(base), fastest) == Fraction(rate)


@given(st.fractions(0, 200), st.fractions(0, 100_000), st.floats(0, 10_000))
def test_any_frame_rate_can_be_encoded(average, base, fastest):
    """Between 5 and 60 whatever the container claims."""
    assert 5 <= frame_rate(average, base, fastest) <= 60


def test_gop_never_cuts_before_the_forced_keyframe():
    """At 23.976 the 96th frame is the first at or after 4 s."""
    assert gop_frames(Fraction(24000, 1001)) == 96
    assert gop_frames(Fraction(25)) == 100
