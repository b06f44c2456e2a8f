"""What an account can do: sign up, log in, stay logged in, change and reset its password, and leave.

Over 300 lines because every way into an account is here, where the limits on guessing hold for all of them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from secrets import token_urlsafe
from typing import Any

import structlog
from cachetools import TTLCache

from httpd.rate_limiter import RateLimiter
from kernel.clock import Clock
from kernel.errors import BadRequest, StorageFailed
from services.users.access_token import ACCESS_SECONDS, AccessClaims, AccessTokens
from services.users.account import (
    INPUT_FAULT_SENTENCES,
    MAX_NAME,
    MAX_PASSWORD,
    Account,
    InputFault,
    Plan,
    Profile,
    check_email,
    check_name,
    check_password,
)
from services.users.leaving import Leaving
from services.users.passwords import PasswordThreads
from services.users.store.accounts import EmailTaken
from services.users.store.log_ins import LogIn, RefreshRefused
from services.users.store.profiles import TooMany
from services.users.store.user_store import UserStore
from system.clock import sleep

log = structlog.get_logger()

RESET_SECONDS = 3600.0
MAX_CHANGED = 100_000
"""Accounts whose profiles changed lately, remembered until their access tokens have expired."""
REVOCATION_POLL_SECONDS = 0.5
"""How soon a log-in that ended in another process ends here."""
HOUSEKEEPING_SECONDS = 3600.0

# An account's owner mistypes a few times; a guesser needs thousands of tries.
TRIES_PER_ACCOUNT = (1 / 30, 10.0)
TRIES_PER_ADDRESS = (1.0, 60.0)
SIGN_UPS_PER_ADDRESS = (1 / 60, 30.0)


@dataclass(frozen=True, slots=True)
class Tokens:
    """What a log-in hands out; `expires` of the access token in Unix seconds."""

    account_id: str
    profile_id: str
    device_id: str
    access_token: str
    refresh_token: str
    expires: float


@dataclass(frozen=True, slots=True)
class UserPolicy:
    """The settings of accounts: the plan of a new one, and how long a log-in lives unused."""

    new_plan: Plan
    refresh_seconds: float


class Wait(Exception):
    """Too many tries: come back after `seconds`."""

    def __init__(self, seconds: float) -> None:
        super().__init__(f"too many tries: wait {seconds:.0f} s")
        self.seconds = seconds


class UserService:
    """Accounts. Its tasks are `follow_revocations` and `keep_house`."""

    def __init__(
        self,
        store: UserStore,
        passwords: PasswordThreads,
        tokens: AccessTokens,
        clock: Clock,
        policy: UserPolicy,
        leaving: Leaving,
        send_reset: Callable[[str, str], object] | None = None,
    ) -> None:
        self.store = store
        self._passwords = passwords
        self._tokens = tokens
        self._clock = clock
        self._policy = policy
        self.leaving = leaving
        self._send_reset = send_reset
        self._revoked: dict[str, float] = {}
        self._revocation = 0
        self._profiles: TTLCache[str, tuple[str, ...]] = TTLCache(MAX_CHANGED, ACCESS_SECONDS, clock.mono)
        self._account_tries = RateLimiter(*TRIES_PER_ACCOUNT)
        self._address_tries = RateLimiter(*TRIES_PER_ADDRESS)
        self._sign_ups = RateLimiter(*SIGN_UPS_PER_ADDRESS)

    # -- into an account ---------------------------------------------------------------------------------------

    async def sign_up(self, email: str, password: str, country: str | None, device: str, address: str) -> Tokens:
        """Create an account and log in. Raises BadRequest (400, 409), Wait, Overloaded, StorageFailed."""
        self._count_try(self._sign_ups, address)
        _refuse(check_email(email) or check_password(password))
        encoded = await self._passwords.hash_password(password)
        name = email.partition("@")[0][:MAX_NAME]
        now = self._clock.wall()
        try:
            account = await self.store.accounts.create_account(
                email, encoded, country, self._policy.new_plan, name, now
            )
        except EmailTaken:
            raise BadRequest(409, "email-taken", "There is an account with this e-mail address: log in.") from None
        return await self._start(account.account_id, "", device)

    async def log_in(self, email: str, password: str, device_id: str, device: str, address: str) -> Tokens:
        """Log in. Raises BadRequest (401, 403), Wait, Overloaded, StorageFailed."""
        self._count_try(self._address_tries, address)
        self._count_try(self._account_tries, email.casefold()[:300])
        found = await self.store.accounts.find_credentials(email)
        right = len(password) <= MAX_PASSWORD and await self._passwords.verify_password(
            password, None if found is None else found.password
        )
        if found is None or not right:
            # One answer for both: nobody learns here which addresses have accounts.
            raise BadRequest(401, "log-in", "The e-mail address or the password is wrong.")
        if found.disabled:
            raise BadRequest(403, "account-disabled", "This account has been disabled.")
        if self._passwords.is_outdated(found.password):
            encoded = await self._passwords.hash_password(password)
            await self.store.accounts.rehash_password(found.account_id, found.password, encoded)
        return await self._start(found.account_id, device_id, device)

    async def refresh(self, refresh_token: str, address: str) -> Tokens:
        """Exchange a refresh token for new tokens. Raises BadRequest (401), Wait, StorageFailed."""
        self._count_try(self._address_tries, f"refresh {address}")
        now = self._clock.wall()
        try:
            log_in = await self.store.log_ins.refresh(refresh_token, now, now + self._policy.refresh_seconds)
        except RefreshRefused as refused:
            await self._read_revocations()
            if refused.reused:
                log.warning("refresh-token-reused", address=address)
            raise BadRequest(401, "log-in", "This log-in has ended: log in again.") from None
        return await self._hand_out(log_in)

    async def log_out(self, claims: AccessClaims) -> None:
        """End the log-in of an access token."""
        await self.store.log_ins.end_log_in(claims.family, self._clock.wall())
        await self._read_revocations()

    async def change_password(self, claims: AccessClaims, old: str, new: str, address: str) -> None:
        """Change the password and end every other log-in. Raises BadRequest (400, 401), Wait."""
        self._count_try(self._address_tries, address)
        self._count_try(self._account_tries, claims.account_id)
        _refuse(check_password(new))
        account = await self.store.accounts.get_account(claims.account_id)
        found = None if account is None else await self.store.accounts.find_credentials(account.email)
        if found is None or not await self._passwords.verify_password(old, found.password):
            raise BadRequest(401, "password-wrong", "The current password is wrong.")
        encoded = await self._passwords.hash_password(new)
        await self.store.accounts.set_password(
            claims.account_id, encoded, self._clock.wall(), keep_family=claims.family, keep_device=claims.device_id
        )
        await self._read_revocations()
        await self.leaving.end_playback()

    async def make_reset_token(self, account_id: str) -> str:
        """A one-time token, good for an hour, that sets a new password; an operator hands it to the viewer."""
        token = token_urlsafe(24)
        await self.store.log_ins.add_reset_link(account_id, token, self._clock.wall() + RESET_SECONDS)
        return token

    async def request_reset(self, email: str, address: str) -> None:
        """Send a reset link, where mail is set up; the caller learns nothing about the address. Raises Wait."""
        self._count_try(self._address_tries, address)
        self._count_try(self._account_tries, f"reset {email.casefold()[:300]}")
        found = await self.store.accounts.find_credentials(email)
        if found is not None and not found.disabled and self._send_reset is not None:
            self._send_reset(email, await self.make_reset_token(found.account_id))

    async def reset_password(self, token: str, new: str, address: str) -> None:
        """Set a new password by a reset token, and end every log-in. Raises BadRequest (400, 401), Wait."""
        self._count_try(self._address_tries, address)
        _refuse(check_password(new))
        encoded = await self._passwords.hash_password(new)
        account_id = await self.store.log_ins.spend_reset_link(token, self._clock.wall())
        if account_id is None or not await self.store.accounts.set_password(account_id, encoded, self._clock.wall()):
            raise BadRequest(401, "reset-link", "This link has been used or has expired: ask for a new one.")
        await self._read_revocations()
        await self.leaving.end_playback()

    async def log_in_by_provider(self, email: str, provider: str, country: str | None, device: str) -> Tokens:
        """Log in the viewer with this address, for which a provider vouches; the first time creates their account.

        Raises BadRequest (403), Overloaded, StorageFailed.
        """
        found = await self.store.accounts.find_credentials(email)
        if found is not None and found.disabled:
            raise BadRequest(403, "account-disabled", "This account has been disabled.")
        if found is not None and found.provider == provider:
            return await self._start(found.account_id, "", device)
        unusable, now = await self._passwords.hash_password(token_urlsafe(32)), self._clock.wall()
        if found is None:
            name = email.partition("@")[0][:MAX_NAME]
            try:
                account = await self.store.accounts.create_account(
                    email, unusable, country, self._policy.new_plan, name, now
                )
            except EmailTaken:  # Race: the account was made since we looked.
                return await self.log_in_by_provider(email, provider, country, device)
            account_id = account.account_id
        else:
            # Somebody may have signed up with this address before its owner came: their password and log-ins end
            # here, else they would share the owner's account ("pre-hijacking").
            account_id = found.account_id
            await self.store.accounts.set_password(account_id, unusable, now)
            await self._read_revocations()
        await self.store.accounts.link_provider(account_id, provider)
        return await self._start(account_id, "", device)

    async def _start(self, account_id: str, device_id: str, device: str) -> Tokens:
        now = self._clock.wall()
        name = device if check_name(device) is None else "Unnamed device"
        return await self._hand_out(
            await self.store.log_ins.log_in(account_id, device_id, name, now, now + self._policy.refresh_seconds)
        )

    async def _hand_out(self, log_in: LogIn) -> Tokens:
        now = self._clock.wall()
        ids = tuple(profile.profile_id for profile in await self.store.profiles.list_profiles(log_in.account_id))
        if not ids:
            raise BadRequest(401, "log-in", "This account has been deleted.")
        claims = AccessClaims(log_in.account_id, ids, log_in.device_id, log_in.family, now, now + ACCESS_SECONDS)
        token = self._tokens.mint(claims)
        return Tokens(log_in.account_id, ids[0], log_in.device_id, token, log_in.refresh_token, claims.expires)

    def _count_try(self, limiter: RateLimiter, name: str) -> None:
        wait = limiter.seconds_to_wait(name, self._clock.mono())
        if wait:
            raise Wait(wait)

    # -- who calls ---------------------------------------------------------------------------------------------

    def verify_access(self, token: str) -> AccessClaims | None:
        """The claims of an access token whose log-in has not ended; None for any other text. Does no I/O."""
        claims = self._tokens.verify(token, self._clock.wall())
        if claims is None or claims.family in self._revoked or not claims.profiles:
            return None
        changed = self._profiles.get(claims.account_id)
        # Profiles that were added or deleted after the token was made.
        return claims if changed is None else replace(claims, profiles=changed)

    async def follow_revocations(self) -> None:
        """Learn of log-ins that ended in other processes, for ever."""
        while True:
            try:
                await self._read_revocations()
            except StorageFailed as error:
                log.warning("revocations-unreadable", error=str(error))
            await sleep(self._clock, REVOCATION_POLL_SECONDS)

    async def _read_revocations(self) -> None:
        now = self._clock.wall()
        # An older log-in's access tokens have expired by themselves.
        since = now - 2 * ACCESS_SECONDS
        self._revocation, families = await self.store.log_ins.revoked_families(self._revocation, since, now)
        self._revoked = {family: at for family, at in self._revoked.items() if at >= since}
        self._revoked |= dict.fromkeys(families, now)

    # -- profiles ----------------------------------------------------------------------------------------------

    async def add_profile(self, account_id: str, profile: Profile) -> Profile:
        """Add a profile. Raises BadRequest (400, 409)."""
        _refuse(check_name(profile.name))
        try:
            made = await self.store.profiles.add_profile(account_id, profile)
        except TooMany:
            raise BadRequest(409, "too-many-profiles", "This account has as many profiles as it may have.") from None
        await self._note_profiles(account_id)
        return made

    async def delete_profile(self, account_id: str, profile_id: str) -> bool | None:
        """Delete a profile and what every store holds about it; a store that fails is asked again.

        Returns whether every store has done so already; None if the profile was not deleted.
        """
        erasure = await self.store.profiles.delete_profile(account_id, profile_id, self._clock.wall())
        if erasure is None:
            return None
        await self._note_profiles(account_id)
        return await self.leaving.erase(erasure)

    async def _note_profiles(self, account_id: str) -> None:
        profiles = await self.store.profiles.list_profiles(account_id)
        self._profiles[account_id] = tuple(profile.profile_id for profile in profiles)

    async def set_plan(self, account_id: str, plan: Plan) -> None:
        """Change a plan; what plays above it ends within a second. Raises BadRequest (404)."""
        if not await self.store.accounts.set_plan(account_id, plan, self._clock.wall()):
            raise BadRequest(404, "account-unknown", "There is no such account.")
        await self.leaving.end_playback()

    async def put_profile(self, account_id: str, profile: Profile) -> bool:
        """Replace a profile; what it may not watch any more ends within a second. False if there is no such one."""
        done = await self.store.profiles.put_profile(account_id, profile, self._clock.wall())
        await self.leaving.end_playback()
        return done

    async def delete_device(self, account_id: str, device_id: str) -> bool:
        """Forget a device and end its log-ins. Returns False if the account has no such device."""
        done = await self.store.log_ins.delete_device(account_id, device_id, self._clock.wall())
        await self._read_revocations()
        await self.leaving.end_playback()
        return done

    async def disable_account(self, account_id: str, *, disabled: bool) -> None:
        """Disable an account, which ends its log-ins, or enable it again. Raises BadRequest (404)."""
        if not await self.store.accounts.disable_account(account_id, self._clock.wall(), disabled=disabled):
            raise BadRequest(404, "account-unknown", "There is no such account.")
        await self._read_revocations()
        await self.leaving.end_playback()

    async def get_account(self, account_id: str) -> Account:
        """An account. Raises BadRequest (404)."""
        account = await self.store.accounts.get_account(account_id)
        if account is None:
            raise BadRequest(404, "account-unknown", "There is no such account.")
        return account

    # -- leaving -----------------------------------------------------------------------------------------------

    async def export_person(self, account_id: str) -> dict[str, Any]:
        """Everything that any store holds about a person (GDPR, article 20). Raises BadRequest (404)."""
        return await self.leaving.export_person(await self.get_account(account_id))

    async def erase_person(self, account_id: str) -> bool:
        """Delete a person everywhere (GDPR, article 17). Returns whether every store has done so already.

        The account is gone at once; a store that fails is asked again until it has followed.
        """
        erasure = await self.store.erasures.begin_erasure(account_id, self._clock.wall())
        if erasure is None:
            raise BadRequest(404, "account-unknown", "There is no such account.")
        await self._read_revocations()
        return await self.leaving.erase(erasure)

    async def keep_house(self) -> None:
        """Seal again what is in clear or under an older key, for ever."""
        while True:
            try:
                resealed = 1
                while resealed:
                    resealed = await self.store.reseal()
            except StorageFailed as error:
                log.warning("accounts-not-sealed", error=str(error))
            await sleep(self._clock, HOUSEKEEPING_SECONDS)


def _refuse(fault: InputFault | None) -> None:
    if fault is not None:
        raise BadRequest(400, fault.value, INPUT_FAULT_SENTENCES[fault])
