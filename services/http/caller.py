"""Authenticate callers: operators by API key, viewers by access token or cookie, guests by signed cookie. Pure."""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from kernel.errors import BadRequest
from services.http.route import Access

COOKIE_NAME = "matinee_guest"
ACCESS_COOKIE = "matinee_access"
PROFILE_HEADER = "X-Profile"
GUEST_COOKIE_SECONDS = 180 * 86400
_COOKIE = re.compile(r"(?P<id>guest-[0-9a-f]{32})\.(?P<until>\d{10,11})\.(?P<mac>[0-9a-f]{64})", re.ASCII)


@dataclass(frozen=True, slots=True)
class AccountCaller:
    """A logged-in viewer: the account, the profile they watch as, its other profiles, and the log-in itself."""

    account_id: str
    profile_id: str
    profiles: tuple[str, ...]
    device_id: str
    family: str


VerifyAccess = Callable[[str], AccountCaller | None]
"""The viewer of an access token, as its first profile; None for any other text."""


@dataclass(frozen=True, slots=True)
class Caller:
    """An authenticated caller. An operator may do everything; a viewer or guest acts for themselves only."""

    operator: bool = False
    guest: str | None = None
    account: AccountCaller | None = None

    @property
    def subject(self) -> str | None:
        """The userId that the caller is: their profile, or the guest; None for an operator alone."""
        return self.account.profile_id if self.account is not None else self.guest

    def may_use(self, access: Access, *, on_this_machine: bool) -> bool:
        """Whether this caller may use a route with this access level."""
        match access:
            case Access.ANYBODY:
                return True
            case Access.VIEWER:
                return self.operator or self.subject is not None
            case Access.ACCOUNT:
                return self.account is not None
            case Access.OPERATOR:
                return self.operator
            case Access.INTERNAL:
                return self.operator or on_this_machine

    def acting_user(self, user: str | None) -> str:
        """The userId to act for; a viewer may name only their own. Raises BadRequest (400, 403)."""
        own = self.subject
        if user is None:
            if own is None:
                raise BadRequest(400, "parameter-missing", "`userId` is required")
            return own
        if not self.operator and user != own:
            raise BadRequest(403, "not-yours", "a viewer may act only for their own userId")
        return user


@dataclass(frozen=True, slots=True)
class Authenticator:
    """Authenticates callers. With `insecure_dev` everybody is an operator; allowed on loopback only."""

    api_key: str
    guest_secret: bytes
    insecure_dev: bool = False
    verify_access: VerifyAccess | None = None

    def authenticate(self, headers: Mapping[str, str], cookies: Mapping[str, str], now: float) -> Caller:
        """Authenticate by Authorization (an API key or access token), else by cookies; X-Profile picks a profile.

        Raises BadRequest: 401 for a key or token that is not valid, 403 for a profile of another account.
        """
        cookie = cookies.get(COOKIE_NAME)
        guest = self.verify_cookie(cookie, now) if cookie else None
        authorization = headers.get("Authorization")
        profile = headers.get(PROFILE_HEADER)
        if authorization is None:
            token = cookies.get(ACCESS_COOKIE)
            viewer = self.verify_access(token) if token and self.verify_access else None
            # A page that has logged in is that viewer and nobody else, even where everybody is an operator.
            operator = self.insecure_dev and viewer is None
            return Caller(operator, guest, _as_profile(viewer, profile))
        scheme, _, key = authorization.partition(" ")
        key = key.strip()
        if scheme.lower() == "bearer":
            if hmac.compare_digest(_bytes(key), _bytes(self.api_key)):
                return Caller(operator=True, guest=guest)
            viewer = self.verify_access(key) if self.verify_access else None
            if viewer is not None:
                return Caller(account=_as_profile(viewer, profile))
        if key.count(".") == 2:
            raise BadRequest(401, "log-in", "the access token is not valid or has expired: log in again")
        raise BadRequest(401, "api-key", "the Authorization field does not hold a valid API key")

    def verify_cookie(self, text: str, now: float) -> str | None:
        """The guest's id in a valid cookie; None if it is forged or expired."""
        match = _COOKIE.fullmatch(text)
        if match is None or int(match["until"]) <= now:
            return None
        return match["id"] if hmac.compare_digest(match["mac"], self._mac(match["id"], match["until"])) else None

    def make_cookie(self, guest: str, now: float) -> str:
        """Make the signed cookie of a guest. `guest` is `guest-` and 32 hexadecimal digits."""
        until = str(int(now + GUEST_COOKIE_SECONDS))
        return f"{guest}.{until}.{self._mac(guest, until)}"

    def _mac(self, guest: str, until: str) -> str:
        return hmac.new(self.guest_secret, f"{guest}.{until}".encode(), hashlib.sha256).hexdigest()


def _as_profile(viewer: AccountCaller | None, profile: str | None) -> AccountCaller | None:
    if viewer is None or not profile or profile == viewer.profile_id:
        return viewer
    if profile not in viewer.profiles:
        raise BadRequest(403, "profile-not-yours", f"{PROFILE_HEADER} names a profile of another account")
    return AccountCaller(viewer.account_id, profile, viewer.profiles, viewer.device_id, viewer.family)


def _bytes(text: str) -> bytes:
    """The bytes of a header field: aiohttp decodes invalid UTF-8 to surrogate escapes."""
    return text.encode("utf-8", "surrogateescape")
