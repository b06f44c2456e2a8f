"""Probing: what a file holds, by ffprobe's word and by reading the picture's packets, without decoding the film."""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from kernel.errors import BadRequest
from origin.encode.source import Source
from origin.ingest.decoders import decodable_codecs
from origin.ingest.limits import Limits, check_video, refuse
from origin.ingest.picture import captions_in_picture, read_video
from origin.ingest.streams import Stream, choose_streams, picture_streams
from origin.ingest.subprocesses import (
    INPUT_GUARD,
    ProgramFailed,
    Programs,
    run_program,
    stream_program,
    telling_line,
)
from origin.ingest.timeline import Timeline

_ENTRIES = (
    "program=program_id:program_stream=index:format=duration,start_time,format_name:"
    "stream=index,codec_type,codec_name,codec_tag_string,width,height,sample_aspect_ratio,avg_frame_rate,r_frame_rate,"
    "duration,start_time,channels,channel_layout,field_order,pix_fmt,color_range,color_space,color_transfer,"
    "color_primaries:stream_tags=language,title,DURATION:stream_disposition:stream_side_data"
)
_JUMPING = frozenset(("mpegts", "mpeg"))
_SEEKABLE = frozenset(("mov", "matroska", "webm"))
_FIRST_FRAMES = 12
_WHOLE_SECONDS = 8.0
"""A shorter film is one chunk anyway."""
NO_LIMITS_GIVEN = Limits()


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


def probe(programs: Programs, path: Path, limits: Limits = NO_LIMITS_GIVEN) -> Source:
    """Probe a file. Raises BadRequest if it is not a film, is truncated or is beyond the limits."""
    name = printable_path(path)
    found = _ask(programs, path, ["-show_entries", _ENTRIES])
    check_streams(found, limits, name)
    container = str((found.get("format") or {}).get("format_name") or "")
    timelines = _read_packets(programs, path, found, limits)
    decodable = decodable_codecs(programs.ffmpeg).union(*(decodable_codecs(one) for one in programs.others))
    chosen = choose_streams(found, timelines, decodable, name)
    frames = _first_frames(programs, path, int(chosen.video["index"]))
    start = _seconds((found.get("format") or {}).get("start_time"), signed=True) or 0.0
    timeline = timelines[int(chosen.video["index"])]
    if _names(container).isdisjoint(_JUMPING):
        _check_length(programs, path, found, chosen.video, timeline, start)
    video = read_video(chosen.video, timeline, frames, start, name)
    check_video(video, limits, name)
    captions = captions_in_picture(chosen.video, frames)
    return Source(
        container=container,
        duration=video.rate.seconds(video.frames),
        video=video,
        audio=chosen.audio,
        text=chosen.text,
        dropped=(*chosen.dropped, *captions),
        seekable=_is_seekable(programs, path, container, timeline, start),
    )


def _ask(programs: Programs, path: Path, what: Sequence[str]) -> Mapping[str, Any]:
    arguments = ["-v", "error", *INPUT_GUARD, *what, "-of", "json", "-i", input_name(path)]
    try:
        text, _ = run_program(programs.ffprobe, arguments)
        found: Mapping[str, Any] = json.loads(text)
    except ProgramFailed as failed:
        raise BadRequest(
            422, "not-a-film", f"{printable_path(path)} is not a film that can be read: {_why(failed)}"
        ) from None
    except ValueError:
        raise BadRequest(422, "not-a-film", f"{printable_path(path)}: ffprobe's output cannot be parsed") from None
    return found


def _why(failed: ProgramFailed) -> str:
    if "moov atom not found" in failed.errors:
        return "it has no index (moov atom), so it is truncated, unfinished or no film"
    # ffprobe's last line repeats the file's name before the reason.
    return telling_line(failed.errors).rpartition(": ")[2]


def check_streams(found: Mapping[str, Any], limits: Limits, name: str) -> None:
    """Refuse a file with too many streams or too large a picture. Raises BadRequest (422)."""
    streams = found.get("streams") or ()
    if len(streams) > limits.streams:
        refuse(name, "streams", str(len(streams)), str(limits.streams))
    for one in picture_streams(found):
        if int(one["width"]) * int(one["height"]) > limits.pixels:
            size = f"a picture of {one['width']}x{one['height']}"
            raise BadRequest(422, "too-large", f"{name}: {size} is too large: {limits.pixels} pixels are the limit")


def _read_packets(programs: Programs, path: Path, found: Mapping[str, Any], limits: Limits) -> dict[int, Timeline]:
    """The timeline of every picture stream."""
    container = str((found.get("format") or {}).get("format_name") or "")
    may_jump = not _names(container).isdisjoint(_JUMPING)
    timelines = {int(one["index"]): Timeline(may_jump) for one in picture_streams(found)}
    if not timelines:
        return {}

    def read(line: str) -> None:
        index, _, rest = line.partition(",")
        timeline = timelines.get(int(index)) if index.isdecimal() else None
        if timeline is not None:
            timeline.read_packet(rest)
            if timeline.packets > limits.frames:
                refuse(printable_path(path), "frames", f"over {limits.frames}", str(limits.frames))

    entries = "packet=stream_index,pts_time,dts_time,duration_time,flags"
    arguments = ["-v", "error", *INPUT_GUARD, "-select_streams", "v", "-show_entries", entries, "-of", "csv=p=0"]
    try:
        stream_program(programs.ffprobe, [*arguments, "-i", input_name(path)], read)
    except ProgramFailed as failed:
        if not any(timeline.packets for timeline in timelines.values()):
            why = f"{printable_path(path)} is not a film that can be read: {_why(failed)}"
            raise BadRequest(422, "not-a-film", why) from None
    for timeline in timelines.values():
        timeline.finish()
    return timelines


