import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadtest.player.presentation import Part, Segment, Timeline


def timeline(*durations, live=False, sequence=0):
    made, start = [], 0.0
    for number, duration in enumerate(durations):
        made.append(Segment(Part(str(sequence + number)), start, duration))
        start += duration
    return Timeline(tuple(made), live, 4.0, sequence)


@pytest.mark.parametrize(
    ("position", "index"), [(-1, 0), (0, 0), (3.9, 0), (3.96, 1), (4, 1), (11.9, 2), (11.96, 3), (99, 3)]
)
def test_the_segment_at_a_position(position, index):
    assert timeline(4, 4, 4).index_at(position) == index


@given(st.lists(st.floats(0.2, 10), min_size=1, max_size=30), st.floats(0, 1))
def test_every_position_has_the_segment_that_covers_it(durations, share):
    found = timeline(*durations)
    index = found.index_at(share * found.end * 0.99, tolerance=0.0)
    assert found.segments[index].start <= share * found.end <= found.segments[index].end + found.end * 0.011


@pytest.mark.parametrize(
    ("sequence", "start"),
    [(10, 0.0), (11, 4.0), (13, 12.0), (15, 20.0), (9, 0.0)],
    ids=["the same", "one later", "after the last", "two were missed", "started over"],
)
def test_a_later_live_playlist_continues_the_time_axis(sequence, start):
    known = timeline(4, 4, 4, live=True, sequence=10)
    assert timeline(4, 4, live=True, sequence=sequence).continuing(known).segments[0].start == start
