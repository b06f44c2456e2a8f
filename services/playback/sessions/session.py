"""Playback sessions, the streams of an account and positions: how starts, heartbeats, stops and ends change them. Pure.

A store loads the sessions that a batch of changes touches, `SessionBatch` decides the changes in their order, and the
store writes what came of it, all in one transaction. So every kind of store holds the same rules.

A session holds its account's slot until it has ended or its token has expired. A session that missed three heartbeats
is silent: it keeps its slot, and may go on, until a start needs the slot. So the sessions of an account that have not
ended are never more than its plan has streams, and a heartbeat needs to look at no other session.

Over 300 lines because the changes, their rules and their outcomes explain one another.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum

from kernel.vocabulary import TIER_LINES, Tier
from services.playback.viewer import ViewerPlan

MISSED_HEARTBEATS = 3
"""A session that missed so many in a row is silent."""
MAX_AHEAD = 300.0
"""How far a player's clock may run ahead of ours, in seconds."""
FINISHED_SHARE = 0.05
MAX_CREDITS = 300.0
"""A film counts as finished in its last 5 %, at most this many seconds before its end: the credits."""
RELATIVE_CLOCK = 1e9
"""A smaller time of a player's clock counts from the start of its session; a larger one is in Unix seconds."""


class EndReason(StrEnum):
    """Why a session has ended."""

    STOPPED = "stopped"
    REPLACED = "replaced"
    LOST = "lost"
    PLAN = "plan"
    PROFILE = "profile"
    ACCOUNT = "account"
    REVOKED = "revoked"


END_SENTENCES = {
    EndReason.STOPPED: "This session was stopped.",
    EndReason.REPLACED: "Playback was started again on this device.",
    EndReason.LOST: "The player was not heard of for a while, and another screen has started since.",
    EndReason.PLAN: "The plan was changed: start again to go on in its quality.",
    EndReason.PROFILE: "The profile was changed, and this title is not for its age.",
    EndReason.ACCOUNT: "This account can no longer play.",
    EndReason.REVOKED: "This session was ended by the account or an operator.",
}

REVOKED_REASONS = frozenset(EndReason) - {EndReason.STOPPED}
"""After these the edges refuse the session's token; a player that stopped by itself throws it away."""


@dataclass(frozen=True, slots=True)
class Session:
    """A playback session; times in Unix seconds.

    `account_id` owns the stream ("" = an operator, who has no limit), `profile_id` the position. `tier` is the tier in
    its token, `plan_tier` that of the plan at the start. `clock` is the player's time of its latest position; `ended`
    is None while it holds its slot.
    """

    session_id: str
    content_id: str
    account_id: str
    profile_id: str
    device_id: str
    device_name: str
    tier: Tier
    plan_tier: Tier
    started: float
    expires: float
    seen: float
    duration: float = 0.0
    position: float = 0.0
    clock: float = 0.0
    consent: bool = True
    ended: EndReason | None = None


@dataclass(frozen=True, slots=True)
class Position:
    """Where a profile is in a title of `duration` seconds (0 = unknown), since `at` (Unix seconds)."""

    profile_id: str
    content_id: str
    position: float
    duration: float
    at: float


@dataclass(frozen=True, slots=True)
class StartSession:
    """Start a session if the account has a slot for it; `streams` None = no limit.

    `is_allowed` is whether the account may play when the start is decided: it may have gone since it was looked up.
    """

    session: Session
    streams: int | None
    is_allowed: bool = True


@dataclass(frozen=True, slots=True)
class MoveSession:
    """A heartbeat, or with `stop` the last one, that came in at `now`.

    `owner` may move only its own sessions (None = any). `position` None leaves it as it is. `at` is the player's time
    of the position; None = now. `plan` is what the owner may play now, None when nothing; it counts for owners only.
    """

    session_id: str
    owner: str | None
    position: float | None
    now: float
    at: float | None = None
    stop: bool = False
    plan: ViewerPlan | None = None


@dataclass(frozen=True, slots=True)
class EndSession:
    """End a session from outside at `now`; `owner` as for MoveSession."""

    session_id: str
    owner: str | None
    reason: EndReason
    now: float


@dataclass(frozen=True, slots=True)
class NoteConsent:
    """Remember whether events of a running session may name its profile from now on."""

    session_id: str
    consent: bool


