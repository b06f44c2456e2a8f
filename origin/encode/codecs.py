"""The encoders' arguments: constant quality under a peak, closed GOPs with keyframes where the plan has them. Pure."""

from __future__ import annotations

import math

from origin.encode.plan import MIN_LAST_SEGMENT, Chunk, EncodePlan, VideoRung
from origin.encode.profile import PRESETS, Codec
from origin.encode.source import Dynamic, Rate

_SVT_PRESETS = dict(zip(PRESETS, (12, 11, 10, 9, 8, 7, 6, 5, 4), strict=True))


def track_timescale(rate: Rate) -> int:
    """Ticks a second of an encoded file: a frame is a whole number of them."""
    return rate.numerator * (1 if rate.numerator > 10_000 else 1000)


def codec_arguments(plan: EncodePlan, rung: VideoRung, chunk: Chunk, threads: int) -> list[str]:
    """The encoder, its rate control and its keyframes."""
    # Longer than a GOP by what the last segment may take up of the next one; the plan forces every keyframe before.
    longest = plan.gop + math.ceil(MIN_LAST_SEGMENT * plan.rate.fraction)
    made = {Codec.H264: _h264, Codec.HEVC: _hevc, Codec.AV1: _av1}[rung.codec](plan, rung, longest, threads)
    return [*made, "-force_key_frames", f"expr:{keyframe_expression(plan, chunk)}"]


def encoder_of(rung: VideoRung) -> tuple[str, str]:
    """(the encoder, the pixel format that it must take)."""
    encoder = {Codec.H264: "libx264", Codec.HEVC: "libx265", Codec.AV1: "libsvtav1"}[rung.codec]
    return encoder, "yuv420p10le" if rung.bit_depth == 10 else "yuv420p"


def keyframe_expression(plan: EncodePlan, chunk: Chunk) -> str:
    """For ffmpeg: 1 at the frames `n` of the chunk that are the plan's keyframes."""
    last = plan.keyframes()[-1] - chunk.start_frame
    return f"not(mod(n,{plan.gop}))*lte(n,{last})"


def _h264(plan: EncodePlan, rung: VideoRung, longest: int, threads: int) -> list[str]:
    return [
        "-c:v", "libx264", "-preset", plan.preset, "-profile:v", "high", *_rate_control(rung),
        "-g", str(longest), "-keyint_min", str(plan.gop), "-sc_threshold", "0", "-bf", "2", "-flags", "+cgop",
        "-x264-params", "open-gop=0:scenecut=0", *(["-threads", str(threads)] if threads else []),
    ]  # fmt: skip


def _hevc(plan: EncodePlan, rung: VideoRung, longest: int, threads: int) -> list[str]:
    parameters = [f"keyint={longest}", f"min-keyint={plan.gop}", "open-gop=0", "scenecut=0", "log-level=error"]
    if rung.dynamic is Dynamic.HDR10:
        colour = plan.source.video.colour
        parameters += ["hdr10=1"]
        parameters += [f"master-display={colour.mastering}"] if colour.mastering else []
        parameters += [f"max-cll={colour.light}"] if colour.light else []
    if threads:
        parameters += [f"pools={threads}", "frame-threads=1"]
    return [
        "-c:v", "libx265", "-preset", plan.preset, "-tag:v", "hvc1", *_rate_control(rung),
        "-x265-params", ":".join(parameters),
    ]  # fmt: skip


def _av1(plan: EncodePlan, rung: VideoRung, longest: int, threads: int) -> list[str]:
    parameters = ["scd=0", "enable-force-key-frames=1", *([f"lp={threads}"] if threads else [])]
    return [
        "-c:v", "libsvtav1", "-preset", str(_SVT_PRESETS[plan.preset]), "-g", str(longest), "-crf",
        str(round(rung.crf)), "-maxrate", str(rung.peak), "-bufsize", str(rung.buffer),
        "-svtav1-params", ":".join(parameters),
    ]  # fmt: skip


def _rate_control(rung: VideoRung) -> list[str]:
    return ["-crf", f"{rung.crf:g}", "-maxrate", str(rung.peak), "-bufsize", str(rung.buffer)]
