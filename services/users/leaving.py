"""What follows when somebody leaves: other services forget the person or profile, and what they play ends.

Both are written in the transaction that deletes or disables, and done afterwards, again and again until it is done: a
crash in between loses neither.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import structlog

from kernel.clock import Clock
from kernel.errors import Overloaded, StorageFailed
from services.users.account import Account
from services.users.store.erasures import Erasure, PlaybackEnd
from services.users.store.statements import PlaybackChange
from services.users.store.user_store import UserStore
from system.clock import sleep

log = structlog.get_logger()

ERASURE_RETRY_SECONDS = 30.0
END_POLL_SECONDS = 0.5
"""How soon playback ends what another process, or one that crashed, has ordered."""
MAX_ENDS = 100


class PersonalData(Protocol):
    """A store that holds data about people; each service with one hands it to the users' service."""

    @property
    def name(self) -> str:
        """The name of the store in an export."""

    async def export_person(self, account_id: str, profiles: Sequence[str]) -> Any:
        """Everything about the person, as JSON values. Raises StorageFailed."""

    async def erase_person(self, account_id: str, profiles: Sequence[str]) -> None:
        """Delete everything about the person ("" = about the profiles only); may be called again.

        Raises StorageFailed, Overloaded.
        """


def erasure_order(store: PersonalData) -> int:
    """The place of a store in an erasure: first those that write to the event log, then the log, then those that read
    it, which would otherwise read once more what they have just erased."""
    return {"events": 1, "analytics": 2, "recommend": 2}.get(store.name, 0)


class Playing(Protocol):
    """The part of playback that follows an account."""

    async def end_playback(self, account_id: str, device_id: str | None = None) -> None:
        """End what an account, or one of its devices, plays now. Raises StorageFailed, Overloaded."""

    async def end_other_devices(self, account_id: str, device_id: str) -> None:
        """End what all devices but one play, "" = all of them. Raises StorageFailed, Overloaded."""

    async def review_playback(self, account_id: str) -> None:
        """Judge what an account plays by its plan and profiles of now. Raises StorageFailed, Overloaded."""


class Leaving:
    """Carries out erasures and ends of playback. Its tasks are `finish_erasures` and `follow_ends`.

    `peers` are other processes, whose exports hold their stores by name.
    """

    def __init__(
        self,
        store: UserStore,
        clock: Clock,
        personal_data: Sequence[PersonalData] = (),
        peers: Sequence[PersonalData] = (),
    ) -> None:
        self._store = store
        self._clock = clock
        self._personal_data = personal_data
        self._peers = peers
        self.playing: Playing | None = None
        """Set once playback is built, which needs the accounts first. None: another process plays."""

    async def export_person(self, account: Account) -> dict[str, Any]:
        """Everything that any store holds about a person (GDPR, article 20). Raises StorageFailed."""
        profiles = [one.profile_id for one in await self._store.profiles.list_profiles(account.account_id)]
        own = {"account": await self._store.export_account(account)}
        own |= {one.name: await one.export_person(account.account_id, profiles) for one in self._personal_data}
        for peer in self._peers:
            own |= await peer.export_person(account.account_id, profiles)
        return own

    async def erase(self, erasure: Erasure) -> bool:
        """Ask each store that has not followed an erasure. Returns whether all have by now."""
        done = list(erasure.done)
        asked = sorted([*self._personal_data, *self._peers], key=erasure_order)
        for store in asked:
            if store.name in done:
                continue
            try:
                await store.erase_person(erasure.account_id, erasure.profiles)
                done.append(store.name)
            except (StorageFailed, Overloaded) as error:
                log.warning("erasure-held-up", store=store.name, error=str(error))
        finished = {store.name for store in asked} <= set(done)
        kept = Erasure(erasure.key, erasure.profiles, tuple(done))
        await self._store.erasures.record_erasure(kept, finished=finished)
        return finished

    async def finish_erasures(self) -> None:
        """Go on with erasures that a store or a crash held up, for ever."""
        while True:
            try:
                for erasure in await self._store.erasures.unfinished_erasures():
                    await self.erase(erasure)
            except StorageFailed as error:
                log.warning("erasures-unreadable", error=str(error))
            await sleep(self._clock, ERASURE_RETRY_SECONDS)

    async def end_playback(self) -> None:
        """Follow the orders to end playback, where this process plays; what fails is left to `follow_ends`."""
        if self.playing is None:
            return
        try:
            while ends := await self._store.erasures.pending_ends(MAX_ENDS):
                for end in ends:
                    await _follow(self.playing, end)
                await self._store.erasures.confirm_ends([end.number for end in ends])
        except (StorageFailed, Overloaded) as error:
            log.warning("playback-not-ended", error=str(error))

    async def follow_ends(self) -> None:
        """Follow orders of other processes, and those that a crash or a failure left, for ever."""
        while True:
            await self.end_playback()
            await sleep(self._clock, END_POLL_SECONDS)


async def _follow(playing: Playing, order: PlaybackEnd) -> None:
    match order.what:
        case PlaybackChange.END:
            await playing.end_playback(order.account_id, order.device_id or None)
        case PlaybackChange.END_OTHERS:
            await playing.end_other_devices(order.account_id, order.device_id)
        case PlaybackChange.REVIEW:
            await playing.review_playback(order.account_id)
