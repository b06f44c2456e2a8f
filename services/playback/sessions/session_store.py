"""What every store of sessions, slots and positions does: `store.py` in SQL, `valkey_store.py` in Valkey."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from services.playback.sessions.session import Change, Outcome, Position, Revocation, Session

SWEEP_SECONDS = 60.0
"""How often expired sessions are deleted."""
MAX_POSITIONS = 2_000
"""Titles per profile whose position is kept; the oldest go first."""


class SessionStore(Protocol):
    """A store; every method raises StorageFailed when it cannot be reached.

    Several processes may use one store at a time.
    """

    async def open(self) -> None:
        """Open it."""

    async def close(self) -> None:
        """Close it."""

    async def apply(self, changes: Sequence[Change]) -> list[Outcome]:
        """Make changes in order, all or none of them; they are durable on return."""

    async def get(self, session_id: str) -> Session | None:
        """A session; None if there is none with this id."""

    async def ended_of(self, session_ids: Sequence[str]) -> list[str]:
        """Which of these sessions, at least one, have ended."""

    async def sessions_of(self, account_id: str) -> list[Session]:
        """The sessions of an account or guest whose tokens have not expired or that were not deleted, newest first."""

    async def sessions_of_profiles(self, profiles: Sequence[str]) -> list[Session]:
        """The same for profiles, in any order."""

    async def positions(self, profile_id: str, limit: int) -> list[Position]:
        """A profile's latest positions, newest first."""

    async def pending_revocations(self, limit: int) -> list[Revocation]:
        """Revocations that control has not confirmed."""

    async def confirm_revocations(self, session_ids: Sequence[str]) -> None:
        """Forget revocations that control has stored."""

    async def delete_expired(self, now: float) -> int:
        """Delete expired sessions and revocations. Returns how many sessions are left."""

    async def delete_positions(self, moment: float) -> int:
        """Delete the positions from before a moment (Unix seconds). Returns how many there were."""

    async def erase(self, account_id: str, profiles: Sequence[str]) -> None:
        """Delete the sessions and positions of an account ("" = none) and of profiles."""
