"""Checks of encoded files: exit codes are unreliable, so the packets of every file are read and compared with the plan.

A film that ends before its time raises `BadRequest`; any other mismatch is our fault and raises `Bug`.
"""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from kernel.errors import BadRequest, Bug
from origin.encode.loudness import QUIET_LKFS, measure_loudness
from origin.encode.plan import AudioTrack, EncodePlan, VideoRung
from origin.encode.source import Dynamic
from origin.ingest.subprocesses import ProgramFailed, Programs, last_line, stream_program

MAX_OFFSET = 0.045
"""Seconds by which sound and picture may begin or end apart; viewers notice more (ITU-R BT.1359)."""
MAX_LOUDNESS_ERROR = 1.0
"""LU, EBU R 128's tolerance for what is not live."""
_TRANSFER = {Dynamic.HDR10: "smpte2084", Dynamic.HLG: "arib-std-b67"}


@dataclass(frozen=True, slots=True)
class Measured:
    """Measurements of an encoded file: `packets`, `start` and `duration` in s, the times of its keyframes in s."""

    packets: int
    duration: float
    keyframes: tuple[float, ...]
    start: float = 0.0
    tags: Mapping[str, str] = field(default_factory=dict)
    """Of ffprobe: codec_name, width, height, pix_fmt, color_transfer, channels."""


def measure(programs: Programs, file: Path) -> Measured:
    """Read the time of every packet, without decoding. Raises Bug if the file cannot be read."""
    packets, end, start, keyframes = 0, 0.0, float("inf"), []
    tags: dict[str, str] = {}

    def read(line: str) -> None:
        nonlocal packets, end, start
        kind, *fields = line.strip().split("|")
        found = dict(one.partition("=")[::2] for one in fields)
        if kind != "packet":
            tags.update(found if kind == "stream" else {})
            return
        try:
            time, length = float(found["pts_time"]), float(found.get("duration_time") or 0)
        except (KeyError, ValueError):
            return  # a packet hidden by the edit list has no time
        if "D" in found.get("flags", ""):
            return
        packets += 1
        start, end = min(start, time), max(end, time + length)
        if found.get("flags", "").startswith("K"):
            keyframes.append(time)

    entries = "packet=pts_time,duration_time,flags:stream=codec_name,width,height,pix_fmt,color_transfer,channels"
    arguments = ["-v", "error", "-show_entries", entries, "-of", "compact"]
    try:
        stream_program(programs.ffprobe, [*arguments, f"file:{file.absolute()}"], read)
    except ProgramFailed as failed:
        raise Bug(f"the encoded file {file.name} cannot be read: {last_line(failed.errors)}") from None
    return Measured(packets, end, tuple(sorted(keyframes)), 0.0 if packets == 0 else start, tags)


def check_encoded(programs: Programs, plan: EncodePlan, folder: Path) -> dict[str, Measured]:
    """Measure every rung and audio track of `folder` and compare it with the plan; returns the measurements by name.

    Raises BadRequest (the film ends before its time) or Bug.
    """
    with ThreadPoolExecutor(max_workers=2) as pool:
        tracks: tuple[VideoRung | AudioTrack, ...] = (*plan.rungs, *plan.audio)
        found = dict(
            zip(
                (track.name for track in tracks),
                pool.map(lambda track: measure(programs, track.file(folder)), tracks),
                strict=True,
            )
        )
    for rung in plan.rungs:
        check_rung(plan, rung, found[rung.name])
    for track in plan.audio:
        check_audio(plan, track, found[track.name])
        if track.loudness is not None:
            check_loudness(track, track.loudness, measure_loudness(programs, track.file(folder)))
    return found


def check_rung(plan: EncodePlan, rung: VideoRung, found: Measured) -> None:
    """Frames, keyframes, size, format and range as planned. Raises BadRequest or Bug."""
    check_frames(found.packets, plan.frames, plan)
    step = plan.rate.seconds(1)
    wanted = [plan.rate.seconds(frame) for frame in plan.keyframes()]
    if len(wanted) != len(found.keyframes) or any(
        abs(there - here) > step / 4 for there, here in zip(found.keyframes, wanted, strict=True)
    ):
        raise Bug(f"{rung.name} has keyframes at {_some(found.keyframes)} s, the plan at {_some(wanted)} s")
    if abs(found.duration - plan.duration) > step / 2 or abs(found.start) > step / 4:
        raise Bug(f"{rung.name} lasts from {found.start:.3f} to {found.duration:.3f} s, planned {plan.duration:.3f} s")
    pixels = "yuv420p10le" if rung.bit_depth == 10 else "yuv420p"
    made = {
        "codec_name": str(rung.codec),
        "width": str(rung.width),
        "height": str(rung.height),
        "pix_fmt": pixels,
    }
    if rung.dynamic in _TRANSFER:
        made["color_transfer"] = _TRANSFER[rung.dynamic]
    for name, value in made.items():
        if found.tags.get(name) != value:
            raise Bug(f"{rung.name}: {name} is {found.tags.get(name)}, planned {value}")
    if rung.dynamic is Dynamic.SDR and found.tags.get("color_transfer") in _TRANSFER.values():
        raise Bug(f"{rung.name} is tagged {found.tags['color_transfer']}, planned SDR")


def check_frames(found: int, planned: int, plan: EncodePlan) -> None:
    """Refuse a film whose frames end early. Raises BadRequest (422), or Bug if there are too many."""
    if found == 0:
        raise BadRequest(422, "not-decodable", "no frame of the film could be decoded")
    if found < planned:
        got, promised = plan.rate.seconds(found), plan.rate.seconds(planned)
        why = f"{promised:.2f} s were expected, but only {got:.2f} s could be decoded"
        raise BadRequest(422, "truncated", f"the film is truncated or damaged: {why}")
    if found > planned:
        raise Bug(f"{found} frames were encoded, {planned} planned")


def check_audio(plan: EncodePlan, track: AudioTrack, found: Measured) -> None:
    """Sound begins and ends with the picture. Raises Bug."""
    if found.packets == 0:
        raise Bug(f"audio track {track.name} is empty")
    if abs(found.start) > MAX_OFFSET or abs(found.duration - plan.duration) > MAX_OFFSET:
        span = f"{found.start:.3f} to {found.duration:.3f} s"
        raise Bug(f"audio track {track.name} lasts from {span}, the video to {plan.duration:.3f} s")
    if found.tags.get("channels") != str(track.channels):
        raise Bug(f"audio track {track.name} has {found.tags.get('channels')} channels, planned {track.channels}")


def check_loudness(track: AudioTrack, wanted: float, found: float | None) -> None:
    """The programme loudness as wanted; silence (None) and room noise have none. Raises Bug."""
    if found is not None and found > QUIET_LKFS and abs(found - wanted) > MAX_LOUDNESS_ERROR:
        raise Bug(f"audio track {track.name} has {found:.1f} LKFS, wanted {wanted:.1f}")


def _some(times: list[float] | tuple[float, ...]) -> str:
    shown = ", ".join(f"{time:.3f}" for time in times[:8])
    return shown if len(times) <= 8 else f"{shown} …"
