"""Audio: each track is encoded whole, never in chunks, since AAC's priming would be heard at each joint."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from origin.encode.cpus import held_to_cpus
from origin.encode.ffmpeg_call import QUIET, clock_arguments, part_of, run_ffmpeg
from origin.encode.loudness import length_filters, loudness_filters, measure_source, track_filters
from origin.encode.plan import AudioTrack, EncodePlan
from origin.ingest.decoders import choose_ffmpeg
from origin.ingest.probe import input_name
from origin.ingest.subprocesses import INPUT_GUARD, Programs


def encode_audio(
    programs: Programs,
    plan: EncodePlan,
    track: AudioTrack,
    source: Path,
    folder: Path,
    on_progress: Callable[[float], object],
    threads: int = 0,
) -> Path:
    """Encode a track to `track.file(folder)`. It starts and ends with the picture. Raises BadRequest, StorageFailed."""
    target = track.file(folder)
    part = part_of(target)
    ffmpeg = choose_ffmpeg(programs, stream_codec(plan, track))
    loudness = measure_source(ffmpeg, plan, track, source) if track.loudness is not None else {}
    arguments = audio_arguments(plan, track, source, part, threads, loudness)
    with held_to_cpus(threads):
        run_ffmpeg(ffmpeg, arguments, source, on_progress)
    part.replace(target)
    return target


def stream_codec(plan: EncodePlan, track: AudioTrack) -> str:
    """The codec of a track in the source."""
    return next(stream.codec for stream in plan.source.audio if stream.index == track.index)


def audio_arguments(
    plan: EncodePlan, track: AudioTrack, source: Path, file: Path, threads: int, loudness: dict[str, str]
) -> list[str]:
    """The arguments of ffmpeg; `loudness` as measured, {} = leave it."""
    filters = [*track_filters(track), *loudness_filters(track, loudness), *length_filters(plan)]
    return [
        *QUIET, "-progress", "pipe:1", *(["-threads", str(threads)] if threads else []),
        *INPUT_GUARD, "-i", input_name(source), "-map", f"0:{track.index}",
        "-c:a", track.codec, "-b:a", str(track.bit_rate), "-ar", "48000", "-ac", str(track.channels),
        "-af", ",".join(filters), "-metadata:s:a:0", f"language={track.language}",
        "-map_metadata", "-1", "-map_chapters", "-1", "-f", "mp4", f"file:{file.absolute()}",
        *clock_arguments(plan, track.index),
    ]  # fmt: skip
