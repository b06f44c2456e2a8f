"""Who may use `/content/*`: callers with the API key; without one set, callers on this machine."""

from __future__ import annotations

import hmac
import ipaddress
from collections.abc import Awaitable, Callable
from pathlib import Path

import structlog
from aiohttp import web

from httpd.problem import problem
from kernel.errors import BadRequest, BadSettings, Overloaded, UpstreamFailed
from kernel.vocabulary import OverloadReason
from system.private_files import read_secret

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
log = structlog.get_logger("origin")
_MAX_KEY_FILE = 4096


class ApiDoor:
    """Checks callers, and turns errors into problem documents. `key` None: none is set."""

    def __init__(self, key: str | None, is_open: Callable[[], bool] = lambda: True) -> None:
        self._key = key
        self._is_open = is_open

    def wrap(self, handler: Handler) -> Handler:
        """A handler behind the door."""

        async def guarded(request: web.Request) -> web.StreamResponse:
            refused = self._refusal(request)
            if refused is not None:
                return refused
            try:
                if not self._is_open():
                    raise Overloaded(OverloadReason.INGEST_NOT_OPEN)
                return await handler(request)
            except BadRequest as error:
                return problem(error.status, error.reason, error.detail or error.reason)
            except Overloaded as error:
                return problem(503, error.reason, str(error), {"Retry-After": str(error.retry_after)})
            except UpstreamFailed as error:
                return problem(error.status, error.reason, error.detail or error.reason)

        return guarded

    def _refusal(self, request: web.Request) -> web.Response | None:
        if self._key is None:
            if _is_loopback(request.remote or ""):
                return None
            return problem(403, "api-key", "Only this machine may use this: the setting api_key_file is not set.")
        scheme, _, given = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() == "bearer" and hmac.compare_digest(given.strip().encode(), self._key.encode()):
            return None
        return problem(401, "not-recognised", "An API key is needed.", {"WWW-Authenticate": "Bearer"})


def read_api_key(path: Path | None) -> str | None:
    """The API key in a file; None without a file. Raises BadSettings."""
    if path is None:
        return None
    try:
        text = read_secret(path, "api_key_file", _MAX_KEY_FILE).decode("ascii").strip()
    except OSError as error:
        raise BadSettings("api_key_file", f"{path} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise BadSettings("api_key_file", f"{path} does not hold an API key") from None
    if len(text) < 16 or any(letter.isspace() for letter in text):
        raise BadSettings("api_key_file", f"{path} must hold one API key of at least 16 letters")
    return text


def _is_loopback(peer: str) -> bool:
    try:
        address = ipaddress.ip_address(peer.partition("%")[0])
    except ValueError:
        return False
    return (getattr(address, "ipv4_mapped", None) or address).is_loopback
