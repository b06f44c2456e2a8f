"""What comes after a segment: the order of a rendition's segments, as the playlists that the edge served tell it. Pure.

An outline is one block of text, a line a segment, so that a film of two hours takes some 20 KiB and its names may be
anything. Looking up is a search in that block: some microseconds, once for each request that is not answered straight.
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
"""Bytes of all outlines together; those used longest ago are forgotten, a title at a time."""
MAX_PLAYLIST_BYTES = 8 << 20
"""A playlist of more bytes is not read."""
MAX_PLAYLISTS = 1_000
"""Playlists that a multivariant one names; of more none is kept."""
ENDINGS = (b".m3u8", b".mpd")

_OVERHEAD = 600
_CLEAN = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9_.-]*")


class SegmentRef(NamedTuple):
    """A segment or init segment: its key (`contentId/rest`), and the range of it (first, last) where it is a part."""

    key: bytes
    range: tuple[int, int] | None = None
    init: bool = False


@dataclass(frozen=True, slots=True)
class RenditionIndex:
    """A rendition: the folder (a key's beginning) that holds all of its segments, and their lines in order.

    A line is `s` or `i` (init segment), the name below the folder, and after a tab the range.
    """

    folder: bytes
    lines: bytes
    count: int
    length: int = 0
    """Bytes of all segments where the playlist tells (byte ranges), else 0."""

    def after(self, key: bytes, first: int | None, depth: int) -> list[SegmentRef]:
        """What follows a segment (or its part that begins at `first`): `depth` segments, and the init segments that
        they need anew. Empty when it is none of ours, or the last."""
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
            name, tab, told = line[1:].partition(b"\t")
            low, _, high = told.partition(b"-")
            init = line[:1] == b"i"
            depth -= not init
            yield SegmentRef(self.folder + name, (int(low), int(high)) if tab else None, init)


@dataclass(frozen=True, slots=True)
class ParsedPlaylist:
    """What a playlist tells: the outlines of its renditions, or (a multivariant one) the keys of further playlists."""

    outlines: tuple[RenditionIndex, ...] = ()
    playlists: tuple[bytes, ...] = ()


def read_playlist(path: bytes, data: bytes) -> ParsedPlaylist:
    """Of a playlist asked for at the normalised `path`; ValueError when it is none, or lists nothing that is known."""
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
        outline
        for one in parse_mpd(data)
        for outline in _one(
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
    beside = within_title(path, "x")
    folder = beside[0].key[:-1] if beside is not None else b""
    for uri, told, init in rows:
        part = (told.offset, told.offset + told.length - 1) if told is not None and told.length > 0 else None
        if _CLEAN.fullmatch(uri) and folder:
            yield SegmentRef(folder + uri.encode("ascii"), part, init)
        elif (found := within_title(path, uri)) is not None:
            yield SegmentRef(found[0].key, part, init)


def _one(pieces: Iterable[SegmentRef]) -> tuple[RenditionIndex, ...]:
    listed = list(pieces)
    segments = [piece for piece in listed if not piece.init]
    if not segments:
        return ()
    folder = _common(piece.key for piece in listed)
    lines = [
        (b"i" if piece.init else b"s")
        + piece.key[len(folder) :]
        + (b"\t%d-%d" % piece.range if piece.range is not None else b"")
        for piece in listed
    ]
    ranges = [piece.range for piece in segments if piece.range is not None]
    length = sum(last - first + 1 for first, last in ranges) if len(ranges) == len(segments) else 0
    return (RenditionIndex(folder, b"\n" + b"\n".join(lines) + b"\n", len(segments), length),)


def _common(keys: Iterable[bytes]) -> bytes:
    """The folder in which all of them lie."""
    known = sorted(set(keys))
    low, high = known[0], known[-1]
    same = next((at for at, (a, b) in enumerate(zip(low, high, strict=False)) if a != b), min(len(low), len(high)))
    return low[: low.rfind(b"/", 0, same) + 1]


@dataclass(slots=True)
class _Title:
    """What is known of a title; `region` is the one it was asked for in."""

    region: bytes
    outlines: dict[bytes, tuple[RenditionIndex, ...]]
    playlists: dict[bytes, tuple[bytes, ...]]
    cost: int = _OVERHEAD


class SegmentIndex:
    """The outlines of many titles, by playlist, within bounds."""

    def __init__(self, most_bytes: int = MAX_INDEX_BYTES) -> None:
        self._titles: OrderedDict[bytes, _Title] = OrderedDict()
        self._most = most_bytes
        self.cost = 0

    def __len__(self) -> int:
        return len(self._titles)

    def learn(self, key: bytes, region: bytes, listing: ParsedPlaylist) -> None:
        """A playlist (by its key) was read; it replaces what it said before."""
        name = key.partition(b"/")[0]
        title = self._titles.pop(name, None)
        if title is None:
            title = _Title(region, {}, {})
            self.cost += title.cost
        title.outlines.pop(key, None)
        title.playlists.pop(key, None)
        title.region = region
        title.outlines[key] = listing.outlines
        if listing.playlists:
            title.playlists[key] = listing.playlists
        cost = _OVERHEAD + sum(_cost(one) for found in title.outlines.values() for one in found)
        cost += sum(len(one) + 100 for found in title.playlists.values() for one in found) + 200 * len(title.outlines)
        self.cost += cost - title.cost
        title.cost = cost
        self._titles[name] = title
        while self.cost > self._most and self._titles:
            self.cost -= self._titles.popitem(last=False)[1].cost

    def knows(self, key: bytes) -> bool:
        """Whether this playlist was read."""
        title = self._titles.get(key.partition(b"/")[0])
        return title is not None and key in title.outlines

    def holds(self, key: bytes) -> bool:
        """Whether a segment may be in an outline: one of its folder is known."""
        title = self._titles.get(key.partition(b"/")[0])
        if title is None:
            return False
        return any(key.startswith(one.folder) for found in title.outlines.values() for one in found)

    def region(self, content_id: bytes) -> bytes | None:
        """The region in which a title was asked for last; None when nothing is known of it."""
        title = self._titles.get(content_id)
        return title.region if title is not None else None

    def after(self, key: bytes, first: int | None, depth: int) -> list[SegmentRef]:
        """What follows a segment, by the first outline that has it."""
        name = key.partition(b"/")[0]
        title = self._titles.get(name)
        if title is None:
            return []
        self._titles.move_to_end(name)
        for outlines in title.outlines.values():
            for outline in outlines:
                found = outline.after(key, first, depth)
                if found:
                    return found
        return []

    def of(self, content_id: bytes, rendition: bytes) -> RenditionIndex | None:
        """The outline of a rendition: the folder below the title that its segments lie in."""
        title = self._titles.get(content_id)
        if title is None:
            return None
        folder = content_id + b"/" + (rendition + b"/" if rendition else b"")
        return next((one for found in title.outlines.values() for one in found if one.folder == folder), None)

    def playlists(self, content_id: bytes) -> list[bytes]:
        """The keys of the playlists that the title's multivariant playlists name."""
        title = self._titles.get(content_id)
        return [] if title is None else list(dict.fromkeys(key for keys in title.playlists.values() for key in keys))


def _cost(outline: RenditionIndex) -> int:
    return _OVERHEAD + len(outline.lines) + len(outline.folder)
