"""The encode plan: everything that workers must know to encode a film, the same in every process.

Frozen and JSON-safe (`msgspec.json`). Frames are counted at the plan's constant rate from the film's start, so that
chunks made anywhere fit together; every chunk starts with a keyframe at a multiple of `gop`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import msgspec

from origin.encode.profile import Codec, ToneMap
from origin.encode.source import Disposition, Dropped, Dynamic, Rate, Source

MIN_LAST_SEGMENT = 0.5
"""Seconds. A shorter last segment is part of the one before: browsers never reach the end of a film otherwise."""


class Chunk(msgspec.Struct, frozen=True):
    """A run of frames that one call encodes."""

    index: int
    start_frame: int
    frames: int


class VideoRung(msgspec.Struct, frozen=True):
    """One video rendition: even sizes in square pixels; `peak` bit/s and `buffer` bits of the VBV."""

    name: str
    """Its folder in the first publication: `v720`, `v720hevc`, `v1080hdr`."""
    group: str
    """Rungs of a group are encoded by one call, which decodes the source once."""
    codec: Codec
    lines: int
    width: int
    height: int
    peak: int
    buffer: int
    crf: float
    dynamic: Dynamic = Dynamic.SDR
    bit_depth: int = 8

    def file(self, folder: Path) -> Path:
        """Its encoded file."""
        return folder / f"{self.name}.mp4"

    def chunk_file(self, folder: Path, chunk: Chunk) -> Path:
        """The file of one chunk."""
        return folder / f"{self.name}.{chunk.index:05d}.mp4"


class AudioTrack(msgspec.Struct, frozen=True):
    """One audio rendition, of the source's stream `index`; `name` is its folder: `a_eng`, `a_eng2`, `a_eng_51`."""

    name: str
    index: int
    language: str
    title: str
    channels: int
    """Of the result: 1, 2 or 6."""
    bit_rate: int
    codec: str = "aac"
    disposition: Disposition = Disposition()
    """`default` is set for exactly one language, on each of its channel counts."""
    loudness: float | None = None

    def file(self, folder: Path) -> Path:
        """Its encoded file."""
        return folder / f"{self.name}.mp4"


class TextTrack(msgspec.Struct, frozen=True):
    """One subtitle, of the source's stream `index`; its file is WebVTT. `name` is its folder: `s_eng`.

    `sidecar`: it is of a file of its own with this name, in the job's folder.
    """

    name: str
    index: int
    language: str
    title: str
    disposition: Disposition = Disposition()
    sidecar: str = ""

    def file(self, folder: Path) -> Path:
        """Its WebVTT file."""
        return folder / f"{self.name}.vtt"


class Thumbnails(msgspec.Struct, frozen=True):
    """Sprite sheets of `columns` x `rows` tiles; a tile each `interval` s, the first at 0."""

    rung: str
    """The rendition that they are made from."""
    poster_rung: str
    interval: float
    count: int
    width: int
    height: int
    columns: int = 5
    rows: int = 5


class EncodePlan(msgspec.Struct, frozen=True):
    """See the module. `frames` in all at `rate`; `gop` frames a segment."""

    recipe: str
    """Changes when the same source would be encoded differently."""
    source: Source
    rate: Rate
    frames: int
    gop: int
    chunks: tuple[Chunk, ...]
    rungs: tuple[VideoRung, ...]
    """Lowest first within a group; the first group is the one that every player can play."""
    audio: tuple[AudioTrack, ...]
    """The default track first."""
    text: tuple[TextTrack, ...]
    thumbnails: Thumbnails
    dropped: tuple[Dropped, ...]
    preset: str = "veryfast"
    tone_map: ToneMap = ToneMap.BT2390
    per_title: bool = False
    mpeg_ts: bool = False

    @property
    def duration(self) -> float:
        """Seconds."""
        return self.rate.seconds(self.frames)

    @property
    def segment_seconds(self) -> float:
        """The length of every segment but the last; at least `SEGMENT_SECONDS`."""
        return self.rate.seconds(self.gop)

    def keyframes(self) -> tuple[int, ...]:
        """The frames at which segments start."""
        return keyframes(self.frames, self.gop, self.rate)

    def groups(self) -> tuple[tuple[VideoRung, ...], ...]:
        """The rungs of each group, in order."""
        names = dict.fromkeys(rung.group for rung in self.rungs)
        return tuple(tuple(rung for rung in self.rungs if rung.group == name) for name in names)

    def rung(self, name: str) -> VideoRung:
        """A rung by name; KeyError."""
        return {rung.name: rung for rung in self.rungs}[name]


def keyframes(frames: int, gop: int, rate: Rate) -> tuple[int, ...]:
    """Each `gop` frames one, but none within the last half second of a film of `frames`."""
    last = frames - math.ceil(MIN_LAST_SEGMENT * rate.fraction)
    return tuple(frame for frame in range(0, max(1, frames), gop) if frame == 0 or frame <= last)


class RungRate(msgspec.Struct, frozen=True):
    """What probe encodes found for a rung: the CRF and the peak in bit/s, and the quality that they reach."""

    rung: str
    crf: float
    peak: int
    average: int
    quality: float
    """VMAF, 0 to 100, or SSIM x 100."""


def with_rates(plan: EncodePlan, rates: Sequence[RungRate]) -> EncodePlan:
    """The plan with the rates found for it. A rung without a rate is left out: it would add nothing to see."""
    found = {rate.rung: rate for rate in rates}
    rungs = tuple(
        msgspec.structs.replace(
            rung, crf=found[rung.name].crf, peak=found[rung.name].peak, buffer=2 * found[rung.name].peak
        )
        for rung in plan.rungs
        if rung.name in found
    )
    kept = {rung.name for rung in rungs}
    images = plan.thumbnails
    if not {images.rung, images.poster_rung} <= kept:
        images = msgspec.structs.replace(images, rung=rungs[0].name, poster_rung=rungs[-1].name)
    return msgspec.structs.replace(plan, rungs=rungs, thumbnails=images)
