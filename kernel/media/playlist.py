"""HLS playlists (RFC 8216, rfc8216bis): parsed strictly, and filtered by rendition.

Invalid playlists raise ValueError naming the line. URIs are left as written.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from urllib.parse import urlsplit

_ATTRIBUTE = re.compile(r'\s*([A-Z0-9-]+)=("[^"\r\n]*"|[^",\s][^,]*)\s*(?:,|$)')
_WHOLE = re.compile(r"\d{1,18}", re.ASCII)
_MAX_DECIMAL = 40
"""Characters of a length in seconds."""
_MAX_LINES = 400_000
"""Bounds work on hostile input; a day of 2 s segments has 130,000 lines."""


@dataclass(frozen=True, slots=True)
class ByteRange:
    """`length` bytes from `offset` of the resource."""

    offset: int
    length: int


@dataclass(frozen=True, slots=True)
class InitSegment:
    """The init segment that EXT-X-MAP names; `byte_range` None: the whole resource."""

    uri: str
    byte_range: ByteRange | None = None


@dataclass(frozen=True, slots=True)
class Key:
    """How segments are encrypted (EXT-X-KEY, RFC 8216 §4.3.2.4); `format` is the key system, `identity` by default."""

    method: str
    uri: str
    format: str = "identity"


@dataclass(frozen=True, slots=True)
class Segment:
    """A media segment; `duration` in seconds, `byte_range` None: the whole resource; `init` is its init segment.

    `key` is the last EXT-X-KEY before it; None: the segment is clear.
    """

    uri: str
    duration: float
    byte_range: ByteRange | None = None
    init: InitSegment | None = None
    key: Key | None = None


@dataclass(frozen=True, slots=True)
class MediaPlaylist:
    """A media playlist; `init` is the URI of EXT-X-MAP."""

    target_duration: int
    segments: tuple[Segment, ...]
    init: str | None = None
    version: int = 1
    sequence: int = 0
    vod: bool = False
    ended: bool = False
    i_frames_only: bool = False
    independent: bool = False

    @property
    def duration(self) -> float:
        """Seconds of all segments."""
        return sum(segment.duration for segment in self.segments)


@dataclass(frozen=True, slots=True)
class Variant:
    """A line of a multivariant playlist: an EXT-X-STREAM-INF or EXT-X-I-FRAME-STREAM-INF with its URI."""

    uri: str
    attributes: dict[str, str]
    i_frames: bool = False

    @property
    def bandwidth(self) -> int:
        """Peak bit/s as declared; ValueError when it is missing or no number."""
        text = self.attributes.get("BANDWIDTH", "")
        if not _WHOLE.fullmatch(text):
            raise ValueError(f"variant {self.uri[:200]!r} has no BANDWIDTH")
        return int(text)


@dataclass(frozen=True, slots=True)
class MultivariantPlaylist:
    """The top playlist; `media` are the attributes of the EXT-X-MEDIA lines."""

    variants: tuple[Variant, ...]
    media: tuple[dict[str, str], ...] = ()
    independent: bool = False

    def uris(self) -> tuple[str, ...]:
        """All playlists named, each once, in order."""
        named = [variant.uri for variant in self.variants] + [line["URI"] for line in self.media if "URI" in line]
        return tuple(dict.fromkeys(named))


def is_relative(uri: str) -> bool:
    """Whether the URI stays below the playlist's folder: no scheme, host, root, dot segment, query or backslash."""
    parts = urlsplit(uri)
    plain = not (parts.scheme or parts.netloc or parts.query or parts.fragment) and "\\" not in uri
    return plain and bool(uri) and all(part not in ("", ".", "..") for part in uri.split("/"))


def attributes(text: str) -> dict[str, str]:
    """An attribute list without its quotes; ValueError when it is malformed or names one twice."""
    found: dict[str, str] = {}
    position = 0
    while position < len(text):
        match = _ATTRIBUTE.match(text, position)
        if not match or match[1] in found:
            raise ValueError(f"malformed attribute list: {text[position : position + 60]!r}")
        found[match[1]] = match[2].strip().strip('"')
        position = match.end()
    return found


def is_multivariant(text: str) -> bool:
    """Whether this is the top playlist rather than a rendition's."""
    return "#EXT-X-STREAM-INF" in text


def parse_multivariant(text: str) -> MultivariantPlaylist:
    """Read a multivariant playlist; ValueError."""
    variants: list[Variant] = []
    media: list[dict[str, str]] = []
    independent = False
    pending: dict[str, str] | None = None
    for number, line in _lines(text):
        tag, _, rest = line.partition(":")
        if not line.startswith("#"):
            if pending is None:
                raise ValueError(f"line {number}: a URI without EXT-X-STREAM-INF")
            variants.append(Variant(line, pending))
            pending = None
        elif pending is not None and line.startswith("#EXT"):
            raise ValueError(f"line {number}: EXT-X-STREAM-INF must be followed by its URI")
        elif tag == "#EXT-X-STREAM-INF":
            pending = attributes(rest)
        elif tag == "#EXT-X-I-FRAME-STREAM-INF":
            found = attributes(rest)
            variants.append(Variant(found.get("URI", ""), found, i_frames=True))
        elif tag == "#EXT-X-MEDIA":
            media.append(attributes(rest))
        elif tag == "#EXT-X-INDEPENDENT-SEGMENTS":
            independent = True
    if pending is not None or not variants:
        raise ValueError("the playlist has no variant, or ends before a variant's URI")
    return MultivariantPlaylist(tuple(variants), tuple(media), independent)


