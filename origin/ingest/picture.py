"""From ffprobe's JSON and a timeline to the picture of a film: size, rate, fields, crop, colour. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Any

from kernel.errors import BadRequest
from kernel.media.ladder import display_size, frame_rate
from origin.encode.source import Colour, Crop, Dropped, DropReason, Fields, VideoStream, rate_of
from origin.ingest.streams import Stream, fraction
from origin.ingest.timeline import Timeline

_EDGES = ("left", "right", "top", "bottom")
_TAGS = ("color_primaries", "color_transfer", "color_space", "color_range")
_UNSAID = frozenset(("", "unknown", "unspecified", "reserved"))


def read_video(
    video: Stream, timeline: Timeline, frames: Sequence[Mapping[str, Any]], start: float, name: str
) -> VideoStream:
    """The picture of a film that begins at `start` s of its file's clock. Raises BadRequest."""
    if dolby_vision_without_base(video):
        why = "Dolby Vision profile 5 has no picture for other players; export it with profile 8.1 or as HDR10"
        raise BadRequest(422, "dolby-vision", f"{name}: {why}")
    fields, crop, rotation = fields_of(video, frames), crop_of(video), rotation_of(video)
    width, height = display_size(
        int(video["width"]) - crop.left - crop.right,
        int(video["height"]) - crop.top - crop.bottom,
        fraction(video.get("sample_aspect_ratio"), ":"),
        rotation,
    )
    rate = _rate(video, timeline, fields)
    return VideoStream(
        index=int(video["index"]),
        codec=str(video.get("codec_name") or ""),
        stored_width=int(video["width"]),
        stored_height=int(video["height"]),
        width=width,
        height=height,
        rate=rate_of(rate),
        frames=count_frames(timeline, rate, start),
        rotation=rotation,
        crop=crop,
        fields=fields,
        colour=colour_of(video, frames),
        bit_depth=_depth(str(video.get("pix_fmt") or "")),
        pixel_format=str(video.get("pix_fmt") or ""),
        tail=timeline.tail,
    )


_NEVER = 1.25
"""A declared rate so many times the fastest that was seen is none."""


def _rate(video: Stream, timeline: Timeline, fields: Fields) -> Fraction:
    average, base = fraction(video.get("avg_frame_rate")), fraction(video.get("r_frame_rate"))
    measured = timeline.average
    if measured and abs(float(average) - measured) > 0.02 * measured:
        average = Fraction(measured).limit_denominator(1001)
    if timeline.untimed:
        base = Fraction(0)  # that of a bare stream may be the rate of its fields
    if fields is not Fields.PROGRESSIVE and base == 2 * average:
        base = average  # the rate of the fields
    if timeline.fastest and base > _NEVER * timeline.fastest:
        base = average  # ffprobe takes the ticks of H.264 in MPEG-TS for frames
    return frame_rate(average, base, timeline.fastest)


def count_frames(timeline: Timeline, rate: Fraction, start: float) -> int:
    """The frames at the constant rate, from the film's start to the end of its last frame; at least 1."""
    if timeline.first is None:
        return max(1, timeline.packets)
    return max(1, round((timeline.end - start) * rate))


def _depth(pixels: str) -> int:
    return next((depth for depth in (16, 14, 12, 10, 9) if f"p{depth}" in pixels or pixels == f"p0{depth}le"), 8)


def rotation_of(video: Stream) -> int:
    """Degrees, a multiple of 90."""
    for side in video.get("side_data_list") or ():
        if "rotation" in side:
            return round(float(side["rotation"]) / 90) * 90
    return 0


def crop_of(video: Stream) -> Crop:
    """What the container says is not to be shown; nothing if that leaves no picture."""
    for side in video.get("side_data_list") or ():
        if "crop_left" in side:
            left, right, top, bottom = (int(side.get(f"crop_{edge}") or 0) for edge in _EDGES)
            if min(left, right, top, bottom) < 0 or left + right >= int(video["width"]):
                return Crop()
            return Crop() if top + bottom >= int(video["height"]) else Crop(left, right, top, bottom)
    return Crop()


