"""The title that a session plays: its presentation, the pathway in use, and the timelines loaded so far. Pure."""

from dataclasses import dataclass, field, replace
from typing import NamedTuple, Protocol
from urllib.parse import urljoin, urlsplit, urlunsplit

from loadtest.player.dash import read_dash
from loadtest.player.hls import read_hls, read_timeline
from loadtest.player.presentation import Part, Presentation, Rung, Source, Timeline, Track, UnplayableManifest
from loadtest.player.sidx import read_sidx
from loadtest.player.steering import Pathways


class ManifestReader(Protocol):
    """Parses manifests. A driver passes one that remembers results, since its players read the same few documents."""

    def presentation(self, body: bytes) -> Presentation:
        """A multivariant playlist or MPD; UnplayableManifest."""

    def timeline(self, body: bytes) -> Timeline:
        """A media playlist; UnplayableManifest."""


class PlainReader:
    """Parses each time."""

    def presentation(self, body: bytes) -> Presentation:
        """By content: an MPD is XML, a playlist starts with #EXTM3U."""
        text = body.lstrip(b"\xef\xbb\xbf \t\r\n")
        if text.startswith(b"<"):
            return read_dash(body)
        return read_hls(_decoded(body))

    def timeline(self, body: bytes) -> Timeline:
        """HLS."""
        return read_timeline(_decoded(body))


def _decoded(body: bytes) -> str:
    try:
        return body.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UnplayableManifest(f"the playlist is not UTF-8: {error.reason}") from None


class Loaded(NamedTuple):
    """A track's timeline and the address that its URIs are relative to."""

    timeline: Timeline
    url: str
    at_s: float
    """When it was loaded."""


@dataclass(slots=True)
class Title:
    """What one session knows of its title."""

    presentation: Presentation
    url: str
    """Of the manifest, after redirects."""
    pathways: Pathways
    reader: ManifestReader
    carries_query: bool = False
    loaded: dict[str, Loaded] = field(default_factory=dict)
    """By the address of the playlist, or of the DASH track's base."""
    _addresses: dict[tuple[str, str], str] = field(default_factory=dict)
    """Track and pathway → address of the playlist: joining addresses costs more than all else here."""
    _anchor: Timeline | None = None
    """First timeline of a live title: the others continue it."""

    @classmethod
    def of(cls, presentation: Presentation, url: str, reader: ManifestReader, *, carries_query: bool) -> "Title":
        """A title whose manifest came from `url`."""
        steering = presentation.steering
        pathways = Pathways.of(presentation.pathways, steering.pathway if steering is not None else None)
        return cls(presentation, url, pathways, reader, carries_query)

    def source(self, rung: Rung) -> Source:
        """The rung on the current pathway, or on the first that has it."""
        return rung.source(self.pathways.base) or rung.sources[0]

    def base(self, track: Track) -> str:
        """The address that the track's URIs are relative to."""
        url = self.url
        for base in track.bases:
            url = urljoin(url, base)
        return url

    def address(self, base: str, part: Part) -> str:
        """Of a resource on the current pathway."""
        url = self.pathways.rewritten(urljoin(base, part.uri) if part.uri else base)
        if self.carries_query:
            own = urlsplit(self.url).query
            parts = urlsplit(url)
            if own and not parts.query:
                url = urlunsplit(parts._replace(query=own))
        return url

    def playlist_address(self, track: Track) -> str:
        """Of the playlist or index that holds the track's timeline."""
        if track.playlist is None:
            raise ValueError(f"track {track.id} has its timeline in the manifest")
        key = (track.id, self.pathways.current)
        if key not in self._addresses:
            self._addresses[key] = self.address(self.base(track), track.playlist.part)
        return self._addresses[key]

    def is_loaded(self, track: Track) -> bool:
        """Whether the track's timeline is known."""
        return track.timeline is not None or self.playlist_address(track) in self.loaded

    def timeline(self, track: Track) -> Loaded | None:
        """The track's timeline; None while it is not loaded."""
        if track.timeline is not None:
            return Loaded(track.timeline, self.base(track), 0.0)
        return self.loaded.get(self.playlist_address(track))

    def store(self, track: Track, asked: str, url: str, body: bytes, now: float) -> Timeline:
        """Keep the playlist or index that came from `url` for the address `asked`; UnplayableManifest."""
        reference = track.playlist
        if reference is not None and reference.sidx:
            offset = reference.part.byte_range.offset if reference.part.byte_range else 0
            timeline = read_sidx(body, offset, reference.init)
        else:
            timeline = self.reader.timeline(body)
        if timeline.live or self._anchor is not None:
            timeline = self._on_one_axis(asked, timeline)
        self.loaded[asked] = Loaded(timeline, url, now)
        return timeline

    def _on_one_axis(self, asked: str, timeline: Timeline) -> Timeline:
        known = self.loaded.get(asked)
        anchor = known.timeline if known is not None else self._anchor
        if anchor is not None:
            timeline = timeline.continuing(anchor)
        if self._anchor is None or timeline.sequence > self._anchor.sequence:
            self._anchor = timeline
        return timeline

    def moved_to(self, url: str) -> "Title":
        """The same title at another address (a new token): what came from the old address is forgotten."""
        return replace(self, url=url, loaded={}, _addresses={})
