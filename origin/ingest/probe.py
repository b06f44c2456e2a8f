"""Probing: what ffprobe reports of a file, without decoding. The container may be wrong; see `verify`."""

from __future__ import annotations

import json
import os
import re
import stat
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

from kernel.errors import BadRequest
from kernel.media.ladder import display_size, frame_rate
from origin.ingest.subprocesses import INPUT_GUARD, ProgramFailed, Programs, last_line, run_program

UNKNOWN_LANGUAGE = "und"
MAX_AUDIO_TRACKS = 8
_TWO_LETTERS = re.compile(
    "ar|bg|cs|da|de|el|en|es|et|fi|fr|he|hi|hr|hu|id|it|ja|ko|lt|lv|nl|no|pl|pt|ro|ru|sk|sl|sv|tr|uk|vi|zh"
)
_MAX_PIXELS = 8192 * 8192


@dataclass(frozen=True, slots=True)
class AudioTrack:
    """An audio track: `index` among the file's streams, `language` as ISO 639 code or `und`."""

    index: int
    language: str
    title: str
    channels: int


@dataclass(frozen=True, slots=True)
class Source:
    """A film: display size in square pixels, the constant frame rate to encode at, `duration` in s (None: unknown)."""

    video_index: int
    width: int
    height: int
    rate: Fraction
    duration: float | None
    frames: int | None
    audio: tuple[AudioTrack, ...]

    def describe(self) -> str:
        """For the progress output: `1280x720, 24 frames/s, 55.1 s, 1 audio track`."""
        length = f"{self.duration:.1f} s" if self.duration else "unknown length"
        return f"{self.width}x{self.height}, {float(self.rate):.5g} frames/s, {length}, {self.describe_sound()}"

    def describe_sound(self) -> str:
        """`2 audio tracks`, `no audio`."""
        return counted(len(self.audio), "audio track") if self.audio else "no audio"


def counted(number: int, what: str) -> str:
    """`1 file`, `2 files`."""
    return f"{number} {what}{'' if number == 1 else 's'}"


def check_file(path: Path) -> os.stat_result:
    """The file's status. Raises BadRequest if it is not a readable, non-empty file."""
    try:
        status = path.stat()
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise BadRequest(404, "no-such-file", f"{printable_path(path)}: {reason}") from None
    if not stat.S_ISREG(status.st_mode):
        raise BadRequest(400, "not-a-file", f"{printable_path(path)} is not a regular file") from None
    if not os.access(path, os.R_OK):
        raise BadRequest(403, "not-readable", f"{printable_path(path)} cannot be read: permission denied")
    if status.st_size == 0:
        raise BadRequest(422, "not-a-film", f"{printable_path(path)} is empty")
    return status


def printable_path(path: Path) -> str:
    """A printable form of a file name, whatever bytes it contains."""
    return repr(os.fsencode(path).decode("utf-8", "replace"))


def input_name(path: Path) -> str:
    """The file name for ffmpeg: absolute and with protocol, so that `-x.mp4` and `a:b.mp4` are files."""
    return f"file:{path.absolute()}"


def probe(programs: Programs, path: Path) -> Source:
    """Probe a file. Raises BadRequest if it is not a film."""
    entries = (
        "format=duration:stream=index,codec_type,codec_name,width,height,sample_aspect_ratio,avg_frame_rate,r_frame_rate,"
        "duration,nb_frames,channels:stream_tags=language,title,DURATION:stream_disposition=default,attached_pic:stream_side_data=rotation"
    )
    arguments = ["-v", "error", *INPUT_GUARD, "-show_entries", entries, "-of", "json", "-i", input_name(path)]
    try:
        text, _ = run_program(programs.ffprobe, arguments)
        found = json.loads(text)
    except ProgramFailed as failed:
        raise BadRequest(
            422, "not-a-film", f"{printable_path(path)} is not a film that can be read: {_why(failed)}"
        ) from None
    except ValueError:
        raise BadRequest(422, "not-a-film", f"{printable_path(path)}: ffprobe's output cannot be parsed") from None
    return read_source(found, printable_path(path))