def fields_of(video: Stream, frames: Sequence[Mapping[str, Any]]) -> Fields:
    """The field order: what the first decoded frames say, else the container's word."""
    if frames:
        interlaced = [one for one in frames if int(one.get("interlaced_frame") or 0)]
        if 2 * len(interlaced) > len(frames):
            top = sum(int(one.get("top_field_first") or 0) for one in interlaced)
            return Fields.TOP_FIRST if 2 * top >= len(interlaced) else Fields.BOTTOM_FIRST
    # tb: the top field is stored first and shown second.
    known = {"tt": Fields.TOP_FIRST, "bt": Fields.TOP_FIRST, "bb": Fields.BOTTOM_FIRST, "tb": Fields.BOTTOM_FIRST}
    return known.get(str(video.get("field_order")), Fields.PROGRESSIVE)


def colour_of(video: Stream, frames: Sequence[Mapping[str, Any]]) -> Colour:
    """The tags of the stream, else of its first frame, with the metadata of HDR10 wherever it is."""
    first = frames[0] if frames else {}
    said = {name: _said(video.get(name)) or _said(first.get(name)) for name in _TAGS}
    sides = [*(video.get("side_data_list") or ()), *(first.get("side_data_list") or ())]
    return Colour(
        primaries=said["color_primaries"],
        transfer=said["color_transfer"],
        matrix=said["color_space"],
        full_range=said["color_range"] == "pc",
        mastering=next((text for side in sides if (text := _mastering(side))), ""),
        light=next((text for side in sides if (text := _light(side))), ""),
    )


def _said(text: object) -> str:
    word = str(text or "")
    return "" if word in _UNSAID or not re.fullmatch(r"[a-z0-9-]{1,20}", word) else word


def _mastering(side: Mapping[str, Any]) -> str:
    """x265's form of the mastering display: chromaticities in 0.00002, luminances in 0.0001 cd/m²."""
    if side.get("side_data_type") != "Mastering display metadata" or "red_x" not in side or "max_luminance" not in side:
        return ""
    points = "".join(
        f"{letter}({_scaled(side, f'{colour}_x', 50_000)},{_scaled(side, f'{colour}_y', 50_000)})"
        for letter, colour in (("G", "green"), ("B", "blue"), ("R", "red"), ("WP", "white_point"))
    )
    return f"{points}L({_scaled(side, 'max_luminance', 10_000)},{_scaled(side, 'min_luminance', 10_000)})"


def _scaled(side: Mapping[str, Any], name: str, unit: int) -> int:
    return round(fraction(side.get(name)) * unit)


def _light(side: Mapping[str, Any]) -> str:
    if side.get("side_data_type") != "Content light level metadata":
        return ""
    return f"{int(side.get('max_content') or 0)},{int(side.get('max_average') or 0)}"


def captions_in_picture(video: Stream, frames: Sequence[Mapping[str, Any]]) -> tuple[Dropped, ...]:
    """Captions that the first frames carry (CEA-608/708 by ATSC A/53), as a track that is left out."""
    sides = [str(side.get("side_data_type")) for frame in frames for side in frame.get("side_data_list") or ()]
    if not any("A53" in side for side in sides):
        return ()
    what = f"captions of stream {video.get('index')} (CEA-608/708)"
    return (Dropped(what, DropReason.CAPTIONS_IN_PICTURE),)


def dolby_vision_without_base(video: Stream) -> bool:
    """Whether only a Dolby Vision player sees right colours (profile 5: no compatible base layer)."""
    sides = video.get("side_data_list") or ()
    return any(
        side.get("dv_profile") is not None and int(side.get("dv_bl_signal_compatibility_id") or 0) == 0
        and int(side["dv_profile"]) == 5
        for side in sides
    )  # fmt: skip
