"""Thumbnails: a poster and sprite sheets with a WebVTT index, made from keyframes that are already encoded.

Decoding the keyframes of the lowest rendition costs a tenth of decoding the source again.
"""

from __future__ import annotations

import math
import shutil
from collections.abc import Sequence
from pathlib import Path

from kernel.errors import Bug
from origin.encode.ffmpeg_call import part_of
from origin.encode.plan import EncodePlan, Thumbnails
from origin.encode.text import webvtt_time
from origin.ingest.decoders import choose_ffmpeg
from origin.ingest.subprocesses import ProgramFailed, Programs, last_line, run_program

POSTER, INDEX = "poster.jpg", "thumbnails.vtt"


def make_thumbnails(programs: Programs, plan: EncodePlan, encoded: Path, folder: Path) -> None:
    """Create `folder` with `poster.jpg`, `sprite-1.jpg` … and `thumbnails.vtt`, whole or not at all. Raises Bug."""
    images = plan.thumbnails
    part = part_of(folder)
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir()
    lowest, poster = plan.rung(images.rung), plan.rung(images.poster_rung)
    ffmpeg = choose_ffmpeg(programs, str(lowest.codec))
    batch = max(2, min(len(plan.keyframes()), 30))  # ffmpeg does not accept 1
    _run(ffmpeg, poster.file(encoded), f"thumbnail={batch}", part / POSTER, ["-frames:v", "1", "-q:v", "3"])
    every = max(1, round(images.interval / plan.segment_seconds))
    select = f"select=not(mod(n\\,{every})),scale={images.width}:{images.height}"
    sheet = f"{select},tile={images.columns}x{images.rows}"
    _run(ffmpeg, lowest.file(encoded), sheet, part / "sprite-%d.jpg", ["-fps_mode", "vfr", "-q:v", "5"])
    for name in (POSTER, *(sprite_name(number) for number in range(sheet_count(images)))):
        file = part / name
        if not file.is_file() or file.stat().st_size == 0:
            raise Bug(f"the thumbnail {name} was not created")
    times = [index * images.interval for index in range(images.count)]
    (part / INDEX).write_text(webvtt_index(times, plan.duration, images), encoding="utf-8")
    shutil.rmtree(folder, ignore_errors=True)
    part.replace(folder)


def sheet_count(images: Thumbnails) -> int:
    """The number of sprite sheets."""
    return math.ceil(images.count / (images.columns * images.rows))


def sprite_name(index: int) -> str:
    """The file of a sprite sheet, counted from 0: `sprite-1.jpg`."""
    return f"sprite-{index + 1}.jpg"


def webvtt_index(times: Sequence[float], end: float, images: Thumbnails) -> str:
    """The WebVTT index: the area of the sprite sheet from each time (s) to the next, the last one's to `end`."""
    lines = ["WEBVTT", ""]
    for number, start in enumerate(times):
        until = times[number + 1] if number + 1 < len(times) else max(end, start + 0.001)
        sheet, position = divmod(number, images.columns * images.rows)
        row, column = divmod(position, images.columns)
        area = f"{column * images.width},{row * images.height},{images.width},{images.height}"
        lines += [f"{webvtt_time(start)} --> {webvtt_time(until)}", f"{sprite_name(sheet)}#xywh={area}", ""]
    return "\n".join(lines)


def _run(ffmpeg: str, source: Path, filters: str, target: Path, options: list[str]) -> None:
    arguments = ["-y", "-nostdin", "-v", "error", "-skip_frame", "nokey", "-i", f"file:{source.absolute()}"]
    # JPEG needs full-range YUV; ffmpeg's encoder rejects the limited range of the video.
    arguments += ["-vf", f"{filters},scale=out_range=full,format=yuvj420p", *options]
    arguments += ["-f", "image2", f"file:{target.absolute()}"]
    try:
        run_program(ffmpeg, arguments)
    except ProgramFailed as failed:
        raise Bug(f"thumbnails could not be created: {last_line(failed.errors)}") from None
