"""Thumbnails: a poster and sheets of small pictures with their WebVTT index, from keyframes that are already encoded.

Taking the lowest rung's keyframes costs a tenth of decoding the source again.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

from kernel.errors import Bug
from kernel.media.ladder import Rung
from origin.encode.encoder import Track
from origin.ingest.subprocesses import ProgramFailed, Programs, last_line, output

POSTER, INDEX = "poster.jpg", "thumbnails.vtt"
_COLUMNS, _ROWS = 5, 5
_MAX_TILES = 400
_TILE_LONG_SIDE = 160
_POSTER_LINES = 480


def make(programs: Programs, made: Sequence[Track], encoded: Path, folder: Path, keyframes: Sequence[float]) -> None:
    """Write `poster.jpg`, `sprite-1.jpg` … and `thumbnails.vtt` into `folder` (made here)."""
    folder.mkdir()
    video = [(track, track.rung) for track in made if track.rung]
    lowest, rung = video[0]
    poster, _ = next(((track, one) for track, one in video if one.lines >= _POSTER_LINES), video[-1])
    every = max(1, math.ceil(len(keyframes) / _MAX_TILES))
    width, height = tile_size(rung)
    batch = max(2, min(len(keyframes), 30))  # ffmpeg takes no 1
    _run(programs, poster.file(encoded), f"thumbnail={batch}", folder / POSTER, ["-frames:v", "1", "-q:v", "3"])
    sheet = f"select=not(mod(n\\,{every})),scale={width}:{height},tile={_COLUMNS}x{_ROWS}"
    _run(programs, lowest.file(encoded), sheet, folder / "sprite-%d.jpg", ["-fps_mode", "vfr", "-q:v", "5"])
    times = keyframes[::every]
    sheets = math.ceil(len(times) / (_COLUMNS * _ROWS))
    wanted = [folder / POSTER, *(folder / f"sprite-{number}.jpg" for number in range(1, sheets + 1))]
    for file in wanted:
        if not file.is_file() or file.stat().st_size == 0:
            raise Bug(f"the thumbnail {file.name} was not made")
    (folder / INDEX).write_text(index(times, width, height), encoding="utf-8")


def tile_size(rung: Rung) -> tuple[int, int]:
    """The size of a small picture: 160 on the longer side, even."""
    scale = min(1.0, _TILE_LONG_SIDE / max(rung.width, rung.height))
    return max(2, round(rung.width * scale / 2) * 2), max(2, round(rung.height * scale / 2) * 2)


def index(times: Sequence[float], width: int, height: int) -> str:
    """WebVTT: from each time (s) to the next, the part of the sheet to show; the last lasts a minute."""
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
    # Full-range yuv: what JPEG holds; the picture's own range would be refused by the encoder.
    arguments += ["-vf", f"{filters},scale=out_range=full,format=yuvj420p", *options, "-f", "image2", f"file:{target}"]
    try:
        output(programs.ffmpeg, arguments)
    except ProgramFailed as failed:
        raise Bug(f"thumbnails could not be made: {last_line(failed.errors)}") from None
