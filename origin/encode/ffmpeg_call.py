"""What all calls of ffmpeg have in common: quiet, progress, errors, temporary names."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path

from kernel.errors import BadRequest
from origin.encode.plan import EncodePlan
from origin.ingest.probe import printable_path
from origin.ingest.subprocesses import ProgramFailed, stream_program, telling_line

QUIET = ("-y", "-nostdin", "-hide_banner", "-v", "error", "-nostats")


def part_of(target: Path) -> Path:
    """The temporary name of a file: of this process, so that two that make the same do not write to one file."""
    return target.with_name(f".{target.name}.{os.getpid()}.part")


def clock_arguments(plan: EncodePlan, own: int) -> list[str]:
    """Outputs that make ffmpeg read picture and sound together where the clock may jump.

    It corrects a jump by the first packet after it, of any stream that is read. A call that reads one stream alone
    would correct it by that stream, and sound and picture would drift apart.
    """
    if plan.source.seekable:
        return []
    others = [plan.source.video.index, *dict.fromkeys(track.index for track in plan.audio)]
    arguments = []
    for index in others:
        if index != own:
            arguments += ["-map", f"0:{index}", "-c", "copy", "-f", "null", "-"]
    return arguments


def run_ffmpeg(
    ffmpeg: str,
    arguments: Sequence[str],
    source: Path,
    on_progress: Callable[[float], object] = lambda _: None,
    folder: Path | None = None,
) -> int:
    """Run ffmpeg on a film; returns the frames of its first output. Raises BadRequest.

    Its status says little: 0 for a truncated film.
    """
    frames = 0

    def read_progress(line: str) -> None:
        nonlocal frames
        name, _, value = line.strip().partition("=")
        if name == "out_time_us" and value.isdecimal():
            on_progress(int(value) / 1e6)
        elif name == "frame" and value.isdecimal():
            frames = int(value)

    try:
        stream_program(ffmpeg, arguments, read_progress, folder=folder)
    except ProgramFailed as failed:
        if failed.status < 0:
            raise BadRequest(500, "encode-stopped", f"ffmpeg was stopped by signal {-failed.status}") from None
        why = f"{printable_path(source)} could not be encoded: {telling_line(failed.errors)}"
        raise BadRequest(422, "not-decodable", why) from None
    return frames
