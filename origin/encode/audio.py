"""Audio: each track is encoded whole, never in chunks, since AAC's priming would be heard at each joint."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from origin.encode.plan import AudioTrack, EncodePlan
from origin.encode.video import QUIET, part_of, run_ffmpeg
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
    run_ffmpeg(programs.ffmpeg, audio_arguments(plan, track, source, part, threads), source, on_progress)
    part.replace(target)
    return target


def audio_arguments(plan: EncodePlan, track: AudioTrack, source: Path, file: Path, threads: int = 0) -> list[str]:
    """The arguments of ffmpeg."""
    return [
        *QUIET, "-progress", "pipe:1", *(["-threads", str(threads)] if threads else []),
        *INPUT_GUARD, "-i", input_name(source), "-map", f"0:{track.index}",
        "-c:a", track.codec, "-b:a", str(track.bit_rate), "-ar", "48000", "-ac", str(track.channels),
        "-af", ",".join(audio_filters(plan)), "-metadata:s:a:0", f"language={track.language}",
        "-map_metadata", "-1", "-map_chapters", "-1", "-f", "mp4", f"file:{file.absolute()}",
    ]  # fmt: skip


def audio_filters(plan: EncodePlan) -> list[str]:
    """Gaps and short tracks are filled with silence, and what outlasts the picture is cut."""
    end = f"{plan.duration:.6f}"
    return ["aresample=48000:async=1:first_pts=0", f"apad=whole_dur={end}", f"atrim=end={end}"]
