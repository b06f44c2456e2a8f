"""What changes of accounts mean for what they play: a plan, a profile, a password, a device, an account that goes."""

from __future__ import annotations

from kernel.clock import Clock
from kernel.vocabulary import TIER_LINES
from services.http.caller import AccountCaller, Caller
from services.playback.routing.steering import PlaybackCatalogue
from services.playback.sessions.playback_sessions import PlaybackSessions
from services.playback.sessions.session import EndReason, EndSession, NoteConsent, Session, is_silent
from services.playback.viewer import Viewer, ViewerFinder


class AccountChanges:
    """Follows the changes of accounts in their running sessions. Raises StorageFailed, Overloaded."""

    def __init__(
        self,
        sessions: PlaybackSessions,
        viewers: ViewerFinder,
        catalogue: PlaybackCatalogue,
        clock: Clock,
        silent_after: float,
    ) -> None:
        self._sessions = sessions
        self._viewers = viewers
        self._catalogue = catalogue
        self._clock = clock
        self._silent_after = silent_after

    async def end_playback(self, account_id: str, device_id: str | None = None) -> None:
        """End what an account that was disabled, or a device that was removed, plays now."""
        reason = EndReason.ACCOUNT if device_id is None else EndReason.REVOKED
        await self._sessions.end_sessions(account_id, reason, device_id)

    async def end_other_devices(self, account_id: str, device_id: str) -> None:
        """End what all devices but one play, as after a change of the password; "" = all of them."""
        for one in await self._sessions.playing_of(account_id):
            if one.device_id != device_id or not device_id:
                await self._sessions.change(EndSession(one.session_id, None, EndReason.REVOKED, self._clock.wall()))

    async def review_playback(self, account_id: str) -> None:
        """Judge what an account plays by its plan and profiles of now; ends what they do not allow any more."""
        now = self._clock.wall()
        kept = 0
        # Where the plan has fewer streams than before, those that play keep theirs, and of these the first to start.
        playing = await self._sessions.playing_of(account_id)
        for one in sorted(playing, key=lambda one: (is_silent(one, now, self._silent_after), one.started)):
            caller = AccountCaller(one.account_id, one.profile_id, (), one.device_id, "")
            viewer = await self._viewers.find(Caller(account=caller), one.device_id)
            reason = EndReason.ACCOUNT if viewer is None else await self._reason_to_end(one, viewer, kept)
            if reason is not None:
                await self._sessions.change(EndSession(one.session_id, None, reason, now))
                continue
            kept += 1
            if viewer is not None and viewer.consent != one.consent:
                await self._sessions.change(NoteConsent(one.session_id, viewer.consent))

    async def _reason_to_end(self, session: Session, viewer: Viewer, kept: int) -> EndReason | None:
        plan = viewer.plan
        if TIER_LINES[session.plan_tier] > TIER_LINES[plan.tier]:
            return EndReason.PLAN
        if plan.streams is not None and kept >= plan.streams:
            return EndReason.PLAN
        # The country of a session is not known here; what is not licensed any more is refused by the edges.
        title = await self._catalogue.playback_title(session.content_id, None)
        if title is None:
            return None
        if viewer.maturity_max is not None and title.maturity is not None and title.maturity > viewer.maturity_max:
            return EndReason.PROFILE
        return None
