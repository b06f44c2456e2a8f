"""Thumbnails: a poster and sprite sheets with a WebVTT index, made from keyframes that are already encoded.

Decoding the keyframes of the lowest rendition costs a tenth of decoding the source again.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

from kernel.errors import Bug
from kernel.media.ladder import Rung
from origin.encode.encoder import Track
from origin.ingest.subprocesses import ProgramFailed, Programs, last_line, run_program

POSTER, INDEX = "poster.jpg", "thumbnails.vtt"
_COLUMNS, _ROWS = 5, 5
_MAX_TILES = 400
_TILE_LONG_SIDE = 160
_POSTER_LINES = 480


def make_thumbnails(
    programs: Programs, tracks: Sequence[Track], encoded: Path, folder: Path, keyframes: Sequence[float]
) -> None:
    """Create `folder` and write `poster.jpg`, `sprite-1.jpg` … and `thumbnails.vtt` to it. Raises Bug."""
    folder.mkdir()
    video = [(track, track.rung) for track in tracks if track.rung]
    lowest, rung = video[0]
    poster, _ = next(((track, one) for track, one in video if one.lines >= _POSTER_LINES), video[-1])
    every = max(1, math.ceil(len(keyframes) / _MAX_TILES))
    width, height = tile_size(rung)
    batch = max(2, min(len(keyframes), 30))  # ffmpeg does not accept 1
    _run(programs, poster.file(encoded), f"thumbnail={batch}", folder / POSTER, ["-frames:v", "1", "-q:v", "3"])
    sheet = f"select=not(mod(n\\,{every})),scale={width}:{height},tile={_COLUMNS}x{_ROWS}"
    _run(programs, lowest.file(encoded), sheet, folder / "sprite-%d.jpg", ["-fps_mode", "vfr", "-q:v", "5"])
    times = keyframes[::every]
    sheets = math.ceil(len(times) / (_COLUMNS * _ROWS))
    wanted = [folder / POSTER, *(folder / f"sprite-{number}.jpg" for number in range(1, sheets + 1))]
    for file in wanted:
        if not file.is_file() or file.stat().st_size == 0:
            raise Bug(f"the thumbnail {file.name} was not created")
    (folder / INDEX).write_text(webvtt_index(times, width, height), encoding="utf-8")


def tile_size(rung: Rung) -> tuple[int, int]:
    """The size of a thumbnail: 160 pixels on the longer side, even numbers."""
    scale = min(1.0, _TILE_LONG_SIDE / max(rung.width, rung.height))
    return max(2, round(rung.width * scale / 2) * 2), max(2, round(rung.height * scale / 2) * 2)


def webvtt_index(times: Sequence[float], width: int, height: int) -> str:
    """The WebVTT index: the area of the sprite sheet from each time (s) to the next; the last cue lasts a minute."""
    lines = ["WEBVTT", ""]
    for number, start in enumerate(times):
        end = times[number + 1] if number + 1 < len(times) else start + 60
        sheet, place = divmod(number, _COLUMNS * _ROWS)
        row, column = divmod(place, _COLUMNS)
        area = f"{column * width},{row * height},{width},{height}"
        lines += [f"{_stamp(start)} --> {_stamp(end)}", f"sprite-{sheet + 1}.jpg#xywh={area}", ""]
    return "\n".join(lines)


def _stamp(seconds: float) -> str:
    minutes, rest = divmod(round(seconds * 1000), 60_000)
    return f"{minutes // 60:02d}:{minutes % 60:02d}:{rest // 1000:02d}.{rest % 1000:03d}"


def _run(programs: Programs, source: Path, filters: str, target: Path, options: list[str]) -> None:
    arguments = ["-y", "-nostdin", "-v", "error", "-skip_frame", "nokey", "-i", f"file:{source.absolute()}"]
    # JPEG needs full-range YUV; ffmpeg's encoder rejects the limited range of the video.
    arguments += ["-vf", f"{filters},scale=out_range=full,format=yuvj420p", *options, "-f", "image2", f"file:{target}"]
    try:
        run_program(programs.ffmpeg, arguments)
    except ProgramFailed as failed:
        raise Bug(f"thumbnails could not be created: {last_line(failed.errors)}") from None
