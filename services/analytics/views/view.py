"""One view: everything that is known of a session, and the row that the lake keeps of it. Pure."""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple

from msgspec import Struct, field

from services.analytics.views.failures import classify_failure
from services.analytics.views.play_state import PlayState, Track, apply_event
from services.analytics.views.view_event import Signal, Source, ViewEvent, hash_event

CMCD_GAP = 150.0
"""Players with CMCD report every 30 s at least; a silence of five reports was a sleep."""
PLAYER_GAP = 6 * 3600.0
"""The page reports changes only: a film may play for hours between two events."""
SKEW_SECONDS = 90.0
"""A sender's clock that differs by more, however fast its batches came, is taken to be wrong."""
MAX_DUPLICATES_KNOWN = 192
MAX_TEXT = 200


class Outcome(StrEnum):
    """How a view ended, by the definitions of docs/analytics.md."""

    PLAYED = "played"
    EXIT_BEFORE_START = "exit-before-start"
    ABANDONED = "abandoned"
    """Left within a second, before the first frame: counted as neither exit nor start."""
    START_FAILURE = "start-failure"
    PLAYBACK_FAILURE = "playback-failure"
    UNREPORTED = "unreported"
    """The platform knows the session, but no player reported."""


class ViewRow(NamedTuple):
    """A view as the lake keeps it. Times in milliseconds, moments in Unix milliseconds; `startup_ms` -1 where there is
    none; `kilobits` over `rated_ms` make the mean bitrate. `part` counts up where a session went on after its row."""

    session: str
    part: int
    content_id: str
    region: str
    country: str
    edge: str
    player: str
    device: str
    app_version: str
    started_ms: int
    ended_ms: int
    closed_ms: int
    outcome: str
    failure_class: str
    failure_code: str
    startup_ms: int
    starting_ms: int
    played_ms: int
    stalled_ms: int
    sought_ms: int
    paused_ms: int
    stalls: int
    seeks: int
    errors: int
    kilobits: float
    rated_ms: int
    switches: int
    events: int
    late_events: int
    left_at_s: float
    duration_s: float


class View(Struct):
    """A view that may go on. `skew`: seconds to add to the sender's clock, None until a batch came."""

    session: str
    part: int = 0
    cmcd: Track = field(default_factory=lambda: Track(CMCD_GAP))
    page: Track = field(default_factory=lambda: Track(PLAYER_GAP))
    has_states: bool = False
    """Whether the player's CMCD said what state it was in: its account is then the one that counts."""
    first_at: float = 0.0
    last_at: float = 0.0
    first_received: float = 0.0
    last_received: float = 0.0
    skew: float | None = None
    content_id: str = ""
    region: str = ""
    country: str = ""
    edge: str = ""
    player: str = ""
    device: str = ""
    app_version: str = ""
    position: float = -1.0
    duration: float = -1.0
    late_events: int = 0
    has_left: bool = False
    recent: list[int] = field(default_factory=list)
    """Hashes of the newest events, by which one that was sent twice is known."""


def is_duplicate(view: View, event: ViewEvent) -> bool:
    """Whether the view has had this event; remembers it if not. A player that is loaded again counts from 0 again."""
    key = hash_event(event)
    if key in view.recent:
        return True
    view.recent.append(key)
    if len(view.recent) > MAX_DUPLICATES_KNOWN:
        del view.recent[: MAX_DUPLICATES_KNOWN // 3]
    return False


def update_view(view: View, event: ViewEvent, *, is_late: bool = False) -> None:
    """Take an event into the view. A late one changes no state: what it would have changed has been passed by."""
    _remember_facts(view, event)
    if event.source not in (Source.CMCD, Source.PLAYER):
        view.has_left |= event.name == "stop"
        return
    if not view.first_at or event.at < view.first_at:
        view.first_at = event.at
    view.last_at = max(view.last_at, event.at)
    track = view.cmcd if event.source is Source.CMCD else view.page
    if is_late:
        view.late_events += 1
        track.errors += event.signal in (Signal.ERROR, Signal.FATAL)
        return
    if event.source is Source.CMCD and event.name == "ps":
        view.has_states = True
    if event.signal is Signal.QUIT:
        view.has_left = True
    elif event.signal in (Signal.PLAYING, Signal.INTENT):
        view.has_left = False
    apply_event(track, event)


def _remember_facts(view: View, event: ViewEvent) -> None:
    view.first_received = view.first_received or event.received
    view.last_received = max(view.last_received, event.received)
    view.content_id = event.content_id or view.content_id
    view.region = event.region or view.region
    view.country = event.country or view.country
    view.edge = (event.edge or view.edge)[:MAX_TEXT]
    view.player = event.player or view.player
    view.device = event.device or view.device
    view.app_version = event.app_version or view.app_version
    if event.position >= 0:
        view.position = event.position
    if event.duration >= 0:
        view.duration = event.duration


def row_of(view: View, now: float, default_region: str = "") -> ViewRow:
    """The view's row at `now` (Unix seconds)."""
    track = view.cmcd if view.has_states else view.page
    outcome, code = _outcome(view, track)
    startup = view.page.startup if view.page.startup >= 0 else track.startup
    if not (view.page.startup_counts and track.startup_counts):
        startup = -1.0
    skew = view.skew if view.skew is not None and abs(view.skew) > SKEW_SECONDS else 0.0
    started = view.first_at + skew if view.first_at else view.first_received
    failed = outcome in (Outcome.START_FAILURE, Outcome.PLAYBACK_FAILURE)
    watched = view.position if view.position >= 0 else track.played if track.has_started else -1.0
    return ViewRow(
        session=view.session, part=view.part, content_id=view.content_id, region=view.region or default_region,
        country=view.country, edge=view.edge, player=view.player, device=view.device, app_version=view.app_version,
        started_ms=_ms(started), ended_ms=_ms(max(started, view.last_at + skew)), closed_ms=_ms(now),
        outcome=outcome.value, failure_class=classify_failure(code).value if failed else "",
        failure_code=code if failed else "", startup_ms=_ms(startup) if startup >= 0 else -1,
        starting_ms=_ms(track.starting), played_ms=_ms(track.played), stalled_ms=_ms(track.stalled),
        sought_ms=_ms(track.sought), paused_ms=_ms(track.paused), stalls=track.stalls,
        seeks=max(track.seeks, view.page.seeks), errors=max(track.errors, view.page.errors),
        kilobits=round(track.kilobits, 3), rated_ms=_ms(track.rated), switches=track.switches,
        events=view.cmcd.events + view.page.events, late_events=view.late_events,
        left_at_s=round(watched, 3), duration_s=round(view.duration, 3),
    )  # fmt: skip


def _outcome(view: View, track: Track) -> tuple[Outcome, str]:
    """How it ended, and the fatal error's code."""
    if not view.cmcd.events and not view.page.events:
        return Outcome.UNREPORTED, ""
    has_started = track.has_started or view.page.has_started
    # The page's reason says more than the player's: a refused licence is an error of the network to hls.js.
    code = view.page.fatal_code or track.fatal_code
    # hls.js may have failed where the page went on from another edge: where the page reports, its word counts.
    account = track if view.page.state is PlayState.NEW else view.page
    if account.state is PlayState.FAILED:
        return (Outcome.PLAYBACK_FAILURE if has_started else Outcome.START_FAILURE), code
    if has_started:
        return Outcome.PLAYED, ""
    waited = max(track.starting, view.page.starting)
    return (Outcome.EXIT_BEFORE_START if waited >= 1.0 else Outcome.ABANDONED), ""


def _ms(seconds: float) -> int:
    return round(seconds * 1000)
