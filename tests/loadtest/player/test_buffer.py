import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadtest.player.buffer import MediaBuffer, Playback
from loadtest.session import SessionRecord, Stall, Viewer


def buffer(*, tracks=("video",), duration=40.0, position=0.0, resume_after_s=0.0):
    made = MediaBuffer(SessionRecord(Viewer(1, "t")), resume_after_s)
    made.open(tracks, position, duration)
    return made


def fill(made, start, end, bps=1_000_000):
    made.append("video", start, end, bps)


def test_a_stall_is_dated_to_when_the_buffer_ran_dry():
    made = buffer()
    made.advance(1.0)
    fill(made, 0, 4)
    made.advance(9.0)
    assert made.state is Playback.STALLED
    made.advance(10.0)
    fill(made, 4, 8)
    made.advance(11.0)
    assert made.record.startup_s == 1.0
    assert made.record.stalls == [Stall(5.0, 5.0)]
    assert made.record.played_s == pytest.approx(5.0)


def test_the_first_picture_comes_after_the_decoder_is_set_up():
    made = MediaBuffer(SessionRecord(Viewer(1, "t")), first_frame_s=0.2)
    made.open(("video",), 0.0, 8.0)
    made.advance(1.0)
    fill(made, 0, 4)
    assert made.state is Playback.STARTING
    assert made.next_change_s == pytest.approx(1.2)
    made.advance(3.0)
    assert made.state is Playback.PLAYING
    assert (made.record.startup_s, made.position) == (pytest.approx(1.2), pytest.approx(1.8))
    fill(made, 4, 8)
    made.advance(20.0)
    assert made.state is Playback.ENDED


def test_the_picture_waits_for_the_slower_track():
    made = buffer(tracks=("video", "audio"))
    fill(made, 0, 4)
    made.advance(1.0)
    assert made.state is Playback.STARTING
    made.append("audio", 0, 2, None)
    made.advance(5.0)
    assert made.record.stalled_s == 0, "it goes on"
    assert made.state is Playback.STALLED
    assert made.position == pytest.approx(2.0)


def test_seconds_and_switches_are_counted_on_screen():
    made = buffer()
    for start, bps in ((0, 1), (4, 2), (8, 1)):
        fill(made, start, start + 4, bps)
    made.advance(10.0)
    assert made.record.rungs_s == {1: pytest.approx(6.0), 2: pytest.approx(4.0)}
    assert made.record.switches == 2


def test_the_end_of_the_film_is_no_stall():
    made = buffer(duration=8.0)
    fill(made, 0, 8)
    made.advance(20.0)
    assert made.state is Playback.ENDED
    assert (made.record.played_s, made.record.stall_count) == (pytest.approx(8.0), 0)


def test_a_seek_inside_the_buffer_plays_on_and_one_outside_waits_without_a_stall():
    made = buffer()
    fill(made, 0, 8)
    made.advance(1.0)
    made.seek(5.0)
    assert made.state is Playback.PLAYING
    made.seek(20.0)
    made.advance(3.0)
    assert (made.state, made.ends) == (Playback.SEEKING, {"video": 20.0})
    fill(made, 20, 24)
    assert made.state is Playback.PLAYING
    assert made.record.seek_waits_s == pytest.approx(2.0)
    assert made.record.stalled_s == 0


def test_a_segment_that_was_asked_for_before_a_seek_is_dropped():
    made = buffer()
    made.seek(20.0)
    fill(made, 0, 4)
    assert made.ends == {"video": 20.0}


def test_a_pause_is_neither_playing_nor_stalling():
    made = buffer()
    fill(made, 0, 8)
    made.advance(2.0)
    made.pause(10.0)
    made.advance(20.0)
    assert made.record.paused_s == pytest.approx(10.0)
    assert made.record.stalled_s == 0
    assert made.record.played_s == pytest.approx(8.0), "it ran dry when the pause was over"


@pytest.mark.parametrize("act", [lambda made: made.seek(4.0), lambda made: made.pause(1.0)])
def test_startup_is_unknown_when_the_viewer_acts_before_the_first_frame(act):
    made = buffer()
    act(made)
    made.advance(2.0)
    for start in range(0, 12, 4):
        fill(made, start, start + 4)
    assert made.record.startup_s is None


def test_a_wait_lasts_until_enough_is_buffered_or_the_film_is():
    made = buffer(resume_after_s=6.0, duration=12.0)
    fill(made, 0, 4)
    assert made.state is Playback.STARTING
    fill(made, 4, 8)
    assert made.state is Playback.PLAYING
    made.advance(9.0)
    fill(made, 8, 12)
    assert made.state is Playback.PLAYING


@given(st.lists(st.tuples(st.floats(0.01, 9), st.booleans()), max_size=30))
def test_the_time_since_the_start_is_accounted_for(steps):
    """Played, stalled and paused seconds add up to the time since the first frame, however the steps fall."""
    made, now, end = buffer(duration=None), 0.0, 0.0
    fill(made, 0, 4)
    end = 4.0
    for seconds, arrives in steps:
        now += seconds
        made.advance(now)
        if arrives:
            fill(made, end, end + 4)
            end += 4
    made.close()
    record = made.record
    assert record.played_s + record.stalled_s + record.paused_s == pytest.approx(now)
    assert sum(record.rungs_s.values()) == pytest.approx(record.played_s)
