"""Loudness of a track (ITU-R BS.1770): measured in the source, normalised by one gain, measured in the result."""

from __future__ import annotations

import json
import re
from pathlib import Path

from kernel.errors import BadRequest, Bug
from origin.encode.ffmpeg_call import clock_arguments
from origin.encode.plan import AudioTrack, EncodePlan
from origin.ingest.probe import input_name, printable_path
from origin.ingest.subprocesses import INPUT_GUARD, ProgramFailed, Programs, last_line, run_program, telling_line

QUIET_LKFS = -50.0
"""What is quieter is room noise, not a programme: normalising would make noise as loud as speech."""
_MAX_TRUE_PEAK = -2.0
_LAYOUTS = {1: "mono", 2: "stereo", 6: "5.1"}
_INTEGRATED = re.compile(r"I:\s++(-?\d++\.\d|-inf) LUFS")


def track_filters(track: AudioTrack) -> list[str]:
    """Gaps are filled with silence; the channels are those of the result."""
    return ["aresample=48000:async=1:first_pts=0", f"aformat=channel_layouts={_LAYOUTS[track.channels]}"]


def length_filters(plan: EncodePlan) -> list[str]:
    """A short track is filled with silence, and what outlasts the picture is cut."""
    end = f"{plan.duration:.6f}"
    return [f"apad=whole_dur={end}", f"atrim=end={end}"]


def loudness_filters(track: AudioTrack, measured: dict[str, str]) -> list[str]:
    """One gain for the whole track; loudnorm limits by itself where that would exceed the true peak."""
    if track.loudness is None or not measured:
        return []
    known = ":".join(
        f"measured_{ours}={measured[theirs]}"
        for ours, theirs in (("i", "input_i"), ("lra", "input_lra"), ("tp", "input_tp"), ("thresh", "input_thresh"))
    )
    return [
        f"loudnorm=i={track.loudness}:tp={_MAX_TRUE_PEAK}:lra=50:linear=true:{known}:offset={measured['target_offset']}",
        "aresample=48000",
    ]


def measure_source(ffmpeg: str, plan: EncodePlan, track: AudioTrack, source: Path) -> dict[str, str]:
    """loudnorm's measurements of a track; {} for what is no programme. Raises BadRequest."""
    norm = f"loudnorm=i={track.loudness}:tp={_MAX_TRUE_PEAK}:lra=50:print_format=json"
    filters = ",".join([*track_filters(track), *length_filters(plan), norm])
    arguments = ["-nostdin", "-hide_banner", "-nostats", *INPUT_GUARD, "-i", input_name(source)]
    arguments += ["-map", f"0:{track.index}", "-af", filters, "-f", "null", "-", *clock_arguments(plan, track.index)]
    try:
        _, errors = run_program(ffmpeg, arguments)
    except ProgramFailed as failed:
        why = f"the sound of {printable_path(source)} could not be measured: {telling_line(failed.errors)}"
        raise BadRequest(422, "not-decodable", why) from None
    return read_loudnorm(errors)


def read_loudnorm(text: str) -> dict[str, str]:
    """The last JSON object of loudnorm's output; {} if there is none, or if the track is silent or nearly so."""
    start = text.rfind("{")
    try:
        found = {str(name): str(value) for name, value in json.loads(text[start : text.rfind("}") + 1]).items()}
        programme = float(found["input_i"]) > QUIET_LKFS
    except (ValueError, KeyError, AttributeError):
        return {}
    return found if programme else {}


def measure_loudness(programs: Programs, file: Path) -> float | None:
    """Integrated loudness in LKFS (ITU-R BS.1770); None for silence. Raises Bug."""
    arguments = ["-nostdin", "-hide_banner", "-nostats", "-i", f"file:{file.absolute()}"]
    arguments += ["-map", "0:a", "-af", "ebur128", "-f", "null", "-"]
    try:
        _, errors = run_program(programs.ffmpeg, arguments)
    except ProgramFailed as failed:
        raise Bug(f"the loudness of {file.name} cannot be measured: {last_line(failed.errors)}") from None
    return read_loudness(errors)


def read_loudness(text: str) -> float | None:
    """The integrated loudness of ebur128's summary; None below the absolute gate of -70 LKFS."""
    found = _INTEGRATED.findall(text)
    if not found or found[-1] == "-inf" or float(found[-1]) <= -70.0:
        return None
    return float(found[-1])
