"""Forwards licence requests to a vendor, byte for byte, with the session's entitlement token.

Attempts, time and sizes are bounded, and a breaker answers at once while a vendor is down. The viewer gets a kind
sentence, the operator's log the cause; neither the token nor the challenge is logged.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

import aiohttp
import structlog

from httpd.bounded_body import read_at_most
from kernel.circuit_breaker import CircuitBreaker
from kernel.clock import Clock
from services.counters import Counters
from services.playback.drm.entitlement import HEADER

log = structlog.get_logger()

ATTEMPTS = 3
RETRY_SECONDS = 0.2
TIMEOUT = aiohttp.ClientTimeout(total=8, sock_connect=2)
MAX_LICENCE_BYTES = 256 * 1024
MAX_REQUESTS = 200
"""Licence requests to one vendor at a time; more get the sentence of a vendor that is down."""


class KeySystem(StrEnum):
    """The key systems whose licences a vendor makes."""

    WIDEVINE = "widevine"
    PLAYREADY = "playready"
    FAIRPLAY = "fairplay"


CHALLENGE_TYPE: Mapping[KeySystem, str] = {
    KeySystem.WIDEVINE: "application/octet-stream",
    KeySystem.PLAYREADY: "text/xml; charset=utf-8",
    KeySystem.FAIRPLAY: "application/octet-stream",
}
SOAP_ACTION = '"http://schemas.microsoft.com/DRM/2007/03/protocols/AcquireLicense"'


@dataclass(frozen=True, slots=True)
class Licence:
    """A vendor's licence."""

    body: bytes
    content_type: str


@dataclass(frozen=True, slots=True)
class Refused:
    """The vendor refused this challenge (4xx): it would refuse it again."""

    status: int


class _Failure(Exception):
    """The vendor failed in a way that may pass; the text is for the log."""


class VendorClient:
    """One vendor's licence server of one key system."""

    def __init__(
        self, system: KeySystem, url: str, client: aiohttp.ClientSession, clock: Clock, counters: Counters
    ) -> None:
        self._system = system
        self._url = url
        self._client = client
        self._clock = clock
        self._counters = counters
        self._breaker = CircuitBreaker()
        self._free = asyncio.Semaphore(MAX_REQUESTS)

    async def request_licence(self, challenge: bytes, token: str | None) -> Licence | Refused | None:
        """The vendor's answer; None if it gave none, with the cause in the log."""
        if self._free.locked() or not self._breaker.allows(self._clock.mono()):
            self._count("unavailable")
            return None
        async with self._free:
            for attempt in range(1, ATTEMPTS + 1):
                try:
                    answer = await self._ask(challenge, token)
                except (_Failure, aiohttp.ClientError, TimeoutError) as error:
                    self._record_failure(error, attempt)
                    if attempt < ATTEMPTS and not self._breaker.is_open(self._clock.mono()):
                        await asyncio.sleep(RETRY_SECONDS * attempt)
                        continue
                    self._count("failed")
                    return None
                self._breaker.record_success()
                self._count("licence" if isinstance(answer, Licence) else "refused")
                return answer
        return None

    async def _ask(self, challenge: bytes, token: str | None) -> Licence | Refused:
        headers = {"Content-Type": CHALLENGE_TYPE[self._system]}
        if token is not None:
            headers[HEADER] = token
        if self._system is KeySystem.PLAYREADY:
            headers["SOAPAction"] = SOAP_ACTION
        async with self._client.post(
            self._url, data=challenge, headers=headers, timeout=TIMEOUT, allow_redirects=False
        ) as got:
            if got.status >= 500 or got.status == 429 or 300 <= got.status < 400:
                raise _Failure(f"it answered {got.status}")
            if got.status != 200:
                log.warning("licence-refused-by-vendor", system=str(self._system), status=got.status)
                return Refused(got.status)
            body = await read_at_most(got.content, MAX_LICENCE_BYTES + 1)
            if len(body) > MAX_LICENCE_BYTES:
                raise _Failure(f"its licence is larger than {MAX_LICENCE_BYTES >> 10} KiB")
            return Licence(body, got.content_type)

    def _record_failure(self, error: Exception, attempt: int) -> None:
        opened = self._breaker.record_failure(self._clock.mono())
        cause = str(error) if isinstance(error, _Failure) else type(error).__name__
        log.warning("licence-vendor-failed", system=str(self._system), cause=cause, attempt=attempt)
        if opened:
            log.error("licence-vendor-down", system=str(self._system), cause=cause)

    def _count(self, outcome: str) -> None:
        self._counters.licences.labels(str(self._system), outcome).inc()
