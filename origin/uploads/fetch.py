"""Fetching a film by https: the resolved address is checked and used, redirects are checked again, and a fetch that
broke off goes on where it was.

No name is resolved twice: a name that leads to a public address when it is checked and to this network a moment later
(DNS rebinding) would pass a check that does not pin the address.
"""

from __future__ import annotations

import asyncio
import ipaddress
import os
import re
import socket
import ssl
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urljoin, urlsplit

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult

from kernel.errors import BadRequest, StorageFailed, UpstreamFailed
from kernel.fetch_reasons import UpstreamReason
from origin.uploads.locations import HTTPS_PORT, Address, LocationRules, check_url, is_allowed_address
from system.clock import SystemClock
from system.durable_files import replace_file

MAX_REDIRECTS = 5
PIECE_BYTES = 1 << 20
TIMEOUT = aiohttp.ClientTimeout(total=None, sock_connect=10, sock_read=60)
MIN_RATE = 4096
WINDOW_SECONDS = 60.0
"""A server that sends fewer bytes/s than MIN_RATE for a whole window is given up: it would hold a worker for days."""
_REDIRECTS = frozenset((301, 302, 303, 307, 308))
_RANGE = re.compile(r"bytes (\d{1,18})-(\d{1,18})/(\d{1,18}|\*)", re.ASCII)


@dataclass(frozen=True, slots=True)
class FetchLimits:
    """`max_bytes` of the film; `tls`: what to trust, None for the system's authorities."""

    max_bytes: int
    tls: ssl.SSLContext | None = None


@dataclass(slots=True)
class Pace:
    """The speed of a transfer, window by window; `since` in monotonic seconds."""

    since: float
    received: int = 0

    def is_too_slow(self, received: int, now: float) -> bool:
        """Count bytes that have arrived; whether they end a window that was slower than MIN_RATE."""
        self.received += received
        seconds = now - self.since
        if seconds < WINDOW_SECONDS:
            return False
        is_slow = self.received < MIN_RATE * seconds
        self.since, self.received = now, 0
        return is_slow


class _Pinned(AbstractResolver):
    """Answers with the addresses that were checked, and with nothing else."""

    def __init__(self, addresses: Sequence[Address], port: int) -> None:
        self._addresses = addresses
        self._port = port

    async def resolve(self, host: str, port: int = 0, family: int = socket.AF_INET) -> list[ResolveResult]:
        del port, family
        return [
            ResolveResult(
                hostname=host, host=str(one), port=self._port, proto=socket.IPPROTO_TCP,
                family=socket.AF_INET if one.version == 4 else socket.AF_INET6, flags=socket.AI_NUMERICHOST,
            )
            for one in self._addresses
        ]  # fmt: skip

    async def close(self) -> None:
        """Nothing to close."""


async def fetch_film(
    url: str, target: Path, rules: LocationRules, limits: FetchLimits, report: Callable[[float], object]
) -> None:
    """Fetch to `target`, through `<target>.part`, which a later call continues; `report` gets the share done.

    Raises BadRequest for what no repetition mends, UpstreamFailed for what may pass, StorageFailed.
    """
    if await asyncio.to_thread(target.exists):
        return
    for _ in range(MAX_REDIRECTS + 1):
        parts = urlsplit(url)
        url = check_url(parts, rules)
        port = parts.port or HTTPS_PORT
        addresses = await resolve_checked(parts.hostname or "", port, rules)
        connector = aiohttp.TCPConnector(resolver=_Pinned(addresses, port), ssl=limits.tls or True, use_dns_cache=False)
        try:
            async with aiohttp.ClientSession(connector=connector, timeout=TIMEOUT, auto_decompress=False) as session:
                moved = await _fetch(session, url, target, limits, report)
        except (aiohttp.ClientError, TimeoutError, ssl.SSLError) as error:
            raise _passing(f"{parts.hostname} failed: {type(error).__name__}") from None
        if moved is None:
            return
        url = urljoin(url, moved)
    raise BadRequest(422, "redirects", f"`fileLocation` leads through more than {MAX_REDIRECTS} redirects")


