"""The state machine of a view: signals at their times, and the clocks and counts that follow."""

import pytest

from services.analytics.views.play_state import PlayState, Track, apply_event
from services.analytics.views.view_event import Signal, Source, ViewEvent

S = Signal


def play(*steps, gap=150.0):
    """A track after steps of (second, signal, more)."""
    track = Track(gap)
    for at, signal, *more in steps:
        apply_event(
            track, ViewEvent("s", 1000.0 + at, 0.0, Source.CMCD, signal, signal.value, **(more[0] if more else {}))
        )
    return track


STARTED = ((0, S.INTENT), (2, S.PLAYING))


@pytest.mark.parametrize(
    ("steps", "expected"),
    [
        # Startup: from the intent to the first frame; waits before it are the startup itself.
        (STARTED, {"startup": 2, "stalls": 0}),
        (((0, S.PRELOAD), (5, S.INTENT), (6, S.WAITING), (7, S.PLAYING)), {"startup": 2, "stalls": 0, "stalled": 0}),
        (((0, S.INTENT), (2, S.PLAYING, {"startup": 2.6})), {"startup": 2.6}),
        # A pause or a seek before the first frame makes the startup no measure of the platform.
        (((0, S.INTENT), (1, S.PAUSED), (9, S.INTENT), (10, S.PLAYING)), {"startup": -1, "has_started": True}),
        (((0, S.INTENT), (1, S.SEEKING), (2, S.PLAYING)), {"startup": -1}),
        # Stalls, seeks and pauses have a clock each.
        ((*STARTED, (10, S.WAITING), (13, S.PLAYING), (20, S.HEARTBEAT)), {"played": 15, "stalled": 3, "stalls": 1}),
        ((*STARTED, (10, S.SEEKING), (11, S.WAITING), (14, S.PLAYING)), {"sought": 4, "stalls": 0, "seeks": 1}),
        ((*STARTED, (10, S.PAUSED), (11, S.WAITING), (40, S.PLAYING)), {"paused": 30, "stalled": 0, "stalls": 0}),
        ((*STARTED, (10, S.WAITING), (12, S.PAUSED), (30, S.PLAYING)), {"stalled": 2, "stalls": 1, "paused": 18}),
        ((*STARTED, (10, S.WAITING), (12, S.SEEKING), (15, S.PLAYING)), {"stalled": 2, "sought": 3}),
        ((*STARTED, (10, S.WAITING), (12, S.WAITING), (15, S.PLAYING)), {"stalled": 5, "stalls": 1}),
        # Ends.
        ((*STARTED, (10, S.ENDED), (90, S.HEARTBEAT)), {"played": 8, "state": PlayState.ENDED}),
        ((*STARTED, (10, S.QUIT), (11, S.PAUSED)), {"played": 8, "state": PlayState.LEFT}),
        # A failure stays one when the viewer leaves it, and is a stall when the player goes on by itself.
        ((*STARTED, (10, S.FATAL, {"code": "x"}), (20, S.QUIT)), {"state": PlayState.FAILED, "fatal_code": "x"}),
        ((*STARTED, (10, S.FATAL), (11, S.INTENT), (14, S.PLAYING)), {"stalled": 4, "stalls": 1, "errors": 1}),
        (((0, S.INTENT), (3, S.FATAL)), {"state": PlayState.FAILED, "has_started": False, "starting": 3}),
        # A silence beyond the gap was a sleep, and a clock that goes back is no time.
        ((*STARTED, (500, S.HEARTBEAT), (510, S.HEARTBEAT)), {"played": 10}),
        ((*STARTED, (10, S.HEARTBEAT), (4, S.HEARTBEAT), (12, S.HEARTBEAT)), {"played": 10}),
    ],
)  # fmt: skip
def test_signals_run_clocks(steps, expected):
    track = play(*steps)
    assert {name: pytest.approx(getattr(track, name)) if isinstance(value, int | float) else getattr(track, name)
            for name, value in expected.items()} == expected  # fmt: skip


def test_bitrate_is_weighed_by_the_time_it_played():
    track = play(
        (0, S.INTENT),
        (1, S.BITRATE, {"bitrate": 1000}),
        (2, S.PLAYING),
        (12, S.BITRATE, {"bitrate": 4000}),
        (15, S.WAITING),
        (25, S.PLAYING),
        (42, S.HEARTBEAT),
    )
    assert track.kilobits == pytest.approx(10 * 1000 + 20 * 4000)
    assert (track.rated, track.switches) == (pytest.approx(30), 1)


def test_the_first_bitrate_is_no_switch_and_responses_count_only_where_changes_are_not_reported():
    assert play((0, S.BITRATE, {"bitrate": 9}), (1, S.BITRATE, {"bitrate": 9})).switches == 0
    track = play((0, S.RESPONSE, {"bitrate": 9}), (1, S.RESPONSE, {"bitrate": 8}), (2, S.BITRATE, {"bitrate": 7}))
    assert (track.switches, track.bitrate) == (2, 7)
