"""From a source and a profile to a plan. Pure: the same input gives the same plan in every process."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from itertools import pairwise

import msgspec

from kernel.media.ladder import Rung, gop_frames, ladder
from origin.encode.plan import AudioTrack, Chunk, EncodePlan, TextTrack, Thumbnails, VideoRung, keyframes
from origin.encode.profile import Codec, EncodeProfile, VideoSet, result_dynamic
from origin.encode.source import AudioStream, Disposition, Dropped, DropReason, Dynamic, Rate, Source, TextStream

RECIPE = 3
"""Increase it whenever the same film would be encoded differently: a new value causes a new publication."""

MAX_AUDIO_TRACKS, MAX_TEXT_TRACKS = 32, 64
STEREO_BITS, SURROUND_BITS = 128_000, 384_000
_CRF = {Codec.H264: 21.0, Codec.HEVC: 23.0, Codec.AV1: 32.0}
_SHARE = {Codec.H264: 1.0, Codec.HEVC: 0.65, Codec.AV1: 0.55}
"""The bits that a codec needs for the quality of H.264."""
_CHUNK_SECONDS = (8.0, 60.0)
_MAX_CHUNKS = 2_000
_MAX_TILES = 400
_TILE_LONG_SIDE = 160
_POSTER_LINES = 480


def plan_encode(source: Source, profile: EncodeProfile) -> EncodePlan:
    """The plan. ValueError if the picture is too small to encode."""
    rate = source.video.rate
    gop = gop_frames(rate.fraction)
    frames = source.video.frames
    rungs = tuple(rung for one in profile.video for rung in _rungs(source, one, profile))
    audio, audio_dropped = _audio_tracks(source.audio, profile)
    text, text_dropped = _text_tracks(source.text)
    return EncodePlan(
        recipe=recipe_of(profile),
        source=source,
        rate=rate,
        frames=frames,
        gop=gop,
        chunks=_chunks(keyframes(frames, gop, rate), frames, rate, split=source.seekable),
        rungs=rungs,
        audio=audio,
        text=text,
        thumbnails=_thumbnails(rungs, len(keyframes(frames, gop, rate)), rate.seconds(gop)),
        dropped=(*source.dropped, *audio_dropped, *text_dropped),
        preset=profile.preset,
        tone_map=profile.tone_map,
        per_title=profile.per_title,
        mpeg_ts=profile.mpeg_ts,
    )


def recipe_of(profile: EncodeProfile) -> str:
    """Identifies an encoding: it changes when the same film would be encoded differently."""
    sets = ",".join(f"{one.codec}{'-hdr' if one.hdr else ''}-{one.max_lines}" for one in profile.video)
    options = (profile.preset, profile.rungs, profile.surround, profile.loudness, profile.per_title, profile.mpeg_ts)
    return ":".join(str(part) for part in (RECIPE, sets, *options, profile.tone_map))


def _rungs(source: Source, one: VideoSet, profile: EncodeProfile) -> Iterable[VideoRung]:
    dynamic = result_dynamic(one, source.video.colour.dynamic)
    if dynamic is None:
        return
    video = source.video
    suffix = "hdr" if one.hdr else "" if one.codec is Codec.H264 else str(one.codec)
    for rung in ladder(video.width, video.height, video.rate.fraction, most=profile.rungs, max_lines=one.max_lines):
        yield _video_rung(rung, suffix, one.codec, dynamic, video.bit_depth)


def _depth(codec: Codec, dynamic: Dynamic, source_depth: int) -> int:
    """10 bits for HDR, and for AV1 of deeper sources: its decoders all know them, those of HEVC not."""
    return 10 if dynamic is not Dynamic.SDR or (codec is Codec.AV1 and source_depth > 8) else 8


def _video_rung(rung: Rung, suffix: str, codec: Codec, dynamic: Dynamic, source_depth: int) -> VideoRung:
    peak = round(rung.peak * _SHARE[codec] / 1000) * 1000
    return VideoRung(
        name=f"{rung.name}{suffix}",
        group=suffix or str(codec),
        codec=codec,
        lines=rung.lines,
        width=rung.width,
        height=rung.height,
        peak=peak,
        buffer=2 * peak,
        crf=_CRF[codec],
        dynamic=dynamic,
        bit_depth=_depth(codec, dynamic, source_depth),
    )


def _chunks(starts: Sequence[int], frames: int, rate: Rate, *, split: bool) -> tuple[Chunk, ...]:
    """Even runs of whole segments, so that two workers end at about the same time. `starts`: those of the segments."""
    seconds = rate.seconds(frames)
    least, most = _CHUNK_SECONDS
    wanted = min(most, max(least, seconds / 8))
    count = min(len(starts), _MAX_CHUNKS, max(1, math.ceil(seconds / wanted))) if split else 1
    bounds = [*(starts[len(starts) * index // count] for index in range(count)), frames]
    return tuple(Chunk(index, start, stop - start) for index, (start, stop) in enumerate(pairwise(bounds)))


def _audio_tracks(
    streams: Sequence[AudioStream], profile: EncodeProfile
) -> tuple[tuple[AudioTrack, ...], list[Dropped]]:
    """Stereo of each stream, 5.1 besides where it has that many channels; the default stream first."""
    ordered = sorted(streams, key=lambda one: one is not default_stream(streams))
    kept, over = ordered[:MAX_AUDIO_TRACKS], ordered[MAX_AUDIO_TRACKS:]
    names = _Names("a")
    tracks = []
    for place, stream in enumerate(kept):
        name = names.next(stream.language)
        wide = [6] if profile.surround and stream.channels >= 6 else []
        for channels in [min(stream.channels, 2), *wide]:
            track = AudioTrack(
                name=name if channels <= 2 else f"{name}_51",
                index=stream.index,
                language=stream.language,
                title=stream.title,
                channels=channels,
                bit_rate=STEREO_BITS if channels <= 2 else SURROUND_BITS,
                disposition=_with_default(stream, is_default=place == 0),
                loudness=profile.loudness,
            )
            tracks.append(track)
    dropped = [Dropped(f"stream {one.index} (audio, {one.language})", DropReason.TOO_MANY) for one in over]
    return tuple(tracks), dropped


def default_stream(streams: Sequence[AudioStream]) -> AudioStream | None:
    """The track to play first: the one flagged default, else the first that is no commentary or description."""

    def rank(stream: AudioStream) -> tuple[bool, bool]:
        use = stream.disposition
        special = use.commentary or use.visual_impaired or use.hearing_impaired
        return (special, not use.default)

    return min(streams, key=rank, default=None)


def _with_default(stream: AudioStream, *, is_default: bool) -> Disposition:
    return msgspec.structs.replace(stream.disposition, default=is_default)


def _text_tracks(streams: Sequence[TextStream]) -> tuple[tuple[TextTrack, ...], list[Dropped]]:
    names = _Names("s")
    kept, over = streams[:MAX_TEXT_TRACKS], streams[MAX_TEXT_TRACKS:]
    tracks = tuple(
        TextTrack(names.next(one.language), one.index, one.language, one.title, one.disposition, one.sidecar)
        for one in kept
    )
    return tracks, [Dropped(f"stream {one.index} (subtitle, {one.language})", DropReason.TOO_MANY) for one in over]


class _Names:
    """`a_eng`, then `a_eng2`."""

    def __init__(self, prefix: str) -> None:
        self._prefix = prefix
        self._counts: dict[str, int] = {}

    def next(self, language: str) -> str:
        count = self._counts[language] = self._counts.get(language, 0) + 1
        return f"{self._prefix}_{language}{count if count > 1 else ''}"


def _thumbnails(rungs: Sequence[VideoRung], segments: int, segment: float) -> Thumbnails:
    first = [rung for rung in rungs if rung.group == rungs[0].group]
    poster = next((rung for rung in first if rung.lines >= _POSTER_LINES), first[-1])
    every = math.ceil(segments / _MAX_TILES)
    width, height = tile_size(first[0].width, first[0].height)
    return Thumbnails(
        rung=first[0].name,
        poster_rung=poster.name,
        interval=every * segment,
        count=math.ceil(segments / every),
        width=width,
        height=height,
    )


def tile_size(width: int, height: int) -> tuple[int, int]:
    """The size of a thumbnail: 160 pixels on the longer side, even numbers."""
    scale = min(1.0, _TILE_LONG_SIDE / max(width, height))
    return max(2, round(width * scale / 2) * 2), max(2, round(height * scale / 2) * 2)
