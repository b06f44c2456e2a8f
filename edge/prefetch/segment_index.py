"""The order of each rendition's segments, learned from the playlists that the edge has served. Pure.

A rendition is one block of text with a line per segment, so a two-hour film takes some 20 KiB and names may be
anything. A lookup searches that block: a few microseconds, once for each request off the fast path.
"""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

from kernel.media.mpd import parse_mpd
from kernel.media.naming import within_title
from kernel.media.playlist import ByteRange, is_multivariant, parse_media, parse_multivariant

MAX_INDEX_BYTES = 32 << 20
"""Bytes of all renditions together; the least recently used titles are forgotten."""
MAX_PLAYLIST_BYTES = 8 << 20
"""Longer playlists are not read."""
MAX_PLAYLISTS = 1_000
"""Playlists that a multivariant playlist may name; with more it is ignored."""
PLAYLIST_ENDINGS = (b".m3u8", b".mpd")

_OVERHEAD = 600
_CLEAN = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9_.-]*")


class SegmentRef(NamedTuple):
    """A segment or init segment: its key (`contentId/rest`), and its byte range (first, last) if it is a part."""

    key: bytes
    range: tuple[int, int] | None = None
    init: bool = False


@dataclass(frozen=True, slots=True)
class RenditionIndex:
    """A rendition: the folder (a prefix of keys) of all its segments, and a line for each, in order.

    A line is `s` or `i` (init segment), the name below the folder, and the range after a tab.
    """

    folder: bytes
    lines: bytes
    count: int
    length: int = 0
    """Bytes of all segments if the playlist gives byte ranges, else 0."""

    def after(self, key: bytes, first: int | None, depth: int) -> list[SegmentRef]:
        """The `depth` segments after a segment (or its part that begins at `first`), and the init segments they need.

        Empty if the segment is unknown or the last.
        """
        place = b"\ns" + key[len(self.folder) :] + (b"\n" if first is None else b"\t%d-" % first)
        at = self.lines.find(place) if key.startswith(self.folder) else -1
        return [] if at < 0 else list(self._from(self.lines.find(b"\n", at + 1), depth))

    def first(self, depth: int) -> list[SegmentRef]:
        """The first segments, with their init segments."""
        return list(self._from(0, depth))

    def _from(self, at: int, depth: int) -> Iterator[SegmentRef]:
        lines = self.lines
        while depth > 0 and 0 <= at < len(lines) - 1:
            end = lines.index(b"\n", at + 1)
            line, at = lines[at + 1 : end], end
            name, tab, byte_range = line[1:].partition(b"\t")
            low, _, high = byte_range.partition(b"-")
            init = line[:1] == b"i"
            depth -= not init
            yield SegmentRef(self.folder + name, (int(low), int(high)) if tab else None, init)


@dataclass(frozen=True, slots=True)
class ParsedPlaylist:
    """The renditions of a playlist or MPD, or (multivariant) the keys of further playlists."""

    renditions: tuple[RenditionIndex, ...] = ()
    playlists: tuple[bytes, ...] = ()


def read_playlist(path: bytes, data: bytes) -> ParsedPlaylist:
    """Parse the playlist at the normalised `path`. Raises ValueError if it is no playlist or has no usable entry."""
    if len(data) > MAX_PLAYLIST_BYTES:
        raise ValueError(f"{len(data)} bytes")
    if data.lstrip(b"\xef\xbb\xbf")[:7] == b"#EXTM3U":
        text = data.decode("utf-8-sig")
        if is_multivariant(text):
            uris = parse_multivariant(text).uris()
            if len(uris) > MAX_PLAYLISTS:
                raise ValueError(f"{len(uris)} playlists")
            found = (within_title(path, uri) for uri in uris)
            return ParsedPlaylist(playlists=tuple(dict.fromkeys(one[0].key for one in found if one is not None)))
        return ParsedPlaylist(_one(_of_hls(path, text)))
    made = [
        rendition
        for one in parse_mpd(data)
        for rendition in _one(
            _pieces(path, [*([(one.init.uri, one.init.byte_range, True)] if one.init is not None else []),
                           *((part.uri, part.byte_range, False) for part in one.segments)])
        )
    ]  # fmt: skip
    return ParsedPlaylist(tuple(made))


def _of_hls(path: bytes, text: str) -> Iterator[SegmentRef]:
    playlist = parse_media(text)
    if playlist.i_frames_only:
        return
    rows: list[tuple[str, ByteRange | None, bool]] = []
    init = None
    for segment in playlist.segments:
        if segment.init is not None and segment.init != init:
            init = segment.init
            rows.append((init.uri, init.byte_range, True))
        rows.append((segment.uri, segment.byte_range, False))
    yield from _pieces(path, rows)


