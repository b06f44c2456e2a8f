"""Encoding profiles by name: which codecs, ranges and extras a title gets. POST /content/transcode names them."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum

import msgspec

from kernel.errors import BadRequest
from origin.encode.source import Dynamic

PRESETS = ("ultrafast", "superfast", "veryfast", "faster", "fast", "medium", "slow", "slower", "veryslow")


class Codec(StrEnum):
    """A video codec of the result."""

    H264 = "h264"
    HEVC = "hevc"
    AV1 = "av1"


class ToneMap(StrEnum):
    """How an HDR picture becomes SDR."""

    BT2390 = "bt2390"
    """The roll-off of ITU-R BT.2390: keeps mid-tones, compresses highlights."""
    HABLE = "hable"
    """Hable's filmic curve: darker, more detail in highlights."""
    CLIP = "clip"
    """Everything above the reference white of 203 cd/m² is white."""


class VideoSet(msgspec.Struct, frozen=True):
    """A set of rungs of one codec. `dynamic`: SDR (HDR sources are tone mapped) or the source's own HDR."""

    codec: Codec = Codec.H264
    hdr: bool = False
    """Rungs in the source's HDR; none for an SDR source."""
    max_lines: int = 1080


class EncodeProfile(msgspec.Struct, frozen=True):
    """How to encode: several profiles of a request are merged by `merge_profiles`."""

    name: str
    video: tuple[VideoSet, ...] = (VideoSet(),)
    preset: str = "veryfast"
    rungs: int = 7
    """The most rungs of a set; the lowest and highest are kept longest."""
    surround: bool = True
    """Keep 5.1 sound as a second rendition besides stereo."""
    loudness: float | None = None
    """Normalise to this many LKFS, such as -24; None: as it is."""
    per_title: bool = False
    """Choose the bit rates by probe encodes."""
    mpeg_ts: bool = False
    """MPEG-TS HLS besides CMAF, clear titles only."""
    tone_map: ToneMap = ToneMap.BT2390


PROFILES: dict[str, EncodeProfile] = {
    profile.name: profile
    for profile in (
        EncodeProfile("default"),
        EncodeProfile("uhd", video=(VideoSet(max_lines=2160),)),
        EncodeProfile("hevc", video=(VideoSet(Codec.HEVC, max_lines=2160),)),
        EncodeProfile("av1", video=(VideoSet(Codec.AV1, max_lines=2160),)),
        EncodeProfile("hdr", video=(VideoSet(), VideoSet(Codec.HEVC, hdr=True, max_lines=2160))),
        EncodeProfile("ts", mpeg_ts=True),
        EncodeProfile("per-title", per_title=True),
        EncodeProfile("loudness", loudness=-24.0),
    )
}
"""The profiles by name."""


def merge_profiles(names: Sequence[str]) -> EncodeProfile:
    """One profile of several: all sets of rungs, every option that any of them asks for. Raises BadRequest (400)."""
    unknown = [name for name in names if name not in PROFILES]
    if unknown:
        known = ", ".join(PROFILES)
        raise BadRequest(400, "unknown-profile", f"no encoding profile {unknown[0][:60]!r}; there are {known}")
    chosen = [PROFILES[name] for name in dict.fromkeys(names)] or [PROFILES["default"]]
    first = chosen[0]
    sets = _merge_sets([one for profile in chosen for one in profile.video])
    return msgspec.structs.replace(
        first,
        name="+".join(profile.name for profile in chosen),
        video=sets,
        loudness=next((profile.loudness for profile in chosen if profile.loudness is not None), None),
        per_title=any(profile.per_title for profile in chosen),
        mpeg_ts=any(profile.mpeg_ts for profile in chosen),
    )


def _merge_sets(sets: Sequence[VideoSet]) -> tuple[VideoSet, ...]:
    """Each codec and range once, with the highest ladder asked for."""
    tops: dict[tuple[Codec, bool], int] = {}
    for one in sets:
        key = (one.codec, one.hdr)
        tops[key] = max(one.max_lines, tops.get(key, 0))
    return tuple(VideoSet(codec, hdr, lines) for (codec, hdr), lines in tops.items())


def result_dynamic(one: VideoSet, source: Dynamic) -> Dynamic | None:
    """The range of a set's rungs; None if the set has none for this source."""
    if not one.hdr:
        return Dynamic.SDR
    return source if source is not Dynamic.SDR else None
