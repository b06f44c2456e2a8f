"""What goes into a virtual viewer and what comes out: the populations write Viewers, the players return SessionRecords.

A record holds totals, never single requests, so that 100,000 sessions fit in memory.
"""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple

from loadtest.histogram import Histogram


@dataclass(frozen=True, slots=True)
class RateStep:
    """A stretch of a network's life: `rate_bps` bits a second for `seconds`."""

    seconds: float
    rate_bps: float


@dataclass(frozen=True, slots=True)
class NetworkProfile:
    """The viewer's access line. The steps repeat from the session's start; no step means no limit."""

    name: str
    steps: tuple[RateStep, ...] = ()
    latency_s: float = 0.0
    """One round trip, added to each request before its first byte."""
    loss: float = 0.0
    """Share of packets lost, 0-1; lowers the rate that one connection reaches."""


UNLIMITED = NetworkProfile("unlimited")


@dataclass(frozen=True, slots=True)
class Device:
    """What plays: its screen bounds the rendition, its memory the buffer."""

    name: str = "desktop"
    max_height: int | None = None
    buffer_goal_s: float = 30.0
    user_agent: str = "matinee-loadtest/1.0"


@dataclass(frozen=True, slots=True)
class Seek:
    """Jump to the media time `to_s` when `at_s` seconds have passed since the session began."""

    at_s: float
    to_s: float


@dataclass(frozen=True, slots=True)
class Pause:
    """Stop the clock of the film for `for_s` seconds when `at_s` seconds have passed since the session began."""

    at_s: float
    for_s: float


Action = Seek | Pause


@dataclass(frozen=True, slots=True)
class Viewer:
    """One session to be played. Times are seconds of the story, which a compressed run divides by its speed."""

    number: int
    title: str
    """URL of a multivariant playlist or MPD; or a contentId, which the gateway's `/playback/start` resolves."""
    arrival_s: float = 0.0
    """When the session begins, since the run's start."""
    watch_s: float | None = None
    """Leaves when this many seconds of film were played; None watches to the end."""
    patience_s: float | None = None
    """Leaves when the first frame or a stall takes longer than this; None waits for ever."""
    country: str | None = None
    region: str | None = None
    device: Device = Device()
    network: NetworkProfile = UNLIMITED
    actions: tuple[Action, ...] = ()
    """Sorted by `at_s`."""
    start_position_s: float | None = None
    """Resumes here; None takes the position that the gateway remembers, else 0."""
    seed: int = 0


class RequestKind(StrEnum):
    """What a request was for."""

    START = "start"
    MANIFEST = "manifest"
    INIT = "init"
    SEGMENT = "segment"
    LICENCE = "licence"
    STEERING = "steering"
    HEARTBEAT = "heartbeat"
    EVENTS = "events"


class Failure(StrEnum):
    """Why a request gave no usable answer, besides an HTTP status of 400 and above."""

    CONNECT = "connect"
    """No connection: refused, unreachable, or the name is unknown."""
    TIMEOUT = "timeout"
    TRUNCATED = "truncated"
    """The connection ended before the whole body had arrived."""
    LENGTH = "length"
    """The body was whole and of another length than the manifest or the origin says."""
    CHECKSUM = "checksum"
    """The body differs from the origin's."""
    PROTOCOL = "protocol"
    """The answer was no HTTP, or a redirect led nowhere."""


class Tier(StrEnum):
    """Which tier answered from its store, by Cache-Status (RFC 9211) or X-Cache."""

    EDGE = "edge"
    SHIELD = "shield"
    ORIGIN = "origin"
    UNKNOWN = "unknown"


class RequestKey(NamedTuple):
    """Requests with the same key are counted together."""

    kind: RequestKind
    outcome: int | Failure
    """The HTTP status, or what else went wrong."""
    tier: Tier
    node: str
    """Name of the cache nearest to the viewer, as Cache-Status gives it, else the host."""


