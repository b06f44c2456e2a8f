"""Authenticate callers: an operator by API key, a guest by a signed cookie. Pure."""

from __future__ import annotations

import hashlib
import hmac
import re
from dataclasses import dataclass

from kernel.errors import BadRequest
from services.http.route import Access

COOKIE_NAME = "matinee_guest"
GUEST_COOKIE_SECONDS = 180 * 86400
_COOKIE = re.compile(r"(?P<id>guest-[0-9a-f]{32})\.(?P<until>\d{10,11})\.(?P<mac>[0-9a-f]{64})", re.ASCII)


@dataclass(frozen=True, slots=True)
class Caller:
    """An authenticated caller. An operator may do everything; a guest may act for the user `guest` only."""

    operator: bool = False
    guest: str | None = None

    def may_use(self, access: Access, *, on_this_machine: bool) -> bool:
        """Whether this caller may use a route with this access level."""
        match access:
            case Access.ANYBODY:
                return True
            case Access.VIEWER:
                return self.operator or self.guest is not None
            case Access.OPERATOR:
                return self.operator
            case Access.INTERNAL:
                return self.operator or on_this_machine

    def acting_user(self, user: str | None) -> str:
        """The userId to act for; a guest may name only its own. Raises BadRequest (400, 403)."""
        if user is None:
            if self.guest is None:
                raise BadRequest(400, "parameter-missing", "`userId` is required")
            return self.guest
        if not self.operator and user != self.guest:
            raise BadRequest(403, "not-yours", "a guest may act only for its own userId")
        return user


@dataclass(frozen=True, slots=True)
class Authenticator:
    """Authenticates callers. With `insecure_dev` everybody is an operator; allowed on loopback only."""

    api_key: str
    guest_secret: bytes
    insecure_dev: bool = False

    def authenticate(self, authorization: str | None, cookie: str | None, now: float) -> Caller:
        """Authenticate by the Authorization field and the guest cookie. Raises BadRequest (401) if the key is wrong."""
        guest = self.verify_cookie(cookie, now) if cookie else None
        if authorization is None:
            return Caller(operator=self.insecure_dev, guest=guest)
        scheme, _, key = authorization.partition(" ")
        if scheme.lower() != "bearer" or not hmac.compare_digest(_bytes(key.strip()), _bytes(self.api_key)):
            raise BadRequest(401, "api-key", "the Authorization field does not hold a valid API key")
        return Caller(operator=True, guest=guest)

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


def _bytes(text: str) -> bytes:
    """The bytes of a header field: aiohttp decodes invalid UTF-8 to surrogate escapes."""
    return text.encode("utf-8", "surrogateescape")
