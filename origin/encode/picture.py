"""The picture's filters: fields, crop, size, colour. Pure: strings for ffmpeg's filter graph."""

from __future__ import annotations

import re
from collections.abc import Sequence

from origin.encode.plan import EncodePlan, VideoRung
from origin.encode.source import Colour, Dynamic, Fields, VideoStream
from origin.encode.tone_map import DEFAULT_PEAK

CUBE_FILE = "tone-map.cube"
"""The table of the tone map, in the folder that ffmpeg runs in: a path would need escaping."""

_PARITY = {Fields.TOP_FIRST: "tff", Fields.BOTTOM_FIRST: "bff"}
_MASTERING_PEAK = re.compile(r"L\((\d++),")
_HDR_SIDE_DATA = ("MASTERING_DISPLAY_METADATA", "CONTENT_LIGHT_LEVEL")
_HD_LINES = 720


def source_filters(plan: EncodePlan) -> list[str]:
    """What is done once for all rungs, before the rate is made constant."""
    video = plan.source.video
    filters = []
    if video.fields is not Fields.PROGRESSIVE:
        filters.append(f"bwdif=mode=send_frame:parity={_PARITY[video.fields]}:deint=all")
    crop = video.crop
    if any((crop.left, crop.right, crop.top, crop.bottom)) and video.rotation % 180 == 0:
        # ffmpeg crops by the container's word from version 7.1 on; then the picture is small enough already.
        wide = video.stored_width - crop.left - crop.right
        high = video.stored_height - crop.top - crop.bottom
        filters.append(
            f"crop=w=min(iw\\,{wide}):h=min(ih\\,{high}):x=if(gt(iw\\,{wide})\\,{crop.left}\\,0)"
            f":y=if(gt(ih\\,{high})\\,{crop.top}\\,0):exact=1"
        )
    return filters


def needs_tone_map(plan: EncodePlan, rungs: Sequence[VideoRung]) -> bool:
    """Whether HDR becomes SDR for these rungs."""
    hdr = plan.source.video.colour.dynamic is not Dynamic.SDR
    return hdr and all(rung.dynamic is Dynamic.SDR for rung in rungs)


def tone_map_filters(plan: EncodePlan, rungs: Sequence[VideoRung]) -> list[str]:
    """HDR to SDR at the size of the largest rung, once for all of them."""
    largest = max(rungs, key=lambda rung: rung.width * rung.height)
    removed = [f"sidedata=mode=delete:type={kind}" for kind in _HDR_SIDE_DATA]
    source_range = "full" if plan.source.video.colour.full_range else "limited"
    return [
        f"scale={largest.width}:{largest.height}:flags=bicubic:in_color_matrix=bt2020:in_range={source_range}",
        "format=gbrp16le",
        f"lut3d=file={CUBE_FILE}:interp=tetrahedral",
        "scale=out_color_matrix=bt709:out_range=limited:flags=bicubic",
        "format=yuv420p",
        *removed,
        _tags(BT709),
    ]


def peak_of(colour: Colour) -> float:
    """cd/m² of the brightest pixels: the mastering display's, within reason, else that of most HDR films."""
    found = _MASTERING_PEAK.search(colour.mastering)
    if colour.dynamic is Dynamic.HLG or found is None:
        return DEFAULT_PEAK
    return min(4000.0, max(400.0, int(found[1]) / 10_000))


BT709 = Colour("bt709", "bt709", "bt709")


def rung_colour(video: VideoStream, dynamic: Dynamic) -> Colour:
    """The tags of a rung. Without tags players guess by the size, which for a small rung of an HD film is wrong."""
    colour = video.colour
    if dynamic is not Dynamic.SDR:
        return Colour(colour.primaries or "bt2020", colour.transfer, colour.matrix or "bt2020nc")
    if colour.dynamic is not Dynamic.SDR or is_rgb(video):
        return BT709
    matrix = colour.matrix or _guess(video)
    transfer = "bt709" if matrix == "bt709" else "smpte170m"
    return Colour(
        colour.primaries or (matrix if matrix != "bt2020nc" else "bt2020"), colour.transfer or transfer, matrix
    )


def _guess(video: VideoStream) -> str:
    """As players guess: BT.709 for HD, else BT.601 in its European or American form."""
    if video.height >= _HD_LINES or video.width >= 1280:
        return "bt709"
    return "bt470bg" if video.stored_height in (576, 288) else "smpte170m"


def is_rgb(video: VideoStream) -> bool:
    """Whether the picture is stored as RGB, as screen recordings may be."""
    return video.colour.matrix == "gbr" or video.pixel_format.startswith(("rgb", "bgr", "gbr", "argb", "abgr", "pal8"))


def rung_filters(plan: EncodePlan, rung: VideoRung) -> list[str]:
    """The size, the pixel format and the colour tags of a rung."""
    video = plan.source.video
    pixels = "yuv420p" if rung.bit_depth == 8 else "yuv420p10le"
    scale = f"scale={rung.width}:{rung.height}:flags=bicubic:out_range=limited"
    if is_rgb(video):
        scale += ":out_color_matrix=bt709"
    return [scale, "setsar=1", f"format={pixels}", _tags(rung_colour(video, rung.dynamic))]


def _tags(colour: Colour) -> str:
    return (
        f"setparams=color_primaries={colour.primaries}:color_trc={colour.transfer}:colorspace={colour.matrix}"
        ":range=limited:field_mode=prog"
    )
