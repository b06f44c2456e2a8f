"""Who plays, and what their plan allows: the interface to the users' service, and the plans of guests and operators."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from kernel.vocabulary import Tier
from services.http.caller import AccountCaller, Caller

MAX_DEVICE = 100
OPERATOR_DEVICE = "operator"


@dataclass(frozen=True, slots=True)
class ViewerPlan:
    """A plan: renditions up to `tier`, on `streams` screens at once (None = no limit), in `countries` (None = all)."""

    tier: Tier
    streams: int | None
    countries: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class Viewer:
    """A viewer who starts a session.

    `account_id` owns the streams: an account or a guest, "" for operators. `profile_id` owns the positions.
    `maturity_max` is the highest minimum age shown, `languages` and `subtitles` are preferred by BCP 47. Without
    `consent` no event names the profile.
    """

    account_id: str
    profile_id: str
    plan: ViewerPlan
    kids: bool = False
    maturity_max: int | None = None
    languages: tuple[str, ...] = ()
    subtitles: str | None = None
    device_id: str = ""
    device_name: str = ""
    consent: bool = True


class Viewers(Protocol):
    """The part of the users' service that playback uses."""

    async def viewer(self, caller: AccountCaller, device: str | None) -> Viewer | None:
        """The viewer of a log-in, on the `device` they name, else the one they logged in on.

        None if the account is disabled or deleted. Raises StorageFailed.
        """

    async def plans(self, account_ids: Sequence[str]) -> Mapping[str, ViewerPlan]:
        """The plans of these accounts now; disabled and deleted ones are absent. Raises StorageFailed."""


OPERATOR_PLAN = ViewerPlan(Tier.UHD, None)


class ViewerFinder:
    """Finds the viewer of a caller. `guest_plan` None: guests have to log in."""

    def __init__(self, viewers: Viewers | None, guest_plan: ViewerPlan | None) -> None:
        self._viewers = viewers
        self._guest_plan = guest_plan

    async def find(self, caller: Caller, device: str | None) -> Viewer | None:
        """The viewer; None if they have to log in. Raises StorageFailed."""
        if caller.account is not None:
            return None if self._viewers is None else await self._viewers.viewer(caller.account, device)
        if caller.operator:
            name = device or OPERATOR_DEVICE
            return Viewer("", caller.guest or "", OPERATOR_PLAN, device_id=name, device_name=name)
        if caller.guest is None or self._guest_plan is None:
            return None
        name = device or caller.guest
        return Viewer(caller.guest, caller.guest, self._guest_plan, device_id=name, device_name=device or "Browser")

    async def plans(self, owners: Sequence[str]) -> dict[str, ViewerPlan]:
        """The plans of accounts and guests now; absent: they may not play any more. Raises StorageFailed."""
        guests = {owner for owner in owners if is_guest(owner)}
        found = dict.fromkeys(guests, self._guest_plan) if self._guest_plan is not None else {}
        accounts = [owner for owner in owners if owner not in guests]
        if accounts and self._viewers is not None:
            return {**await self._viewers.plans(accounts), **found}
        return {**found}


def owner_of(caller: Caller) -> str | None:
    """Whose sessions a caller may move and end: their account's or guest's; None for an operator, who may all."""
    if caller.account is not None:
        return caller.account.account_id
    return None if caller.operator else caller.guest or ""


def is_guest(owner: str) -> bool:
    """Whether an owner of streams is a guest, not an account."""
    return owner.startswith("guest-")
