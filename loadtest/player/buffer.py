"""The media buffer and the playhead: what was on screen, when it stalled, and when it will. Pure.

Time moves only by `advance`. A stall or the end of the film is dated to the moment it happened, even when the driver
is late to ask.
"""

from collections import deque
from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple

from loadtest.session import SessionRecord, Stall


class Playback(StrEnum):
    """What the viewer sees. The values are CMCD player states (CTA-5004-B `sta`)."""

    STARTING = "s"
    PLAYING = "p"
    SEEKING = "k"
    STALLED = "r"
    PAUSED = "a"
    ENDED = "e"


class Buffered(NamedTuple):
    """One video segment in the buffer."""

    start: float
    end: float
    bps: int


_WAITING = (Playback.STARTING, Playback.SEEKING, Playback.STALLED)
_EPSILON = 1e-6


@dataclass(slots=True)
class MediaBuffer:
    """Plays from the buffer of one session and writes into its record.

    The time is in seconds since the session began, positions in seconds of the film.
    """

    record: SessionRecord
    resume_after_s: float = 0.0
    """Waiting ends once this much is buffered; 0: with the first segment."""
    first_frame_s: float = 0.0
    """From enough in the buffer to the first picture: what a device takes to set up its decoder."""
    state: Playback = Playback.STARTING
    position: float = 0.0
    now: float = 0.0
    duration: float | None = None
    """Of the film; None while it is unknown or live."""
    ends: dict[str, float] = field(default_factory=dict)
    """Track → position up to which it is buffered without a gap."""
    is_locked: bool = False
    """Nothing plays before the licence has come."""
    optional: frozenset[str] = frozenset()
    """Tracks without which the film plays on: subtitles."""
    waiting_since: float = 0.0
    was_starved: bool = False
    """A stall has begun since the flag was cleared (CMCD `bs`)."""
    _paused_until: float | None = None
    _segments: deque[Buffered] = field(default_factory=deque)
    _last_bps: int | None = None
    _skips_startup: bool = False
    _first_frame_at_s: float | None = None

    def open(self, tracks: tuple[str, ...], position: float, duration: float | None) -> None:
        """Begin at `position` with these tracks, all empty."""
        self.position, self.duration = position, duration
        self.ends = dict.fromkeys(tracks, position)

    @property
    def end(self) -> float:
        """Position up to which every track is buffered."""
        needed = [end for track, end in self.ends.items() if track not in self.optional]
        return min(needed, default=self.position)

    @property
    def level_s(self) -> float:
        """Seconds that can be played before a stall."""
        return max(0.0, self.end - self.position)

    def ahead(self, track: str) -> float:
        """Seconds of one track ahead of the playhead."""
        return max(0.0, self.ends.get(track, self.position) - self.position)

    @property
    def shown_bps(self) -> int | None:
        """The rung on screen, by its bits per second; None before the first frame."""
        return self._last_bps

    @property
    def is_moving(self) -> bool:
        """Whether the playhead moves with the time."""
        return self.state is Playback.PLAYING

    def append(self, track: str, start: float, end: float, bps: int | None) -> None:
        """A segment has arrived. `bps` is the rung of a video segment, None for audio that accompanies video.

        Segments that do not continue the track's buffer (a seek has moved it since) are dropped.
        """
        known = self.ends[track]
        if not start - 0.5 <= known < end:
            return
        self.ends[track] = end
        if bps is not None:
            self._segments.append(Buffered(max(start, known), end, bps))
        self._resume_if_possible()

    def advance(self, now: float) -> None:
        """Let the time pass until `now`: play, stall, end a pause."""
        while self.now < now:
            until = now
            if self._paused_until is not None and self.state is Playback.PAUSED:
                until = min(now, self._paused_until)
            if self.state is Playback.PLAYING:
                until = min(now, self.now + self._playable_s())
            if self.state is Playback.STARTING and self._first_frame_at_s is not None:
                until = min(now, self._first_frame_at_s)
            self._pass(max(until, self.now))
            self._resume_if_possible()
            if self.state is Playback.PLAYING and self._playable_s() <= _EPSILON:
                self._run_dry()
            elif self.state is Playback.PAUSED and self._paused_until is not None and self.now >= self._paused_until:
                self._end_pause()
            if self.state is not Playback.PLAYING and self._timer_s is None:
                self._pass(now)

    def _pass(self, until: float) -> None:
        seconds = until - self.now
        self.now = until
        if self.state is Playback.PLAYING:
            self._show(seconds)
        elif self.state is Playback.PAUSED:
            self.record.paused_s += seconds

    def _playable_s(self) -> float:
        end = self.end if self.duration is None else min(self.end, self.duration)
        return max(0.0, end - self.position)

    def _show(self, seconds: float) -> None:
        target = self.position + seconds
        self.record.played_s += seconds
        while self._segments and self._segments[0].start < target:
            shown = self._segments[0]
            if self._last_bps is not None and shown.bps != self._last_bps:
                self.record.switches += 1
            self._last_bps = shown.bps
            on_screen = min(target, shown.end) - max(self.position, shown.start)
            if on_screen > 0:
                self.record.rungs_s[shown.bps] = self.record.rungs_s.get(shown.bps, 0.0) + on_screen
            if shown.end > target + _EPSILON:
                break
            self._segments.popleft()
        self.position = target

    def _run_dry(self) -> None:
        if self.duration is not None and self.position >= self.duration - 0.1:
            self.state = Playback.ENDED
        else:
            self.state, self.waiting_since, self.was_starved = Playback.STALLED, self.now, True

    def _resume_if_possible(self) -> None:
        if self.state not in _WAITING or not self.ends or self.is_locked:
            return
        whole = self.duration is not None and self.end >= self.duration - 0.1
        if self.level_s <= _EPSILON or (self.level_s < self.resume_after_s and not whole):
            return
        if self.state is Playback.STARTING and self.first_frame_s > 0:
            if self._first_frame_at_s is None:
                self._first_frame_at_s = self.now + self.first_frame_s
            if self.now < self._first_frame_at_s - _EPSILON:
                return
        waited = self.now - self.waiting_since
        if self.state is Playback.STALLED:
            self.record.add_stall(Stall(self.waiting_since, waited))
        elif self.state is Playback.SEEKING:
            self.record.seek_waits_s += waited
        elif not self._skips_startup:
            self.record.startup_s = waited
        self.state = Playback.PLAYING

    def unlock(self) -> None:
        """The licence has come."""
        self.is_locked = False
        self._resume_if_possible()

    def seek(self, position: float) -> None:
        """Jump. Without enough in the buffer there, the buffer is emptied and a wait begins that is no stall."""
        self._close_stall()
        if self.state is Playback.STARTING:
            self._skips_startup = True
        limit = self.duration if self.duration is not None else self.end
        self.position = min(max(0.0, position), max(0.0, limit))
        start = self._segments[0].start if self._segments else self.end
        if start <= self.position < self.end:
            while self._segments and self._segments[0].end <= self.position:
                self._segments.popleft()
        else:
            self._segments.clear()
            self.ends = dict.fromkeys(self.ends, self.position)
        self.state, self.waiting_since = Playback.SEEKING, self.now
        self._paused_until = None
        self._resume_if_possible()

    def pause(self, seconds: float) -> None:
        """Stop the playhead; loading goes on. A pause before the first frame makes the start-up time unknown."""
        self._close_stall()
        if self.state is Playback.STARTING:
            self._skips_startup = True
        self.state, self._paused_until = Playback.PAUSED, self.now + seconds

    def _end_pause(self) -> None:
        self._paused_until = None
        self.state, self.waiting_since = Playback.SEEKING, self.now
        self._resume_if_possible()

    def _close_stall(self) -> None:
        if self.state is Playback.STALLED:
            self.record.add_stall(Stall(self.waiting_since, self.now - self.waiting_since))

    def close(self) -> None:
        """End the session: a stall that goes on is counted up to now."""
        self._close_stall()
        self.state = Playback.ENDED

    @property
    def next_change_s(self) -> float | None:
        """When the state will change if nothing arrives: the next stall, the end, or the end of a pause."""
        return self.now + self._playable_s() if self.state is Playback.PLAYING else self._timer_s

    @property
    def _timer_s(self) -> float | None:
        if self.state is Playback.STARTING:
            return self._first_frame_at_s
        return self._paused_until if self.state is Playback.PAUSED else None

    @property
    def waited_s(self) -> float:
        """How long the viewer has been waiting for a picture; 0 when they are not."""
        return self.now - self.waiting_since if self.state in _WAITING else 0.0