def _pieces(path: bytes, rows: Iterable[tuple[str, ByteRange | None, bool]]) -> Iterator[SegmentRef]:
    sibling = within_title(path, "x")
    folder = sibling[0].key[:-1] if sibling is not None else b""
    for uri, byte_range, init in rows:
        part = (
            (byte_range.offset, byte_range.offset + byte_range.length - 1)
            if byte_range is not None and byte_range.length > 0
            else None
        )
        if _CLEAN.fullmatch(uri) and folder:
            yield SegmentRef(folder + uri.encode("ascii"), part, init)
        elif (found := within_title(path, uri)) is not None:
            yield SegmentRef(found[0].key, part, init)


def _one(segments: Iterable[SegmentRef]) -> tuple[RenditionIndex, ...]:
    listed = list(segments)
    segments = [segment for segment in listed if not segment.init]
    if not segments:
        return ()
    folder = _common(segment.key for segment in listed)
    lines = [
        (b"i" if segment.init else b"s")
        + segment.key[len(folder) :]
        + (b"\t%d-%d" % segment.range if segment.range is not None else b"")
        for segment in listed
    ]
    ranges = [segment.range for segment in segments if segment.range is not None]
    length = sum(last - first + 1 for first, last in ranges) if len(ranges) == len(segments) else 0
    return (RenditionIndex(folder, b"\n" + b"\n".join(lines) + b"\n", len(segments), length),)


def _common(keys: Iterable[bytes]) -> bytes:
    """The folder that contains all of them."""
    known = sorted(set(keys))
    low, high = known[0], known[-1]
    same = next((at for at, (a, b) in enumerate(zip(low, high, strict=False)) if a != b), min(len(low), len(high)))
    return low[: low.rfind(b"/", 0, same) + 1]


@dataclass(slots=True)
class _Title:
    """One title; `region` is the one it was requested in last."""

    region: bytes
    renditions: dict[bytes, tuple[RenditionIndex, ...]]
    playlists: dict[bytes, tuple[bytes, ...]]
    cost: int = _OVERHEAD


class SegmentIndex:
    """The renditions of many titles, by playlist, within bounds."""

    def __init__(self, max_bytes: int = MAX_INDEX_BYTES) -> None:
        self._titles: OrderedDict[bytes, _Title] = OrderedDict()
        self._max_bytes = max_bytes
        self.bytes = 0

    def __len__(self) -> int:
        return len(self._titles)

    def learn(self, key: bytes, region: bytes, playlist: ParsedPlaylist) -> None:
        """Remember a playlist, by its key, in place of its previous content."""
        name = key.partition(b"/")[0]
        title = self._titles.pop(name, None)
        if title is None:
            title = _Title(region, {}, {})
            self.bytes += title.cost
        title.renditions.pop(key, None)
        title.playlists.pop(key, None)
        title.region = region
        title.renditions[key] = playlist.renditions
        if playlist.playlists:
            title.playlists[key] = playlist.playlists
        cost = _OVERHEAD + sum(_cost(one) for found in title.renditions.values() for one in found)
        cost += sum(len(one) + 100 for found in title.playlists.values() for one in found) + 200 * len(title.renditions)
        self.bytes += cost - title.cost
        title.cost = cost
        self._titles[name] = title
        while self.bytes > self._max_bytes and self._titles:
            self.bytes -= self._titles.popitem(last=False)[1].cost

    def has_playlist(self, key: bytes) -> bool:
        """Whether this playlist has been read."""
        title = self._titles.get(key.partition(b"/")[0])
        return title is not None and key in title.renditions

    def may_contain(self, key: bytes) -> bool:
        """Whether the segment may be in a known rendition: one in its folder is."""
        title = self._titles.get(key.partition(b"/")[0])
        if title is None:
            return False
        return any(key.startswith(one.folder) for found in title.renditions.values() for one in found)

    def region(self, content_id: bytes) -> bytes | None:
        """The region in which a title was requested last; None if the title is unknown."""
        title = self._titles.get(content_id)
        return title.region if title is not None else None

    def after(self, key: bytes, first: int | None, depth: int) -> list[SegmentRef]:
        """What follows a segment, in the first rendition that has it."""
        name = key.partition(b"/")[0]
        title = self._titles.get(name)
        if title is None:
            return []
        self._titles.move_to_end(name)
        for renditions in title.renditions.values():
            for rendition in renditions:
                found = rendition.after(key, first, depth)
                if found:
                    return found
        return []

    def rendition(self, content_id: bytes, rendition: bytes) -> RenditionIndex | None:
        """A rendition of a title, by the folder below the title that has its segments."""
        title = self._titles.get(content_id)
        if title is None:
            return None
        folder = content_id + b"/" + (rendition + b"/" if rendition else b"")
        return next((one for found in title.renditions.values() for one in found if one.folder == folder), None)

    def playlists(self, content_id: bytes) -> list[bytes]:
        """The keys of the playlists named by the title's multivariant playlists."""
        title = self._titles.get(content_id)
        return [] if title is None else list(dict.fromkeys(key for keys in title.playlists.values() for key in keys))


def _cost(rendition: RenditionIndex) -> int:
    return _OVERHEAD + len(rendition.lines) + len(rendition.folder)
