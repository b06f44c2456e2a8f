"""The sessions of all viewers: changes of many requests go to the store together, judged by the plans of then."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import structlog

from kernel.clock import Clock
from kernel.errors import Bug, Overloaded, StorageFailed
from services.playback.sessions.records import PlaybackEvent, PlaybackLog, playback_record
from services.playback.sessions.session import (
    REVOKED_REASONS,
    Change,
    EndReason,
    EndSession,
    EntitledSession,
    MoveSession,
    NoteConsent,
    Outcome,
    Result,
    Session,
    StartSession,
)
from services.playback.sessions.session_store import SessionStore
from services.playback.viewer import ViewerFinder, ViewerPlan
from services.storage.group_commit import GroupCommit

log = structlog.get_logger()


@dataclass(slots=True)
class _Order:
    """A change that waits for its transaction, and then its outcome."""

    change: Change
    outcome: Outcome | None = None


class PlaybackSessions:
    """Changes sessions. `writes.run` is its background task; `revoked` is set when revocations wait for control.

    `on_ended` is called with the ids of sessions that have ended, once that is durable.
    """

    def __init__(
        self,
        store: SessionStore,
        viewers: ViewerFinder,
        clock: Clock,
        events: PlaybackLog | None = None,
        on_ended: Callable[[Sequence[str]], object] = lambda _: None,
    ) -> None:
        self.store = store
        self.writes: GroupCommit[_Order] = GroupCommit(self._write)
        self.revoked = asyncio.Event()
        self._viewers = viewers
        self._clock = clock
        self._events = events
        self._on_ended = on_ended

    async def change(self, change: Change, country: str | None = None) -> Outcome:
        """Make a change and write it to the event log; it is durable on return. Raises Overloaded, StorageFailed."""
        outcome = await self._commit(change)
        if isinstance(change, StartSession) and outcome.result is Result.DONE:
            await self._record(PlaybackEvent.START, change.session, country)
        for session in outcome.ended:
            await self._record(PlaybackEvent.STOP, session, country)
        return outcome

    async def _commit(self, change: Change) -> Outcome:
        order = _Order(change)
        await self.writes.commit(order)
        if order.outcome is None:
            raise Bug("a change was committed without an outcome")
        return order.outcome

    async def _write(self, orders: Sequence[_Order]) -> None:
        changes = [order.change for order in orders]
        owners = {owner for one in changes if (owner := _judged_owner(one))}
        plans = await self._viewers.plans(sorted(owners)) if owners else {}
        outcomes = await self.store.apply([_judge(one, plans) for one in changes])
        for order, outcome in zip(orders, outcomes, strict=True):
            order.outcome = outcome
            if any(one.ended in REVOKED_REASONS for one in outcome.ended):
                self.revoked.set()
            if outcome.ended:
                self._on_ended([one.session_id for one in outcome.ended])

    async def _record(self, event: PlaybackEvent, session: Session, country: str | None) -> None:
        """Write an event to the log. Playback goes on without it where the log is full or fails."""
        if self._events is None:
            return
        try:
            await self._events.append(playback_record(event, session, country, self._clock.wall()))
        except (Overloaded, StorageFailed) as error:
            log.warning("playback-event-not-stored", playback_event=event.value, error=str(error))

    async def end_sessions(self, owner: str, reason: EndReason, device_id: str | None = None) -> int:
        """End the sessions of an account or guest, or of one of its devices. Returns how many there were."""
        ends = [one for one in await self.playing_of(owner) if device_id in (None, one.device_id)]
        for one in sorted(ends, key=lambda one: one.session_id):
            await self.change(EndSession(one.session_id, None, reason, self._clock.wall()))
        return len(ends)

    async def playing_of(self, owner: str) -> list[Session]:
        """The sessions that an account or guest plays, those of starts that were judged before now among them."""
        await self._finish_started()
        now = self._clock.wall()
        return [one for one in await self.store.sessions_of(owner) if one.expires > now and one.ended is None]

    async def end_person(self, account_id: str, profiles: Sequence[str]) -> None:
        """End the sessions of an account ("" = none) and of profiles that are erased, without a trace in the log."""
        await self._finish_started()
        held = [*await self.store.sessions_of_profiles(profiles)]
        held += await self.store.sessions_of(account_id) if account_id else []
        for end in self._ends(held, EndReason.ACCOUNT):
            await self._commit(end)

    async def _finish_started(self) -> None:
        """Wait for the starts that were judged before now: what is listed next is all that may have to end."""
        await self._commit(EndSession("", None, EndReason.STOPPED, self._clock.wall()))

    def _ends(self, sessions: Sequence[Session], reason: EndReason) -> list[EndSession]:
        now = self._clock.wall()
        playing = {one.session_id for one in sessions if one.expires > now and one.ended is None}
        return [EndSession(session_id, None, reason, now) for session_id in sorted(playing)]

    async def entitled(self, session_id: str) -> EntitledSession | None:
        """What a session may decrypt; None if there is no such session. Raises StorageFailed."""
        found = await self.store.get(session_id)
        if found is None:
            return None
        return EntitledSession(found.content_id, found.tier, found.expires, found.ended is not None)


def _judged_owner(change: Change) -> str:
    """Whose plan of now decides a change; "" where nobody's does."""
    match change:
        case StartSession(session):
            return session.account_id
        case MoveSession():
            return change.owner or ""
        case EndSession() | NoteConsent():
            return ""


def _judge(change: Change, plans: Mapping[str, ViewerPlan]) -> Change:
    """The change with what the plans say."""
    match change:
        case StartSession(session) if session.account_id:
            plan = plans.get(session.account_id)
            return replace(change, streams=plan.streams if plan is not None else 0, is_allowed=plan is not None)
        case MoveSession(owner=owner) if owner is not None:
            return replace(change, plan=plans.get(owner))
        case _:
            return change
