"""An HLS player: one kept-alive connection, playlists read as a player does, segments one after the other."""

from __future__ import annotations

import asyncio
import hashlib
from collections import deque
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import urljoin

from kernel.media.playlist import parse_media, parse_multivariant
from tests.doubles.response import Response, ResponseParser

if TYPE_CHECKING:
    from tests.scenario.library import Library
    from tests.scenario.stage import Node

FOREVER = {"etag": '"1"', "cache_control": "public, max-age=31536000, immutable"}
SHORT = {"etag": '"1"', "cache_control": "public, max-age=30"}


class Film:
    """A title of generated segments with hashed names, held by a library."""

    def __init__(
        self, origin: Library, title: str, renditions: dict[str, int], segments: int, seconds: int = 4
    ) -> None:
        """`renditions`: name -> bytes of a segment, more or less."""
        self.folder = f"/cdn/eu/{title}/"
        self.names: dict[str, list[str]] = {}
        self.renditions = renditions
        master = ["#EXTM3U"]
        for rendition, size in renditions.items():
            names = [_hashed(f"{title}/{rendition}/{number}") + ".m4s" for number in range(segments)]
            self.names[rendition] = names
            lines = ["#EXTM3U", f"#EXT-X-TARGETDURATION:{seconds}", '#EXT-X-MAP:URI="init.mp4"']
            for number, name in enumerate(names):
                lines += [f"#EXTINF:{seconds},", name]
                body = _hashed(name).encode() * (size * (90 + number * 7 % 20) // 100 // 40 + 1)
                origin.holds(f"{self.folder}{rendition}/{name}", body, content_type="video/mp4", **FOREVER)
            lines.append("#EXT-X-ENDLIST")
            origin.holds(f"{self.folder}{rendition}/main.m3u8", "\n".join(lines).encode(), **SHORT)
            origin.holds(f"{self.folder}{rendition}/init.mp4", b"init" * 200, **FOREVER)
            master += [f"#EXT-X-STREAM-INF:BANDWIDTH={size * 8 // seconds}", f"{rendition}/main.m3u8"]
        origin.holds(f"{self.folder}master.m3u8", "\n".join(master).encode(), **SHORT)

    def path(self, rendition: str, number: int) -> str:
        """Of a segment."""
        return f"{self.folder}{rendition}/{self.names[rendition][number]}"


def _hashed(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:40]


class _Line(asyncio.Protocol):
    def __init__(self) -> None:
        self.waiting: deque[asyncio.Future[Response]] = deque()
        self._parser = ResponseParser()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        for response in self._parser.feed(data):
            self.waiting.popleft().set_result(response)

    def connection_lost(self, exc: Exception | None) -> None:
        cut = self._parser.current
        self._parser.end()
        for ended in self.waiting:
            ended.set_result(cut or Response())
            cut = None


class Player:
    """Plays at a node. `got` has the Cache-Status of each segment, `bytes` what came of all it asked for."""

    def __init__(self, at: Node, network: Any, prefix: str = "") -> None:
        self._at = at
        self._network = network
        self._prefix = prefix
        self._line: _Line | None = None
        self._read: dict[str, Any] = {}
        self.got: list[tuple[str, int, str]] = []
        self.bytes = 0

    async def asks(self, path: str, **fields: str) -> Response:
        """One request on the one connection."""
        address = await self._at.started()
        if self._line is None:
            _, self._line = await self._network.dial(address, _Line, local="127.0.0.1")
        line = self._line
        more = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in fields.items())
        head = (
            f"GET {self._prefix}{path} HTTP/1.1\r\nHost: {address}\r\nUser-Agent: player\r\nAccept: */*\r\n{more}\r\n"
        )
        ended: asyncio.Future[Response] = asyncio.get_running_loop().create_future()
        line.waiting.append(ended)
        line.transport.write(head.encode())
        found = await ended
        self.bytes += len(found.body)
        return found

    async def playlists(self, master: str) -> list[str]:
        """Load the top playlist; the renditions' playlists."""
        found = parse_multivariant((await self.asks(master)).body.decode())
        return [urljoin(master, variant.uri) for variant in found.variants]

    async def plays(self, playlist: str, numbers: Iterator[int] | range) -> None:
        """Play these segments of a rendition, whose playlist and init segment are loaded when first needed."""
        if playlist not in self._read:
            self._read[playlist] = parse_media((await self.asks(playlist)).body.decode())
            await self.asks(urljoin(playlist, self._read[playlist].init))
        for number in numbers:
            path = urljoin(playlist, self._read[playlist].segments[number].uri)
            response = await self.asks(path)
            assert (response.status, response.whole) == (200, True)
            self.got.append((playlist, number, response.cache_status))

    def leaves(self) -> None:
        """Hang up."""
        if self._line is not None:
            self._line.transport.close()

    def share_there(self) -> float:
        """Of the segments after the first of each rendition, the share that was here or on its way."""
        first, later = set[str](), []
        for playlist, _, status in self.got:
            if playlist in first:
                later.append("; hit" in status or "collapsed" in status)
            first.add(playlist)
        return sum(later) / len(later)
