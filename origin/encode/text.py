"""Text subtitles of any kind become WebVTT."""

from __future__ import annotations

import re
from pathlib import Path

from origin.encode.ffmpeg_call import QUIET, part_of, run_ffmpeg
from origin.encode.plan import EncodePlan, TextTrack
from origin.ingest.probe import input_name
from origin.ingest.subprocesses import INPUT_GUARD, Programs


def webvtt_time(seconds: float) -> str:
    """A WebVTT timestamp, `01:02:03.456`."""
    minutes, rest = divmod(round(seconds * 1000), 60_000)
    return f"{minutes // 60:02d}:{minutes % 60:02d}:{rest // 1000:02d}.{rest % 1000:03d}"


_TIME = r"(?:(\d+):)?(\d\d):(\d\d\.\d{3})"
_TIMING = re.compile(rf"{_TIME}[ \t]+-->[ \t]+{_TIME}", re.ASCII)
_LINE_END = re.compile(r"\r\n|\r|\n")
"""Of WebVTT (4.1); `splitlines` also cuts at what may stand in a text, and an empty line would end its cue."""
_LOOSE_AMPERSAND = re.compile(r"&(?!#?\w{1,31};)")
_LOOSE_BRACKET = re.compile(r"<(?!/?(?:c|i|b|u|ruby|rt|v|lang)[\s.>]|\d)")
_LONGEST_REPAIR = 4_000
"""Milliseconds that a cue without an end is shown, unless the next one begins before."""

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
    part.write_text(repair_webvtt(part.read_text("utf-8", "replace")), encoding="utf-8")
    part.replace(target)
    return target


def repair_webvtt(text: str) -> str:
    """ffmpeg's WebVTT with what players would drop: `&` and `<` that are text, and cues that end when they begin.

    ffmpeg copies the text of other formats as it is, where both mean themselves (WebVTT, 6.4).
    """
    lines = _LINE_END.split(text.rstrip("\r\n"))
    starts = [_milliseconds(found) for line in lines if (found := _TIMING.match(line))]
    cue = 0
    for at, line in enumerate(lines):
        found = _TIMING.match(line)
        if found is None:
            lines[at] = _LOOSE_AMPERSAND.sub("&amp;", _LOOSE_BRACKET.sub("&lt;", line)) if cue else line
            continue
        cue += 1
        start, end = _milliseconds(found), _milliseconds(found, 4)
        if end <= start:
            following = next((one for one in starts[cue:] if one > start), start + _LONGEST_REPAIR)
            end = min(following, start + _LONGEST_REPAIR)
            lines[at] = f"{webvtt_time(start / 1000)} --> {webvtt_time(end / 1000)}{line[found.end() :]}"
    return "\n".join(lines) + "\n"


def _milliseconds(timing: re.Match[str], first: int = 1) -> int:
    hours, minutes, seconds = (timing[group] or "0" for group in range(first, first + 3))
    return round((int(hours) * 3600 + int(minutes) * 60 + float(seconds)) * 1000)
