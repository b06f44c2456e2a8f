"""Adapt accounts to the interfaces of the other services, which do not import them."""

from __future__ import annotations

from services.http.caller import AccountCaller, VerifyAccess
from services.users.service import UserService


def as_access_verifier(service: UserService) -> VerifyAccess:
    """Access tokens for the middleware: the viewer of a token, as the first profile of the account."""

    def verify(token: str) -> AccountCaller | None:
        claims = service.verify_access(token)
        if claims is None:
            return None
        return AccountCaller(claims.account_id, claims.profiles[0], claims.profiles, claims.device_id, claims.family)

    return verify
