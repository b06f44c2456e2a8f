"""One model of a title for HLS and DASH: rungs, audio, pathways, and timelines of segments.

URIs stay as written. They are joined with the manifest's address when a segment is requested, so that one parsed
manifest serves all players of a title although each has its own token in the path.
"""

from bisect import bisect_right
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from kernel.media.playlist import ByteRange

HERE = "."
"""Name of the pathway where a manifest names none (RFC 8216bis §7.1)."""


class Part(NamedTuple):
    """A resource, or a range of it."""

    uri: str
    byte_range: ByteRange | None = None


ITSELF = Part("")
"""The document itself, as seen from it."""


class Segment(NamedTuple):
    """One media segment; `start` and `duration` in seconds of the presentation."""

    part: Part
    start: float
    duration: float
    init: Part | None = None
    key: Part | None = None
    """The key that decrypts the whole segment (HLS METHOD=AES-128)."""

    @property
    def end(self) -> float:
        """Where the next segment begins."""
        return self.start + self.duration


@dataclass(frozen=True, slots=True)
class Timeline:
    """The segments of one track, ascending and without gaps."""

    segments: tuple[Segment, ...]
    live: bool = False
    target_duration: float = 0.0
    sequence: int = 0
    """Number of the first segment (EXT-X-MEDIA-SEQUENCE)."""
    starts: tuple[float, ...] = field(default=(), repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "starts", tuple(segment.start for segment in self.segments))

    @property
    def end(self) -> float:
        """Where the last segment ends, 0 when there is none."""
        return self.segments[-1].end if self.segments else 0.0

    def index_at(self, position: float, tolerance: float = 0.05) -> int:
        """Index of the segment that plays at `position`; the number of segments when it is past the end.

        A position less than `tolerance` before a segment's end belongs to the next one: durations are rounded.
        """
        index = bisect_right(self.starts, position + tolerance) - 1
        if index < 0:
            return 0
        return index if position + tolerance < self.segments[index].end else index + 1

    def moved(self, seconds: float) -> "Timeline":
        """The same segments, later by `seconds`."""
        segments = tuple(segment._replace(start=segment.start + seconds) for segment in self.segments)
        return replace(self, segments=segments)

    def continuing(self, known: "Timeline") -> "Timeline":
        """This later copy of a live playlist, on the time axis of the copy known so far."""
        behind = self.sequence - known.sequence
        if behind < 0 or not known.segments:
            return self
        if behind < len(known.segments):
            return self.moved(known.segments[behind].start)
        missed = behind - len(known.segments)
        return self.moved(known.end + missed * self.target_duration)


class PlaylistRef(NamedTuple):
    """A track's timeline that must be fetched first: an HLS media playlist, or the `sidx` box of a DASH resource."""

    part: Part
    sidx: bool = False
    init: Part | None = None
    """Of a `sidx`: what to load before the first segment."""


@dataclass(frozen=True, slots=True)
class Track:
    """One rendition of video or audio at one pathway. Either `timeline` is known or `playlist` says where it is."""

    id: str
    """The same for one rendition at all pathways."""
    playlist: PlaylistRef | None = None
    timeline: Timeline | None = None
    bases: tuple[str, ...] = ()
    """DASH BaseURLs, outermost first; each is joined to the address before it."""


class Subtitles(NamedTuple):
    """One rendition of subtitles."""

    track: Track
    language: str = ""
    """BCP 47."""
    is_default: bool = False


NO_SUBTITLES, DEFAULT_SUBTITLES = "off", "default"


@dataclass(frozen=True, slots=True)
class Source:
    """A rung at one pathway, with the audio and the subtitles that belong to it."""

    pathway: str
    video: Track
    audio: Track | None = None
    texts: tuple[Subtitles, ...] = ()

    def subtitles(self, wanted: str) -> Track | None:
        """Those that a viewer sees: `off`, `default` (those that the title marks so), or a language such as `en`."""
        if wanted == NO_SUBTITLES:
            return None
        for one in self.texts:
            is_language = one.language.lower().split("-")[0] == wanted.lower().split("-")[0]
            if one.is_default if wanted == DEFAULT_SUBTITLES else is_language:
                return one.track
        return None


@dataclass(frozen=True, slots=True)
class Rung:
    """One quality. `bandwidth` is the peak, `average` the mean in bits per second, audio included in HLS."""

    bandwidth: int
    average: int
    sources: tuple[Source, ...]
    height: int | None = None
    codecs: str = ""

    def source(self, pathway: str) -> Source | None:
        """The rung at that pathway; None when it is not offered there."""
        return next((source for source in self.sources if source.pathway == pathway), None)


class Steering(NamedTuple):
    """Content steering of a manifest (RFC 8216bis §7, ETSI TS 103 998)."""

    url: str
    pathway: str | None = None
    """Where to begin; None: the first pathway."""
    before_start: bool = False


@dataclass(frozen=True, slots=True)
class Presentation:
    """A title as its multivariant playlist or MPD describes it."""

    rungs: tuple[Rung, ...]
    """By ascending bandwidth."""
    first: int = 0
    """Index of the rung that the manifest lists first."""
    dash: bool = False
    steering: Steering | None = None
    key_ids: tuple[bytes, ...] = ()
    """Of the keys that it says its segments are encrypted with."""

    @property
    def pathways(self) -> tuple[str, ...]:
        """All pathways, in the manifest's order."""
        names = (source.pathway for rung in self.rungs for source in rung.sources)
        return tuple(dict.fromkeys(names))


class UnplayableManifest(ValueError):
    """The manifest is malformed, or uses what these players cannot play; the message says which."""