@dataclass
class _Reading:
    """The parser state of a media playlist."""

    segments: list[Segment] = field(default_factory=list)
    target: int | None = None
    init: InitSegment | None = None
    key: Key | None = None
    version: int = 1
    sequence: int = 0
    duration: float | None = None
    byte_range: str | None = None
    flags: set[str] = field(default_factory=set)


def _whole(text: str) -> int:
    """A decimal-integer (RFC 8216 §4.2): no sign, and not more digits than a position can have."""
    text = text.strip()
    if not _WHOLE.fullmatch(text):
        raise ValueError(f"{text[:40]!r} is not a whole number")
    return int(text)


def _read_extinf(state: _Reading, rest: str) -> None:
    text = rest.partition(",")[0]
    if len(text) > _MAX_DECIMAL:
        raise ValueError("EXTINF is out of range")
    state.duration = float(text)
    if not 0 <= state.duration < 1e6:
        raise ValueError("EXTINF is out of range")


def _read_map(state: _Reading, rest: str) -> None:
    found = attributes(rest)
    told = found.get("BYTERANGE")
    length, _, offset = (told or "").partition("@")
    state.init = InitSegment(found["URI"], ByteRange(_whole(offset or "0"), _whole(length)) if told else None)


def _read_key(state: _Reading, rest: str) -> None:
    found = attributes(rest)
    method = found["METHOD"]
    state.key = None if method == "NONE" else Key(method, found["URI"], found.get("KEYFORMAT", "identity"))


_TAGS: dict[str, Callable[[_Reading, str], None]] = {
    "#EXTINF": _read_extinf,
    "#EXT-X-MAP": _read_map,
    "#EXT-X-KEY": _read_key,
    "#EXT-X-TARGETDURATION": lambda state, rest: setattr(state, "target", _whole(rest)),
    "#EXT-X-VERSION": lambda state, rest: setattr(state, "version", _whole(rest)),
    "#EXT-X-MEDIA-SEQUENCE": lambda state, rest: setattr(state, "sequence", _whole(rest)),
    "#EXT-X-BYTERANGE": lambda state, rest: setattr(state, "byte_range", rest),
}
_FLAGS = frozenset(
    ("#EXT-X-ENDLIST", "#EXT-X-I-FRAMES-ONLY", "#EXT-X-INDEPENDENT-SEGMENTS", "#EXT-X-PLAYLIST-TYPE:VOD")
)


def parse_media(text: str) -> MediaPlaylist:
    """Read a media playlist; ValueError naming the line."""
    state = _Reading()
    for number, line in _lines(text):
        tag, _, rest = line.partition(":")
        try:
            if line in _FLAGS:
                state.flags.add(line)
            elif tag in _TAGS:
                _TAGS[tag](state, rest)
            elif not line.startswith("#"):
                _end_segment(state, line)
        except (ValueError, KeyError) as error:
            raise ValueError(f"line {number}: {error}") from None
    if state.target is None:
        raise ValueError("the playlist has no EXT-X-TARGETDURATION")
    return MediaPlaylist(
        target_duration=state.target,
        segments=tuple(state.segments),
        init=state.init.uri if state.init is not None else None,
        version=state.version,
        sequence=state.sequence,
        vod="#EXT-X-PLAYLIST-TYPE:VOD" in state.flags,
        ended="#EXT-X-ENDLIST" in state.flags,
        i_frames_only="#EXT-X-I-FRAMES-ONLY" in state.flags,
        independent="#EXT-X-INDEPENDENT-SEGMENTS" in state.flags,
    )


def _end_segment(state: _Reading, uri: str) -> None:
    if state.duration is None:
        raise ValueError("a segment without EXTINF")
    found = None
    if state.byte_range is not None:
        length, _, offset = state.byte_range.partition("@")
        if not offset:
            # RFC 8216 4.3.2.2: without an offset the range follows the one before, in the same resource.
            before = state.segments[-1] if state.segments else None
            if before is None or before.uri != uri or before.byte_range is None:
                raise ValueError("EXT-X-BYTERANGE without offset does not follow a range of the same resource")
            offset = str(before.byte_range.offset + before.byte_range.length)
        found = ByteRange(_whole(offset), _whole(length))
    state.segments.append(Segment(uri, state.duration, found, state.init, state.key))
    state.duration = state.byte_range = None


def cut(text: str, keep: Callable[[str], bool]) -> str:
    """The multivariant playlist without the variants whose URI `keep` refuses; all else as it was."""
    out: list[str] = []
    pending: str | None = None
    for line in text.splitlines():
        if line.startswith("#EXT-X-STREAM-INF"):
            pending = line
        elif line.startswith("#EXT-X-I-FRAME-STREAM-INF"):
            if keep(attributes(line.partition(":")[2]).get("URI", "")):
                out.append(line)
        elif pending is not None and line and not line.startswith("#"):
            if keep(line):
                out += [pending, line]
            pending = None
        else:
            out.append(line)
    return "\n".join(out) + "\n"


def _lines(text: str) -> Iterator[tuple[int, str]]:
    """The lines that mean something, numbered from 1; ValueError unless it starts as a playlist must."""
    lines = text.splitlines()
    if not lines or lines[0].strip() != "#EXTM3U":
        raise ValueError("line 1: a playlist starts with #EXTM3U")
    if len(lines) > _MAX_LINES:
        raise ValueError(f"the playlist has more than {_MAX_LINES} lines")
    for number, line in enumerate(lines[1:], start=2):
        if line.strip():
            yield number, line.strip()
