"""The limits of an ingest: a small file may promise days of film, and nothing of an upload is trusted. Pure."""

from __future__ import annotations

from typing import NoReturn

import msgspec

from kernel.errors import BadRequest
from origin.encode.plan import EncodePlan
from origin.encode.source import VideoStream


class Limits(msgspec.Struct, frozen=True):
    """What a film may be, and what may become of it."""

    seconds: float = 12 * 3600.0
    frames: int = 12 * 3600 * 60
    """Packets of the picture in the file, and frames of a rendition."""
    streams: int = 128
    pixels: int = 8192 * 4352
    """Of the stored picture."""
    output_bytes: int = 512 << 30
    """Of all renditions together, at their peak rates."""


def refuse(name: str, what: str, found: str, limit: str) -> NoReturn:
    """Raise BadRequest (422) for a film beyond a limit."""
    raise BadRequest(422, "too-large", f"{name}: {found} {what}, more than the limit of {limit}")


def check_video(video: VideoStream, limits: Limits, name: str) -> None:
    """Refuse a film that is too long, before a plan is made of it. Raises BadRequest (422)."""
    seconds = video.rate.seconds(video.frames)
    if seconds > limits.seconds:
        refuse(name, "s of film", f"{seconds:.0f}", f"{limits.seconds:.0f} s")
    if video.frames > limits.frames:
        refuse(name, "frames", str(video.frames), str(limits.frames))


def check_plan(plan: EncodePlan, limits: Limits, name: str) -> None:
    """Refuse a film that is too long, or whose renditions would be too large. Raises BadRequest (422)."""
    check_video(plan.source.video, limits, name)
    size = most_output_bytes(plan)
    if size > limits.output_bytes:
        refuse(name, "bytes of renditions", f"up to {size}", str(limits.output_bytes))


def most_output_bytes(plan: EncodePlan) -> int:
    """The most that all renditions of a plan can be."""
    rate = sum(rung.peak for rung in plan.rungs) + sum(track.bit_rate for track in plan.audio)
    return round(plan.duration * rate / 8)