def _why(failed: ProgramFailed) -> str:
    if "moov atom not found" in failed.errors:
        return "it has no index (moov atom), so it is truncated, unfinished or no film"
    # ffprobe's last line repeats the file's name before the reason.
    return last_line(failed.errors).rpartition(": ")[2]


def read_source(found: Mapping[str, Any], name: str) -> Source:
    """The Source from ffprobe's JSON. Raises BadRequest if it has no video."""
    streams: Sequence[Mapping[str, Any]] = found.get("streams") or ()
    pictures = [one for one in streams if one.get("codec_type") == "video" and not _flag(one, "attached_pic")]
    pictures = [one for one in pictures if int(one.get("width") or 0) > 0 and int(one.get("height") or 0) > 0]
    sound = [one for one in streams if one.get("codec_type") == "audio" and int(one.get("channels") or 0) > 0]
    if not pictures:
        why = "has sound but no picture" if sound else "has neither picture nor sound"
        raise BadRequest(422, "no-video", f"{name} {why}, so it is not a film")
    video = max(pictures, key=lambda one: (_flag(one, "default"), int(one["width"]) * int(one["height"])))
    if int(video["width"]) * int(video["height"]) > _MAX_PIXELS:
        raise BadRequest(422, "too-large", f"{name}: a picture of {video['width']}x{video['height']} is too large")
    width, height = display_size(
        int(video["width"]),
        int(video["height"]),
        _fraction(video.get("sample_aspect_ratio"), ":"),
        _rotation(video),
    )
    return Source(
        video_index=int(video["index"]),
        width=width,
        height=height,
        rate=frame_rate(_fraction(video.get("avg_frame_rate")), _fraction(video.get("r_frame_rate"))),
        duration=_duration(video, found.get("format") or {}),
        frames=int(video["nb_frames"]) if str(video.get("nb_frames", "")).isdecimal() else None,
        audio=tuple(_audio(one) for one in sound[:MAX_AUDIO_TRACKS]),
    )


def _flag(found: Mapping[str, Any], name: str) -> bool:
    return bool((found.get("disposition") or {}).get(name))


def _fraction(text: object, slash: str = "/") -> Fraction:
    """`24000/1001`, `1:1`; 0 if unknown or invalid."""
    top, _, bottom = str(text or "").partition(slash)
    if not (top.isdecimal() and bottom.isdecimal()) or int(bottom) == 0:
        return Fraction(0)
    return Fraction(int(top), int(bottom))


def _rotation(video: Mapping[str, Any]) -> int:
    for side in video.get("side_data_list") or ():
        if "rotation" in side:
            return round(float(side["rotation"]) / 90) * 90
    return 0


def _duration(video: Mapping[str, Any], container: Mapping[str, Any]) -> float | None:
    for text in (video.get("duration"), (video.get("tags") or {}).get("DURATION"), container.get("duration")):
        seconds = _seconds(str(text or ""))
        if seconds:
            return seconds
    return None


def _seconds(text: str) -> float | None:
    """Seconds of `55.1` or Matroska's `00:00:55.100000000`."""
    try:
        total = 0.0
        for part in text.split(":"):
            total = total * 60 + float(part)
    except ValueError:
        return None
    return total if 0 < total < 1e7 else None


def _audio(found: Mapping[str, Any]) -> AudioTrack:
    tags = found.get("tags") or {}
    language = str(tags.get("language") or "").lower().partition("-")[0]
    # The packager accepts any three letters, but fails on two letters that it does not know.
    if not (language.isascii() and language.isalpha() and (len(language) == 3 or _TWO_LETTERS.fullmatch(language))):
        language = UNKNOWN_LANGUAGE
    title = "".join(mark for mark in str(tags.get("title") or "") if mark.isprintable() and mark not in '"\\,=')
    return AudioTrack(int(found["index"]), language, title.strip()[:60], int(found["channels"]))