@dataclass(slots=True)
class RequestTotals:
    """What the requests of one key add up to. Times are wall seconds, never compressed."""

    count: int = 0
    bytes: int = 0
    ttfb_s: Histogram = field(default_factory=Histogram)
    """Request sent to first byte of the answer."""
    total_s: Histogram = field(default_factory=Histogram)
    """Request sent to last byte; under a network profile it includes the pacing."""

    def merge(self, other: "RequestTotals") -> None:
        """Add the other's totals to these."""
        self.count += other.count
        self.bytes += other.bytes
        self.ttfb_s.merge(other.ttfb_s)
        self.total_s.merge(other.total_s)


class EndReason(StrEnum):
    """How a session ended."""

    WATCHED = "watched"
    """Played to the end of the film."""
    LEFT = "left"
    """Had watched as much as the viewer wanted."""
    LEFT_WAITING = "left-waiting"
    """Ran out of patience during a stall."""
    EXIT_BEFORE_START = "exit-before-start"
    """Ran out of patience before the first frame."""
    REFUSED = "refused"
    """Entitlement, country, or stream limit: 401, 403, 409, 451 before the first frame."""
    START_FAILED = "start-failed"
    """A fatal error before the first frame."""
    PLAYBACK_FAILED = "playback-failed"
    """A fatal error after the first frame."""
    RUN_ENDED = "run-ended"
    """The run stopped while the session played."""


class Stall(NamedTuple):
    """A wait in mid-play that neither the start nor a seek caused."""

    at_s: float
    """Since the session began."""
    for_s: float


MAX_STALLS = 100
"""A record keeps this many stalls; further ones are only summed."""


@dataclass(slots=True)
class SessionRecord:
    """What one viewer saw. Times are seconds of the story unless said otherwise."""

    viewer: Viewer
    session_id: str = ""
    """CMCD `sid`, and the platform's session id where the target issues one."""
    startup_s: float | None = None
    """Intent to play → first frame. None: never started, or a pause or seek came before the first frame."""
    played_s: float = 0.0
    """Film played."""
    stalled_s: float = 0.0
    """Time in stalls after the first frame; pauses and seeks are not in it."""
    stall_count: int = 0
    stalls: list[Stall] = field(default_factory=list)
    seek_waits_s: float = 0.0
    """Time waited after seeks."""
    paused_s: float = 0.0
    rungs_s: dict[int, float] = field(default_factory=dict)
    """Film seconds played at each rung, by the rung's bits per second."""
    switches: int = 0
    """Changes of video rung between consecutive segments on screen."""
    pathway_switches: int = 0
    """Moves to another pathway, host, or redundant stream."""
    errors: int = 0
    """Fatal and recovered errors that the player saw (each failed request counts once)."""
    requests: dict[RequestKey, RequestTotals] = field(default_factory=dict)
    pacing_error: Histogram = field(default_factory=Histogram)
    """|actual − due| of segment request starts, as a share of the segment's duration."""
    end: EndReason = EndReason.RUN_ENDED
    end_detail: str = ""
    """A sentence for people when the end was a failure."""

    @property
    def rebuffer_ratio(self) -> float:
        """Stalled ÷ (stalled + played)."""
        watched = self.stalled_s + self.played_s
        return self.stalled_s / watched if watched else 0.0

    @property
    def bitrate_mean_bps(self) -> float:
        """Mean of the rungs, by seconds on screen."""
        seconds = sum(self.rungs_s.values())
        return sum(rung * each for rung, each in self.rungs_s.items()) / seconds if seconds else 0.0

    def add_stall(self, stall: Stall) -> None:
        """Count a stall that has ended."""
        self.stalled_s += stall.for_s
        self.stall_count += 1
        if len(self.stalls) < MAX_STALLS:
            self.stalls.append(stall)

    def add_request(self, key: RequestKey, size: int, ttfb_s: float | None, total_s: float) -> None:
        """Count one finished request. `ttfb_s` is None when no byte of an answer came."""
        totals = self.requests.get(key)
        if totals is None:
            totals = self.requests[key] = RequestTotals()
        totals.count += 1
        totals.bytes += size
        if ttfb_s is not None:
            totals.ttfb_s.record(ttfb_s)
        totals.total_s.record(total_s)