async def resolve_checked(host: str, port: int, rules: LocationRules) -> list[Address]:
    """The addresses of a host, if all of them may be used. Raises BadRequest (403), UpstreamFailed."""
    try:
        found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except OSError as error:
        raise _passing(f"{host} cannot be resolved: {error.strerror or error}") from None
    addresses = [ipaddress.ip_address(str(entry[4][0]).partition("%")[0]) for entry in found]
    if not addresses or not all(is_allowed_address(one, rules.networks) for one in addresses):
        raise BadRequest(403, "location-not-allowed", f"`fileLocation`: {host} has an address that is not public")
    return list(dict.fromkeys(addresses))


async def _fetch(
    session: aiohttp.ClientSession, url: str, target: Path, limits: FetchLimits, report: Callable[[float], object]
) -> str | None:
    """One exchange; returns the Location of a redirect, or None when the film is complete."""
    part, validator = target.with_name(f"{target.name}.part"), target.with_name(f"{target.name}.etag")
    have, etag = await asyncio.to_thread(_state_of, part, validator)
    headers = {"Accept-Encoding": "identity"}
    if have and etag:
        headers |= {"Range": f"bytes={have}-", "If-Range": etag}
    async with session.get(url, headers=headers, allow_redirects=False) as got:
        if got.status in _REDIRECTS and "Location" in got.headers:
            return got.headers["Location"]
        if got.status == 416:  # the film is shorter than what we have: start again
            await asyncio.to_thread(part.unlink, missing_ok=True)
        first, length = _extent(got, have)
        if length is not None and length > limits.max_bytes:
            raise BadRequest(413, "too-large", f"the film has {length} bytes, more than the {limits.max_bytes} allowed")
        strong = got.headers.get("ETag", "")
        await asyncio.to_thread(replace_file, validator, b"" if strong.startswith("W/") else strong.encode())
        await _spool(got, part, first, length, limits.max_bytes, report)
    await asyncio.to_thread(_complete, part, target, validator)
    return None


def _state_of(part: Path, validator: Path) -> tuple[int, str]:
    try:
        return part.stat().st_size, validator.read_text("ascii")
    except (OSError, UnicodeDecodeError):
        return 0, ""


def _extent(got: aiohttp.ClientResponse, have: int) -> tuple[int, int | None]:
    """(first byte of the body, length of the film or None). Raises BadRequest, UpstreamFailed."""
    if got.status == 200:
        return 0, got.content_length
    match = _RANGE.fullmatch(got.headers.get("Content-Range", ""))
    if got.status == 206 and match and int(match[1]) == have:
        return have, None if match[3] == "*" else int(match[3])
    if got.status in (408, 425, 429) or got.status >= 500 or got.status in (206, 416):
        raise _passing(f"the film's server answered {got.status}")
    raise BadRequest(422, "not-fetched", f"the film's server answered {got.status}")


async def _spool(
    got: aiohttp.ClientResponse,
    part: Path,
    first: int,
    length: int | None,
    most: int,
    report: Callable[[float], object],
) -> None:
    at, pace = first, Pace(SystemClock.mono())
    try:
        with await asyncio.to_thread(part.open, "r+b" if first else "wb") as file:
            file.truncate(first)
            file.seek(first)
            async for piece in got.content.iter_chunked(PIECE_BYTES):
                at += len(piece)
                if at > most:
                    raise BadRequest(413, "too-large", f"the film has more than the {most} bytes allowed")
                if pace.is_too_slow(len(piece), SystemClock.mono()):
                    raise _passing(f"the film's server sends fewer than {MIN_RATE} bytes a second")
                await asyncio.to_thread(file.write, piece)
                report(at / length if length else 0.0)
            file.flush()
            await asyncio.to_thread(os.fsync, file.fileno())
    except OSError as error:
        if isinstance(error, (aiohttp.ClientError, TimeoutError)):
            raise
        raise StorageFailed(f"the film cannot be written: {error.strerror or error}") from None
    if length is not None and at != length:
        raise _passing(f"the film's server sent {at} of {length} bytes")


def _complete(part: Path, target: Path, validator: Path) -> None:
    part.replace(target)
    validator.unlink(missing_ok=True)


def _passing(detail: str) -> UpstreamFailed:
    return UpstreamFailed(UpstreamReason.SOURCE, detail=detail)
