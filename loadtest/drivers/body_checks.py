"""Segments compared with the origin's: length and checksum of each object are fetched once and remembered."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from dataclasses import dataclass, field
from typing import NamedTuple
from urllib.parse import urlsplit

import aiohttp
import xxhash

from kernel.media.playlist import ByteRange
from loadtest.player.cmcd import without_token
from loadtest.player.requests import Fetch
from loadtest.session import Failure

MAX_KNOWN = 100_000
TIMEOUT_S = 30.0
PIECE = 1 << 16


class Known(NamedTuple):
    """An object as the origin has it."""

    size: int
    digest: bytes


def difference(known: Known, size: int, digest: bytes) -> Failure | None:
    """How a body differs from the origin's."""
    if known.size != size:
        return Failure.LENGTH
    return None if known.digest == digest else Failure.CHECKSUM


@dataclass(slots=True)
class BodyChecks:
    """The origin's objects. `origin` is its base address; paths are those of the target without token and query."""

    origin: str
    compared: int = 0
    """Segments that were compared."""
    unknown: int = 0
    """Segments that the origin could not give."""
    _known: OrderedDict[tuple[str, ByteRange | None], asyncio.Future[Known | None]] = field(default_factory=OrderedDict)
    _session: aiohttp.ClientSession | None = None

    def begin(self, fetch: Fetch) -> BodyCheck:
        """For one segment on its way."""
        return BodyCheck(self, urlsplit(without_token(fetch.address)).path, fetch.byte_range)

    async def known(self, path: str, byte_range: ByteRange | None) -> Known | None:
        """Length and checksum at the origin; None when it does not give the object."""
        key = (path, byte_range)
        future = self._known.get(key)
        if future is None:
            future = self._known[key] = asyncio.get_running_loop().create_future()
            if len(self._known) > MAX_KNOWN:
                self._known.popitem(last=False)
            found: Known | None = None
            try:
                found = await self._fetch(path, byte_range)
            finally:
                # Set when this task is cancelled, too: others wait for it.
                future.set_result(found)
        return await future

    async def _fetch(self, path: str, byte_range: ByteRange | None) -> Known | None:
        if self._session is None:
            self._session = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=TIMEOUT_S))
        fields: dict[str, str] = {}
        if byte_range is not None:
            fields["Range"] = f"bytes={byte_range.offset}-{byte_range.offset + byte_range.length - 1}"
        digest, size = xxhash.xxh3_128(), 0
        try:
            async with self._session.get(self.origin.rstrip("/") + path, headers=fields) as response:
                if response.status not in (200, 206):
                    return None
                async for data in response.content.iter_chunked(PIECE):
                    digest.update(data)
                    size += len(data)
        except (aiohttp.ClientError, TimeoutError, OSError):
            return None
        return Known(size, digest.digest())

    async def close(self) -> None:
        """End the connections to the origin."""
        if self._session is not None:
            await self._session.close()


@dataclass(slots=True)
class BodyCheck:
    """One segment."""

    checks: BodyChecks
    path: str
    byte_range: ByteRange | None
    _digest: xxhash.xxh3_128 = field(default_factory=xxhash.xxh3_128)

    def update(self, data: memoryview) -> None:
        """A piece of the body."""
        self._digest.update(data)

    async def failure(self, size: int) -> Failure | None:
        """How the whole body differs from the origin's; None when it does not, or the origin does not say."""
        known = await self.checks.known(self.path, self.byte_range)
        if known is None:
            self.checks.unknown += 1
            return None
        self.checks.compared += 1
        return difference(known, size, self._digest.digest())
