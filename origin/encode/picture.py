"""The picture's filters: fields, crop, size, colour. Pure: strings for ffmpeg's filter graph."""

from __future__ import annotations

from origin.encode.plan import EncodePlan, VideoRung
from origin.encode.source import Fields

_PARITY = {Fields.TOP_FIRST: "tff", Fields.BOTTOM_FIRST: "bff"}


def source_filters(plan: EncodePlan) -> list[str]:
    """What is done once for all rungs, before the rate is made constant."""
    video = plan.source.video
    if video.fields is Fields.PROGRESSIVE:
        return []
    return [f"bwdif=mode=send_frame:parity={_PARITY[video.fields]}:deint=all"]


def rung_filters(rung: VideoRung) -> list[str]:
    """The size and the pixel format of a rung."""
    pixels = "yuv420p" if rung.bit_depth == 8 else "yuv420p10le"
    return [f"scale={rung.width}:{rung.height}:flags=bicubic", "setsar=1", f"format={pixels}"]