def _first_frames(programs: Programs, path: Path, index: int) -> list[Mapping[str, Any]]:
    """The first frames as decoded: they know their fields and HDR metadata. None where ffprobe cannot decode."""
    entries = (
        "frame=interlaced_frame,top_field_first,color_range,color_space,color_transfer,color_primaries:frame_side_data"
    )
    arguments = ["-v", "quiet", *INPUT_GUARD, "-select_streams", str(index), "-read_intervals", f"%+#{_FIRST_FRAMES}"]
    arguments += ["-show_frames", "-show_entries", entries, "-of", "json", "-i", input_name(path)]
    try:
        frames = json.loads(run_program(programs.ffprobe, arguments)[0]).get("frames") or []
    except (ProgramFailed, ValueError):
        return []
    return list(frames)


def _check_length(
    programs: Programs, path: Path, found: Mapping[str, Any], video: Stream, timeline: Timeline, start: float
) -> None:
    """Refuse a picture that ends before its own declared end, or before the container's where no track reaches that."""
    first = timeline.first or 0.0
    own, tag = _seconds(video.get("duration")), _seconds((video.get("tags") or {}).get("DURATION"))
    whole = _seconds((found.get("format") or {}).get("duration"))
    # Matroska's tag is the track's length by some programs, and its end by others (ffmpeg).
    lengths = ((own, timeline.end - first), (tag, timeline.end - min(start, first)), (whole, timeline.end - start))
    promised, got = next((one for one in lengths if one[0]), lengths[-1])
    if promised is None or timeline.first is None or got >= promised - slack(promised, timeline):
        return
    if not own and not tag and _any_track_reaches(programs, path, promised + start - slack(promised, timeline)):
        return
    why = f"its header says {promised:.2f} s, but only {got:.2f} s could be read"
    raise BadRequest(422, "truncated", f"the film is truncated or damaged: {why}")


def slack(promised: float, timeline: Timeline) -> float:
    """Seconds by which a complete film may be shorter: containers round, and variable rates lose a frame at the end."""
    frame = 2 / timeline.fastest if timeline.fastest else 0.1
    return min(1.0, 0.05 * promised) + 0.002 * promised + frame


def _any_track_reaches(programs: Programs, path: Path, time: float) -> bool:
    """Whether a packet of any track, such as sound that outlasts the picture, ends at or after a time."""
    reached = False

    def read(line: str) -> None:
        nonlocal reached
        pts, _, duration = line.strip().partition(",")
        end = (_seconds(pts) or 0.0) + (_seconds(duration.strip(",")) or 0.0)
        reached = reached or end >= time

    arguments = ["-v", "quiet", *INPUT_GUARD, "-read_intervals", f"{max(0.0, time - 5):.3f}%"]
    arguments += ["-show_entries", "packet=pts_time,duration_time", "-of", "csv=p=0", "-i", input_name(path)]
    try:
        stream_program(programs.ffprobe, arguments, read)
    except ProgramFailed:
        return False
    return reached


def _is_seekable(programs: Programs, path: Path, container: str, timeline: Timeline, start: float) -> bool:
    """Whether chunks may start anywhere: an index that leads to a keyframe at or before the time asked for."""
    if _names(container).isdisjoint(_SEEKABLE) or timeline.first is None or timeline.untimed:
        return False
    length = timeline.end - start
    return length < _WHOLE_SECONDS or all(
        _seeks_before(programs, path, start + length * share) for share in (0.35, 0.75)
    )


def _seeks_before(programs: Programs, path: Path, time: float) -> bool:
    arguments = ["-v", "quiet", *INPUT_GUARD, "-select_streams", "v:0", "-read_intervals", f"{time:.3f}%+#1"]
    arguments += ["-show_entries", "packet=pts_time,flags", "-of", "csv=p=0", "-i", input_name(path)]
    try:
        pts, _, flags = run_program(programs.ffprobe, arguments)[0].strip().partition(",")
    except ProgramFailed:
        return False
    found = _seconds(pts, signed=True)
    return found is not None and found <= time and flags.startswith("K")


def _names(container: str) -> frozenset[str]:
    return frozenset(container.split(","))


def _seconds(text: object, *, signed: bool = False) -> float | None:
    """Seconds of `55.1` or Matroska's `00:00:55.100000000`; None if not positive, unless `signed`."""
    try:
        total = 0.0
        for part in str(text or "").split(":"):
            total = total * 60 + float(part)
    except ValueError:
        return None
    return total if (0 < total < 1e7) or (signed and abs(total) < 1e7) else None