Change = StartSession | MoveSession | EndSession | NoteConsent


class Result(StrEnum):
    """What came of a change."""

    DONE = "done"
    NO_SLOT = "no-slot"
    UNKNOWN = "unknown"
    ENDED = "ended"


@dataclass(frozen=True, slots=True)
class Outcome:
    """The result of a change, the session after it, and for NO_SLOT the sessions that hold the slots, oldest first.

    `ended` are the sessions that this change ended: each session is in one outcome at most. `left_off` of a start is
    where the profile is in the title, None where it has not begun it.
    """

    result: Result
    session: Session | None = None
    in_use: tuple[Session, ...] = ()
    ended: tuple[Session, ...] = ()
    left_off: Position | None = None


@dataclass(frozen=True, slots=True)
class Revocation:
    """A session whose token the edges must refuse until it expires (Unix seconds)."""

    session_id: str
    expires: float


@dataclass(frozen=True, slots=True)
class EntitledSession:
    """What a session may decrypt: a title up to a tier, until its token expires (Unix seconds) unless it has ended."""

    content_id: str
    tier: Tier
    expires: float
    revoked: bool


@dataclass
class SessionBatch:
    """The sessions that a batch of changes touches, as they are and as they become.

    `sessions` holds those that `named_sessions` and `named_accounts` name; an account's that have not ended are enough.
    `left_off` holds the positions that `named_positions` names, by profile and title.
    """

    sessions: dict[str, Session]
    silent_after: float
    """Seconds without a heartbeat after which a session is silent."""
    left_off: Mapping[tuple[str, str], Position] = field(default_factory=dict)
    inserted: dict[str, Session] = field(default_factory=dict)
    updated: dict[str, Session] = field(default_factory=dict)
    positions: dict[tuple[str, str], Position] = field(default_factory=dict)
    revocations: list[Revocation] = field(default_factory=list)
    _ended: list[Session] = field(default_factory=list)

    def apply(self, changes: Iterable[Change]) -> list[Outcome]:
        """Decide the changes in order."""
        outcomes = []
        for change in changes:
            self._ended = []
            outcome = self._decide(change)
            outcomes.append(replace(outcome, ended=tuple(self._ended)) if self._ended else outcome)
        return outcomes

    def _decide(self, change: Change) -> Outcome:
        match change:
            case StartSession():
                return self._start(change)
            case MoveSession():
                return self._move(change)
            case EndSession():
                return self._end_from_outside(change)
            case NoteConsent():
                return self._note_consent(change)

    def _start(self, change: StartSession) -> Outcome:
        made = change.session
        if not change.is_allowed:
            return Outcome(Result.UNKNOWN)
        if made.account_id and change.streams is not None:
            held = [one for one in self.sessions.values() if holds_slot(one, made.account_id, made.started)]
            others = [one for one in held if one.device_id != made.device_id]
            active = [one for one in others if not is_silent(one, made.started, self.silent_after)]
            if len(active) >= change.streams:
                return Outcome(Result.NO_SLOT, in_use=tuple(sorted(active, key=lambda one: one.started)))
            silent = sorted((one for one in others if one not in active), key=lambda one: one.seen, reverse=True)
            for one in silent[change.streams - 1 - len(active) :]:
                self._end(one, EndReason.LOST)
            for one in held:
                if one.device_id == made.device_id:
                    self._end(one, EndReason.REPLACED)
        self.sessions[made.session_id] = self.inserted[made.session_id] = made
        return Outcome(Result.DONE, made, left_off=self._left_off((made.profile_id, made.content_id)))

    def _left_off(self, key: tuple[str, str]) -> Position | None:
        known = [one for one in (self.left_off.get(key), self.positions.get(key)) if one is not None]
        return max(known, key=lambda one: one.at, default=None)

    def _move(self, change: MoveSession) -> Outcome:
        session = self._owned(change.session_id, change.owner)
        if session is None or session.expires <= change.now:
            return Outcome(Result.UNKNOWN)
        if session.ended is not None:
            # A stop that is sent again, or after the session was ended from outside, has nothing left to do.
            return Outcome(Result.DONE if change.stop else Result.ENDED, session)
        reason = _reason_to_end(session, change)
        if reason is not None:
            return Outcome(Result.ENDED, self._end(session, reason))
        session = self._set_position(session, change)
        if change.stop:
            return Outcome(Result.DONE, self._end(session, EndReason.STOPPED))
        return Outcome(Result.DONE, session)

    def _set_position(self, session: Session, change: MoveSession) -> Session:
        clock = player_time(session, change)
        session = replace(session, seen=max(session.seen, change.now))
        # Of a late heartbeat only the sign of life counts: a newer position is known.
        if change.position is not None and clock >= session.clock:
            session = replace(session, position=change.position, clock=clock)
            if session.profile_id:
                at = position_time(session, change)
                found = Position(session.profile_id, session.content_id, change.position, session.duration, at)
                key = (session.profile_id, session.content_id)
                if key not in self.positions or self.positions[key].at <= at:
                    self.positions[key] = found
        self._put(session)
        return session

    def _end_from_outside(self, change: EndSession) -> Outcome:
        session = self._owned(change.session_id, change.owner)
        if session is None or session.expires <= change.now:
            return Outcome(Result.UNKNOWN)
        if session.ended is not None and session.ended is not EndReason.STOPPED:
            return Outcome(Result.DONE, session)
        return Outcome(Result.DONE, self._end(session, change.reason))

    def _note_consent(self, change: NoteConsent) -> Outcome:
        session = self._owned(change.session_id, None)
        if session is None:
            return Outcome(Result.UNKNOWN)
        session = replace(session, consent=change.consent)
        self._put(session)
        return Outcome(Result.DONE, session)

    def _end(self, session: Session, reason: EndReason) -> Session:
        was_playing = session.ended is None
        session = replace(session, ended=reason)
        if was_playing:
            self._ended.append(session)
        self._put(session)
        if reason in REVOKED_REASONS:
            self.revocations.append(Revocation(session.session_id, session.expires))
        return session

    def _owned(self, session_id: str, owner: str | None) -> Session | None:
        session = self.sessions.get(session_id)
        return session if session is not None and owner in (None, session.account_id) else None

    def _put(self, session: Session) -> None:
        self.sessions[session.session_id] = session
        written = self.inserted if session.session_id in self.inserted else self.updated
        written[session.session_id] = session


