"""Text subtitles of any kind become WebVTT."""

from __future__ import annotations

from pathlib import Path

from origin.encode.ffmpeg_call import QUIET, part_of, run_ffmpeg
from origin.encode.plan import EncodePlan, TextTrack
from origin.ingest.probe import input_name
from origin.ingest.subprocesses import INPUT_GUARD, Programs


def webvtt_time(seconds: float) -> str:
    """A WebVTT timestamp, `01:02:03.456`."""
    minutes, rest = divmod(round(seconds * 1000), 60_000)
    return f"{minutes // 60:02d}:{minutes % 60:02d}:{rest // 1000:02d}.{rest % 1000:03d}"


SIDECAR_GUARD = ("-protocol_whitelist", "file", "-format_whitelist", "srt,ass,webvtt")
"""Options before `-i` for a subtitle file of its own."""


def extract_text(programs: Programs, plan: EncodePlan, track: TextTrack, source: Path, folder: Path) -> Path:
    """Write a subtitle to `track.file(folder)` as WebVTT, times from the film's start. Raises BadRequest.

    `source`: the film, or the file of a sidecar.
    """
    target = track.file(folder)
    part = part_of(target)
    guard, stream = (SIDECAR_GUARD, "0:s:0") if track.sidecar else (INPUT_GUARD, f"0:{track.index}")
    arguments = [
        *QUIET, *guard, "-i", input_name(source), "-map", stream, "-t", f"{plan.duration:.6f}",
        "-c:s", "webvtt", "-map_metadata", "-1", "-f", "webvtt", f"file:{part.absolute()}",
    ]  # fmt: skip
    run_ffmpeg(programs.ffmpeg, arguments, source)
    part.replace(target)
    return target
