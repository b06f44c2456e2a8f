"""The comparison of segments with the origin's, for greenlets: see `body_checks`.

It uses the standard library's HTTP client, whose sockets Locust has replaced by gevent's.
"""

from __future__ import annotations

import ssl
import urllib.request
from collections import OrderedDict
from urllib.parse import urlsplit

import xxhash
from gevent.event import AsyncResult

from kernel.media.playlist import ByteRange
from loadtest.drivers.body_checks import MAX_KNOWN, PIECE, TIMEOUT_S, Known, difference
from loadtest.player.cmcd import without_token
from loadtest.player.requests import Fetch
from loadtest.session import Failure


class GeventBodyChecks:
    """The origin's objects, shared by the users of a process. `origin` is its base address."""

    def __init__(self, origin: str, tls: ssl.SSLContext | None = None) -> None:
        self.origin = origin.rstrip("/")
        self.compared = 0
        self.unknown = 0
        self._tls = tls
        self._known: OrderedDict[tuple[str, ByteRange | None], AsyncResult[Known | None]] = OrderedDict()

    def begin(self, fetch: Fetch) -> GeventBodyCheck:
        """For one segment on its way."""
        return GeventBodyCheck(self, urlsplit(without_token(fetch.address)).path, fetch.byte_range)

    def known(self, path: str, byte_range: ByteRange | None) -> Known | None:
        """Length and checksum at the origin, fetched once; None when it does not give the object."""
        key = (path, byte_range)
        result = self._known.get(key)
        if result is None:
            result = self._known[key] = AsyncResult()
            if len(self._known) > MAX_KNOWN:
                self._known.popitem(last=False)
            found: Known | None = None
            try:
                found = self._fetch(path, byte_range)
            finally:
                # Set when this greenlet is killed, too: others wait for it.
                result.set(found)
        there: Known | None = result.get()
        return there

    def _fetch(self, path: str, byte_range: ByteRange | None) -> Known | None:
        request = urllib.request.Request(self.origin + path)  # noqa: S310 - http or https by the command line
        if byte_range is not None:
            last = byte_range.offset + byte_range.length - 1
            request.add_header("Range", f"bytes={byte_range.offset}-{last}")
        digest, size = xxhash.xxh3_128(), 0
        tls = self._tls if self.origin.startswith("https:") else None
        try:
            with urllib.request.urlopen(request, timeout=TIMEOUT_S, context=tls) as answer:  # noqa: S310
                while data := answer.read(PIECE):
                    digest.update(data)
                    size += len(data)
        except (OSError, ValueError):
            return None
        return Known(size, digest.digest())


class GeventBodyCheck:
    """One segment."""

    def __init__(self, checks: GeventBodyChecks, path: str, byte_range: ByteRange | None) -> None:
        self._checks, self._path, self._range = checks, path, byte_range
        self._digest = xxhash.xxh3_128()

    def update(self, data: memoryview) -> None:
        """A piece of the body."""
        self._digest.update(data)

    def failure(self, size: int) -> Failure | None:
        """How the whole body differs from the origin's; None when it does not, or the origin does not say."""
        known = self._checks.known(self._path, self._range)
        if known is None:
            self._checks.unknown += 1
            return None
        self._checks.compared += 1
        return difference(known, size, self._digest.digest())
