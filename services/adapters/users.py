"""Adapt accounts to the interfaces of the other services, which do not import them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from aiohttp import web
from cachetools import TTLCache

from services.http.caller import AccountCaller, VerifyAccess
from services.http.request_context import request_context
from services.playback.viewer import Viewer, ViewerPlan
from services.recommend.viewers import ViewerRules
from services.users.account import KIDS_MATURITY, Plan, shown_maturity
from services.users.service import UserService
from services.users.store.user_store import UserStore

LIMIT_SECONDS = 1.0
MAX_LIMITS = 10_000


def as_access_verifier(service: UserService) -> VerifyAccess:
    """Access tokens for the middleware: the viewer of a token, as the first profile of the account."""

    def verify(token: str) -> AccountCaller | None:
        claims = service.verify_access(token)
        if claims is None:
            return None
        return AccountCaller(claims.account_id, claims.profiles[0], claims.profiles, claims.device_id, claims.family)

    return verify


class MaturityLimits:
    """The highest minimum age that the profile of a request is shown; a change is seen within LIMIT_SECONDS."""

    def __init__(self, store: UserStore, mono: Callable[[], float]) -> None:
        self._store = store
        self._known: TTLCache[str, tuple[int | None]] = TTLCache(MAX_LIMITS, LIMIT_SECONDS, mono)

    async def __call__(self, request: web.Request) -> int | None:
        """The limit; None without one. Raises StorageFailed."""
        caller = request_context(request).caller.account
        if caller is None:
            return None
        # Looked up once: an entry may expire between two looks.
        known = self._known.get(caller.profile_id)
        if known is None:
            found = await self._store.accounts.find_viewer(caller.account_id, caller.profile_id, caller.device_id)
            # A profile that is gone sees what children see, until its token expires.
            known = (KIDS_MATURITY if found is None else shown_maturity(found.profile),)
            self._known[caller.profile_id] = known
        return known[0]


class UsersForRecommend:
    """Accounts for recommendations."""

    def __init__(self, store: UserStore) -> None:
        self._store = store

    async def find_rules(self, profile_id: str) -> ViewerRules | None:
        """What a profile may be shown, and whether it consents; None if there is no such profile."""
        profile = await self._store.profiles.find_profile(profile_id)
        return None if profile is None else ViewerRules(shown_maturity(profile), profile.consent)


class UsersForPlayback:
    """Accounts for playback."""

    def __init__(self, store: UserStore) -> None:
        self._store = store

    async def viewer(self, caller: AccountCaller, device: str | None) -> Viewer | None:
        """The viewer of a log-in; `device` is the id of a device of the account, or any other name of one."""
        device_id = device or caller.device_id
        found = await self._store.accounts.find_viewer(caller.account_id, caller.profile_id, device_id)
        if found is None:
            return None
        profile = found.profile
        return Viewer(
            account_id=caller.account_id,
            profile_id=profile.profile_id,
            plan=_plan(found.plan),
            kids=profile.kids,
            maturity_max=shown_maturity(profile),
            languages=(profile.language,) if profile.language else (),
            subtitles=profile.subtitles or None,
            device_id=device_id,
            device_name=found.device_name or device or "Unnamed device",
            consent=profile.consent,
        )

    async def plans(self, account_ids: Sequence[str]) -> Mapping[str, ViewerPlan]:
        """The plans of these accounts now; disabled and deleted ones are absent."""
        return {name: _plan(plan) for name, plan in (await self._store.accounts.list_plans(account_ids)).items()}


def _plan(plan: Plan) -> ViewerPlan:
    return ViewerPlan(plan.tier, plan.streams, plan.countries)
