"""The state machine of a view, as two tables: what signals do before the first frame, and what they do after it. Pure.

Times follow from the states: a track adds the time between two events to the clock of the state that it was in. The
definitions that are made of these clocks stand in `quality`, and in docs/analytics.md.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

from msgspec import Struct

from services.analytics.views.view_event import Signal, ViewEvent


class PlayState(StrEnum):
    """What the viewer sees."""

    NEW = "new"
    """Nothing was asked for yet."""
    STARTING = "starting"
    PLAYING = "playing"
    STALLED = "stalled"
    """Waiting for data after the first frame, neither in a seek nor in a pause."""
    SEEKING = "seeking"
    """From a seek to the picture after it: the viewer caused this wait."""
    PAUSED = "paused"
    ENDED = "ended"
    LEFT = "left"
    FAILED = "failed"


_ANYWHERE: Mapping[tuple[PlayState, Signal], PlayState] = {
    **{(state, Signal.PLAYING): PlayState.PLAYING for state in PlayState},
    **{(state, Signal.FATAL): PlayState.FAILED for state in PlayState},
    # Whoever leaves a player that has failed has seen a failure.
    **{(state, Signal.QUIT): PlayState.LEFT for state in PlayState if state is not PlayState.FAILED},
}

BEFORE_FIRST_FRAME: Mapping[tuple[PlayState, Signal], PlayState] = {
    **_ANYWHERE,
    (PlayState.NEW, Signal.INTENT): PlayState.STARTING,
    (PlayState.NEW, Signal.WAITING): PlayState.STARTING,
    (PlayState.FAILED, Signal.INTENT): PlayState.STARTING,
    (PlayState.FAILED, Signal.PRELOAD): PlayState.STARTING,
    (PlayState.LEFT, Signal.INTENT): PlayState.STARTING,
    # Paused before it started: the clock of the start stops, and the next intent starts it again.
    (PlayState.STARTING, Signal.PAUSED): PlayState.PAUSED,
    (PlayState.PAUSED, Signal.INTENT): PlayState.STARTING,
    (PlayState.PAUSED, Signal.WAITING): PlayState.STARTING,
    (PlayState.STARTING, Signal.ENDED): PlayState.ENDED,
}
AFTER_FIRST_FRAME: Mapping[tuple[PlayState, Signal], PlayState] = {
    **_ANYWHERE,
    (PlayState.PLAYING, Signal.WAITING): PlayState.STALLED,
    (PlayState.PLAYING, Signal.SEEKING): PlayState.SEEKING,
    (PlayState.STALLED, Signal.SEEKING): PlayState.SEEKING,
    (PlayState.ENDED, Signal.SEEKING): PlayState.SEEKING,
    # `waiting` in a seek or a pause is no stall, so there is no row for it.
    (PlayState.PLAYING, Signal.PAUSED): PlayState.PAUSED,
    (PlayState.STALLED, Signal.PAUSED): PlayState.PAUSED,
    (PlayState.SEEKING, Signal.PAUSED): PlayState.PAUSED,
    (PlayState.PLAYING, Signal.ENDED): PlayState.ENDED,
    (PlayState.STALLED, Signal.ENDED): PlayState.ENDED,
    (PlayState.SEEKING, Signal.ENDED): PlayState.ENDED,
    (PlayState.PAUSED, Signal.ENDED): PlayState.ENDED,
    # A player that gave up and loads again, from another edge, makes the viewer wait.
    (PlayState.FAILED, Signal.INTENT): PlayState.STALLED,
    (PlayState.FAILED, Signal.PRELOAD): PlayState.STALLED,
    (PlayState.FAILED, Signal.WAITING): PlayState.STALLED,
    (PlayState.LEFT, Signal.INTENT): PlayState.STALLED,
}
"""Pairs that are in no table leave the state as it is."""


class Track(Struct):
    """One source's account of a view. Clocks in seconds.

    `max_gap`: a longer silence between two events is not counted: the device slept, or its clock was set.
    """

    max_gap: float
    state: PlayState = PlayState.NEW
    since: float = 0.0
    events: int = 0
    has_started: bool = False
    startup: float = -1.0
    startup_counts: bool = True
    """False after a pause or a seek before the first frame."""
    starting: float = 0.0
    played: float = 0.0
    stalled: float = 0.0
    sought: float = 0.0
    paused: float = 0.0
    failed: float = 0.0
    stalls: int = 0
    seeks: int = 0
    errors: int = 0
    fatal_code: str = ""
    bitrate: int = 0
    kilobits: float = 0.0
    rated: float = 0.0
    switches: int = 0


_CLOCKS: Mapping[PlayState, str] = {
    PlayState.STARTING: "starting",
    PlayState.PLAYING: "played",
    PlayState.STALLED: "stalled",
    PlayState.SEEKING: "sought",
    PlayState.PAUSED: "paused",
    PlayState.FAILED: "failed",
}


def apply_event(track: Track, event: ViewEvent) -> None:
    """Move the track to an event; events come in the order of their `at`."""
    _run_clock(track, event.at)
    track.events += 1
    match event.signal:
        case Signal.BITRATE | Signal.RESPONSE:
            _set_bitrate(track, event)
        case Signal.SOUGHT:
            track.seeks += 1
            track.startup_counts &= track.has_started
        case Signal.ERROR | Signal.FATAL:
            track.errors += 1
            if event.signal is Signal.FATAL:
                track.fatal_code = event.code or track.fatal_code
        case _:
            pass
    _change_state(track, event)


def _run_clock(track: Track, at: float) -> None:
    gap = at - track.since if track.since else 0.0
    # A late event, or a clock that was set back: no time has passed, and it is not counted twice.
    if gap > 0:
        clock = _CLOCKS.get(track.state)
        if clock is not None and gap <= track.max_gap:
            setattr(track, clock, getattr(track, clock) + gap)
            if track.state is PlayState.PLAYING and track.bitrate:
                track.kilobits += gap * track.bitrate
                track.rated += gap
    track.since = max(track.since, at)


def _change_state(track: Track, event: ViewEvent) -> None:
    table = AFTER_FIRST_FRAME if track.has_started else BEFORE_FIRST_FRAME
    after = table.get((track.state, event.signal), track.state)
    if event.signal is Signal.SEEKING:
        track.startup_counts &= track.has_started
        track.seeks += after is not track.state
    if after is track.state:
        return
    if track.state is PlayState.FAILED and track.has_started:
        track.stalled += track.failed
        track.stalls += 1
        track.failed = 0.0
    elif after is PlayState.STALLED:
        track.stalls += 1
    if after is PlayState.PAUSED and not track.has_started:
        track.startup_counts = False
    if after is PlayState.PLAYING and not track.has_started:
        _remember_start(track, event)
    track.state = after


def _remember_start(track: Track, event: ViewEvent) -> None:
    track.has_started = True
    measured = event.startup if event.startup >= 0 else track.starting if track.state is PlayState.STARTING else -1.0
    track.startup = measured if track.startup_counts else -1.0


def _set_bitrate(track: Track, event: ViewEvent) -> None:
    if not event.bitrate:
        return
    # Responses may name the bitrate of what is buffered; where the player reports changes, only those count.
    if event.signal is Signal.RESPONSE and track.switches:
        return
    if track.bitrate and track.bitrate != event.bitrate:
        track.switches += 1
    track.bitrate = event.bitrate
