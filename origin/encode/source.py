"""What a film's file holds, as far as encoding must know it. Frozen, and survives JSON, since a plan carries it."""

from __future__ import annotations

from enum import StrEnum
from fractions import Fraction

import msgspec

UNKNOWN_LANGUAGE = "und"


class Rate(msgspec.Struct, frozen=True, array_like=True):
    """Frames a second as an exact fraction, `[24000, 1001]` in JSON."""

    numerator: int
    denominator: int = 1

    @property
    def fraction(self) -> Fraction:
        """As a number."""
        return Fraction(self.numerator, self.denominator)

    @property
    def text(self) -> str:
        """As ffmpeg takes it: `24000/1001`."""
        return f"{self.numerator}/{self.denominator}"

    def seconds(self, frames: int) -> float:
        """How long that many frames last."""
        return frames * self.denominator / self.numerator


def rate_of(fraction: Fraction) -> Rate:
    """The Rate of a fraction."""
    return Rate(fraction.numerator, fraction.denominator)


class Dynamic(StrEnum):
    """The dynamic range of a picture, by its transfer function."""

    SDR = "sdr"
    HDR10 = "hdr10"
    """PQ (SMPTE ST 2084)."""
    HLG = "hlg"
    """Hybrid log-gamma (ARIB STD-B67)."""


class Colour(msgspec.Struct, frozen=True):
    """Colour tags by ffmpeg's names, "" = not said. `mastering`, `light`: x265's strings of the HDR10 metadata."""

    primaries: str = ""
    transfer: str = ""
    matrix: str = ""
    full_range: bool = False
    mastering: str = ""
    light: str = ""

    @property
    def dynamic(self) -> Dynamic:
        """By the transfer function alone: BT.2020 primaries are no HDR."""
        return {"smpte2084": Dynamic.HDR10, "arib-std-b67": Dynamic.HLG}.get(self.transfer, Dynamic.SDR)


class Fields(StrEnum):
    """The order of the fields of a picture."""

    PROGRESSIVE = "progressive"
    TOP_FIRST = "top-first"
    BOTTOM_FIRST = "bottom-first"


class Crop(msgspec.Struct, frozen=True):
    """Pixels of the stored picture that the container says are not to be shown (clap, PixelCrop)."""

    left: int = 0
    right: int = 0
    top: int = 0
    bottom: int = 0


class VideoStream(msgspec.Struct, frozen=True):
    """The picture: stored and shown size, the constant rate to encode at, `frames` at that rate (0: unknown)."""

    index: int
    codec: str
    stored_width: int
    stored_height: int
    width: int
    """Shown: cropped, in square pixels, turned."""
    height: int
    rate: Rate
    frames: int = 0
    rotation: int = 0
    crop: Crop = Crop()
    fields: Fields = Fields.PROGRESSIVE
    colour: Colour = Colour()
    bit_depth: int = 8
    pixel_format: str = ""
    tail: float = 0.0
    """Seconds that the last frame stands beyond what ffmpeg knows of."""


class Disposition(msgspec.Struct, frozen=True):
    """What the file says a track is for."""

    default: bool = False
    forced: bool = False
    commentary: bool = False
    hearing_impaired: bool = False
    visual_impaired: bool = False
    """Audio description."""
    original: bool = False
    dubbed: bool = False


class AudioStream(msgspec.Struct, frozen=True):
    """One audio track of the file; `layout` is ffmpeg's channel layout."""

    index: int
    codec: str
    language: str
    title: str
    channels: int
    layout: str = ""
    disposition: Disposition = Disposition()


class TextStream(msgspec.Struct, frozen=True):
    """One text subtitle of the file, or of a file of its own, whose name is `sidecar`."""

    index: int
    codec: str
    language: str
    title: str
    disposition: Disposition = Disposition()
    sidecar: str = ""


class DropReason(StrEnum):
    """Why a track of the source is not in the result."""

    ATTACHED_PICTURE = "attached-picture"
    ANOTHER_PICTURE = "another-picture"
    ANOTHER_PROGRAMME = "another-programme"
    UNKNOWN_CODEC = "unknown-codec"
    BITMAP_SUBTITLE = "bitmap-subtitle"
    CAPTIONS_IN_PICTURE = "captions-in-picture"
    TOO_MANY = "too-many"
    DATA = "data"


DROP_SENTENCES = {
    DropReason.ATTACHED_PICTURE: "It is a cover or a still picture, not the film.",
    DropReason.ANOTHER_PICTURE: "The film's picture is another stream.",
    DropReason.ANOTHER_PROGRAMME: "It belongs to another programme of the transport stream.",
    DropReason.UNKNOWN_CODEC: "No decoder is known for its codec.",
    DropReason.BITMAP_SUBTITLE: "Its subtitles are pictures, which cannot become text.",
    DropReason.CAPTIONS_IN_PICTURE: "Captions inside the picture (CEA-608/708) are not read: give them as a file.",
    DropReason.TOO_MANY: "The title has more tracks of its kind than are published.",
    DropReason.DATA: "It is neither picture, sound nor subtitle.",
}
"""What each reason means; the progress output and the job's record have it."""


class Dropped(msgspec.Struct, frozen=True):
    """A track that is left out; `what` names it, such as `stream 3 (audio, apac)`."""

    what: str
    reason: DropReason


class Source(msgspec.Struct, frozen=True):
    """A film. `duration` in s (None: unknown); `seekable`: a chunk may start at any keyframe by its time."""

    container: str
    duration: float | None
    video: VideoStream
    audio: tuple[AudioStream, ...] = ()
    text: tuple[TextStream, ...] = ()
    dropped: tuple[Dropped, ...] = ()
    seekable: bool = False

    def describe(self) -> str:
        """For the progress output: `1280x720, 24 frames/s, 55.1 s, 1 audio track`."""
        length = f"{self.duration:.1f} s" if self.duration else "unknown length"
        video = self.video
        parts = [f"{video.width}x{video.height}", f"{float(video.rate.fraction):.5g} frames/s", length]
        if video.colour.dynamic is not Dynamic.SDR:
            parts.insert(1, video.colour.dynamic.upper())
        parts.append(self.describe_sound())
        if self.text:
            parts.append(counted(len(self.text), "subtitle"))
        return ", ".join(parts)

    def describe_sound(self) -> str:
        """`2 audio tracks`, `no audio`."""
        return counted(len(self.audio), "audio track") if self.audio else "no audio"


def counted(number: int, what: str) -> str:
    """`1 file`, `2 files`."""
    return f"{number} {what}{'' if number == 1 else 's'}"