def named_sessions(changes: Sequence[Change]) -> list[str]:
    """The ids of the sessions that a batch must be loaded with, sorted."""
    return sorted({one.session_id for one in changes if not isinstance(one, StartSession)})


def named_accounts(changes: Sequence[Change]) -> list[str]:
    """The accounts whose sessions a batch must be loaded with, sorted."""
    starts = [one.session.account_id for one in changes if isinstance(one, StartSession) and one.streams is not None]
    return sorted({account for account in starts if account})


def named_positions(changes: Sequence[Change]) -> list[tuple[str, str]]:
    """The profiles and titles whose positions a batch must be loaded with, sorted."""
    starts = [one.session for one in changes if isinstance(one, StartSession)]
    return sorted({(one.profile_id, one.content_id) for one in starts if one.profile_id})


def holds_slot(session: Session, account_id: str, now: float) -> bool:
    """Whether a session holds a slot of an account."""
    return session.account_id == account_id and session.ended is None and session.expires > now


def is_silent(session: Session, now: float, silent_after: float) -> bool:
    """Whether a session has missed so many heartbeats that a start may have its slot."""
    return now - session.seen > silent_after


def _reason_to_end(session: Session, change: MoveSession) -> EndReason | None:
    if change.owner is None:
        return None
    if change.plan is None:
        return EndReason.ACCOUNT
    return EndReason.PLAN if TIER_LINES[session.plan_tier] > TIER_LINES[change.plan.tier] else None


def player_time(session: Session, change: MoveSession) -> float:
    """When a position was reached by the player's clock, by which the positions of its session are compared."""
    if change.at is None:
        return change.now
    return session.started + change.at if change.at < RELATIVE_CLOCK else change.at


def position_time(session: Session, change: MoveSession) -> float:
    """When a position was reached on our clock, by which positions of several devices are compared.

    A player's clock may be wrong: no position is from before its session started, or from the future.
    """
    return min(max(player_time(session, change), session.started), change.now + MAX_AHEAD)


def is_finished(position: float, duration: float) -> bool:
    """Whether a film at `position` of `duration` seconds (0 = unknown) is watched to its end."""
    return duration > 0 and duration - position <= min(MAX_CREDITS, duration * FINISHED_SHARE)
