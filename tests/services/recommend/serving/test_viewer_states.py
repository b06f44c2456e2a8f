"""What is kept of viewers, and when it is read again."""

import asyncio

import numpy as np
import pytest

from services.recommend.serving.viewer_states import MAX_AGE_SECONDS, ViewerStates, make_state

ROWS = [
    ("liked", 1, 0, 0, -1.0, 5.0),
    ("disliked", -1, 1, 0, -1.0, 4.0),
    ("left", 0, 1, 0, 0.05, 3.0),
    ("begun", 0, 0, 0, 0.5, 9.0),
    ("clicked", 0, 0, 1, -1.0, 1.0),
]


def test_marks_become_a_state():
    state = make_state(ROWS, 0.0)
    assert state.liked == ("begun", "liked", "clicked")
    assert np.allclose(state.weights, [0.75, 1.0, 0.2])
    assert state.seen == ("begun", "liked", "disliked", "left")
    assert state.disliked == {"disliked"}
    assert state.begun == ("begun", "left")


class Reader:
    """Reads of marks, counted; held back while a gate is closed."""

    def __init__(self):
        self.reads = 0
        self.gate = asyncio.Event()
        self.gate.set()

    async def read(self, user):
        self.reads += 1
        await self.gate.wait()
        return ROWS


async def test_a_state_is_read_once_until_it_is_forgotten_or_old():
    reader = Reader()
    states = ViewerStates(reader.read, 1 << 20)
    first = await states.find("u", 0.0)
    assert await states.find("u", 1.0) is first
    states.forget("u")
    assert await states.find("u", 2.0) is not first
    await states.find("u", 3.0 + MAX_AGE_SECONDS)
    assert reader.reads == 3


async def test_an_event_during_a_read_is_not_lost():
    reader = Reader()
    states = ViewerStates(reader.read, 1 << 20)
    reader.gate.clear()
    async with asyncio.TaskGroup() as group:
        reading = group.create_task(states.find("u", 0.0))
        while not reader.reads:
            await asyncio.sleep(0)
        states.forget("u")
        reader.gate.set()
    assert reading.result().liked
    assert states.held("u", 0.0) is None


async def test_memory_is_bounded_and_those_used_last_stay():
    states = ViewerStates(Reader().read, 5 * make_state(ROWS, 0.0).size)
    for number in range(10):
        await states.find(f"u{number}", 0.0)
        await states.find("u0", 0.0)
    assert len(states) == 5
    assert states.held("u0", 0.0) is not None


def test_dislikes_count_towards_the_memory():
    disliked = [(f"film-{number}", -1, 0, 0, -1.0, 1.0) for number in range(1000)]
    assert make_state(disliked, 0.0).size > 100_000


class Series:
    """s has the episodes s1, s2 and s3."""

    def series_of(self, content_id):
        return content_id[0] if content_id[0] == "s" else content_id

    def episodes_of(self, series):
        return 3


def test_episodes_count_once_for_their_series():
    rows = [
        ("s1", 0, 0, 0, 0.95, 5.0), ("s2", 0, 0, 0, 0.4, 7.0), ("film", 1, 0, 0, -1.0, 6.0),
        ("s3", -1, 0, 0, -1.0, 8.0),
    ]  # fmt: skip
    state = make_state(rows, 0.0, Series())
    assert state.liked == ("s", "film")
    assert state.weights.tolist() == [1.0, 1.0]
    assert state.seen == ("s", "film")
    assert state.begun == ("s",)
    assert not state.disliked


@pytest.mark.parametrize(
    ("shares", "begun"),
    [([0.95], True), ([0.95, 0.95], True), ([0.95, 0.95, 0.95], False), ([0.95, 0.95, 0.5], True), ([0.01], False)],
)
def test_a_series_goes_on_until_all_of_it_is_watched(shares, begun):
    rows = [(f"s{number}", 0, 0, 0, share, float(number)) for number, share in enumerate(shares, 1)]
    assert make_state(rows, 0.0, Series()).begun == (("s",) if begun else ())


def test_a_series_that_is_disliked_stays_away_whatever_is_watched_of_it():
    rows = [("s", -1, 0, 0, -1.0, -1.0), ("s1", 1, 0, 0, 0.9, 9.0)]
    assert make_state(rows, 0.0, Series()).disliked == {"s"}
