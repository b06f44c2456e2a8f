"""The trace that hit ratios are measured on."""

from collections import defaultdict
from itertools import pairwise

import pytest

from loadtest.planner.trace import LADDER_BPS, MAX_TITLE_SEGMENTS, SEGMENT_S, trace_rows
from loadtest.population.viewers import Population
from loadtest.population.watching import Watching


def rows(sessions=200, titles=50, seed=1, **watching):
    return trace_rows(Population(watching=Watching(**watching)), titles, sessions=sessions, seconds=86400.0, seed=seed)


def test_rows_are_in_order_of_time_and_the_same_for_a_seed():
    found = rows()
    assert found == sorted(found)
    assert found == rows()
    assert found != rows(seed=2)


def test_an_object_has_one_size_near_that_of_its_rung():
    sizes = defaultdict(set)
    for row in rows():
        sizes[row.obj_id].add(row.obj_size)
    assert all(len(each) == 1 for each in sizes.values())
    for object_id, (size,) in sizes.items():
        mean = LADDER_BPS[object_id // (MAX_TITLE_SEGMENTS + 1) % len(LADDER_BPS)] * SEGMENT_S / 8
        assert 0.49 * mean <= size <= 1.51 * mean


def test_a_session_starts_low_and_goes_through_its_title_in_order():
    found = rows(sessions=1, titles=1, complete_share=1.0, seeks_mean=0.0, resume_share=0.0)
    segments = [row.obj_id % (MAX_TITLE_SEGMENTS + 1) for row in found]
    assert segments == list(range(len(found)))
    levels = [row.obj_id // (MAX_TITLE_SEGMENTS + 1) for row in found]
    assert levels[0] == levels[1] == max(0, levels[2] - 2)
    gaps = [later.time - earlier.time for earlier, later in pairwise(found)]
    assert gaps[0] < SEGMENT_S / 2
    assert gaps[-1] == pytest.approx(SEGMENT_S)


def test_popular_objects_are_requested_again():
    found = rows(sessions=400)
    assert len({row.obj_id for row in found}) < 0.8 * len(found)
