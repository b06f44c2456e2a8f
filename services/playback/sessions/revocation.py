"""Send the revocations of ended sessions to control, which pushes them to the edges.

The store holds each revocation from the moment the session ends until control has it, so neither a crash of ours nor
an absence of control loses one.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Protocol

import structlog

from kernel.clock import Clock
from kernel.errors import MatineeError
from services.playback.sessions.session import Revocation
from services.playback.sessions.session_store import SessionStore

MAX_AT_ONCE = 16
MAX_BATCH = 256
POLL_SECONDS = 2.0
"""How soon the revocations of a process that crashed are sent by another one."""
MIN_RETRY_SECONDS = 0.2
MAX_RETRY_SECONDS = 5.0

log = structlog.get_logger()


class RevocationSink(Protocol):
    """The part of the control client that takes revocations."""

    async def revoke(self, session: str, *, until: str | None = None) -> object:
        """Revoke a session's tokens until a time in ISO 8601; stored durably on return."""


class RevocationPusher:
    """Sends revocations; `run` is its background task. `woken` is set when there may be new ones."""

    def __init__(self, store: SessionStore, control: RevocationSink, woken: asyncio.Event, clock: Clock) -> None:
        self._store = store
        self._control = control
        self._woken = woken
        self._clock = clock

    async def run(self) -> None:
        """Send revocations for ever; after a failure again, with growing pauses."""
        pause = MIN_RETRY_SECONDS
        while True:
            self._woken.clear()
            try:
                while await self.send_pending():
                    pass
                pause = MIN_RETRY_SECONDS
                timer = self._clock.call_later(POLL_SECONDS, self._woken.set)
                await self._woken.wait()
                timer.cancel()
            except MatineeError as error:
                log.warning("control-unreachable", what="revocations", error=str(error), retry_in=pause)
                await asyncio.sleep(pause)
                pause = min(pause * 2, MAX_RETRY_SECONDS)

    async def send_pending(self) -> int:
        """Send the revocations that control has not confirmed, at most MAX_BATCH. Returns how many were sent.

        Raises MatineeError; those that control took before it failed are sent once more, which changes nothing.
        """
        pending = await self._store.pending_revocations(MAX_BATCH)
        for first in range(0, len(pending), MAX_AT_ONCE):
            await self._send(pending[first : first + MAX_AT_ONCE])
        return len(pending)

    async def _send(self, group: Sequence[Revocation]) -> None:
        await asyncio.gather(*(self._control.revoke(one.session_id, until=_moment(one.expires)) for one in group))
        await self._store.confirm_revocations([one.session_id for one in group])


def _moment(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="seconds")
