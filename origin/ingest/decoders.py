"""Which ffmpeg can do a job: builds differ in their decoders (AV1) and in the depth of their encoders (HEVC)."""

from __future__ import annotations

import re
from functools import lru_cache

from kernel.errors import BadRequest
from origin.ingest.subprocesses import ProgramFailed, Programs, run_program

_CODEC = re.compile(r" ([D.])[E.][VASDT.]\S*+ (\S++) ")
_DECODERS = re.compile(r"\(decoders: ([^)]*+)\)")
_ONLY_BY_HARDWARE = frozenset(("av1",))
"""Codecs whose decoder of the same name needs a graphics card."""


@lru_cache(maxsize=16)
def decodable_codecs(ffmpeg: str) -> frozenset[str]:
    """The codecs that this ffmpeg decodes in software, by ffprobe's names; none if it does not run."""
    try:
        text, _ = run_program(ffmpeg, ["-hide_banner", "-v", "error", "-codecs"])
    except (ProgramFailed, OSError):
        return frozenset()
    return read_codecs(text)


def read_codecs(text: str) -> frozenset[str]:
    """The codecs that `ffmpeg -codecs` says it decodes in software."""
    found = set()
    for line in text.splitlines():
        match = _CODEC.match(line)
        if match is None or match[1] != "D":
            continue
        listed = _DECODERS.search(line)
        decoders = listed[1].split() if listed else [match[2]]
        hardware = {match[2]} if match[2] in _ONLY_BY_HARDWARE else set()
        if any(one not in hardware and not one.endswith(("_cuvid", "_qsv", "_v4l2m2m")) for one in decoders):
            found.add(match[2])
    return frozenset(found)


@lru_cache(maxsize=64)
def pixel_formats(ffmpeg: str, encoder: str) -> frozenset[str]:
    """The pixel formats that an encoder of this ffmpeg takes; none if it has no such encoder."""
    try:
        text, _ = run_program(ffmpeg, ["-hide_banner", "-v", "error", "-h", f"encoder={encoder}"])
    except (ProgramFailed, OSError):
        return frozenset()
    return frozenset(text.partition("Supported pixel formats:")[2].partition("\n")[0].split())


@lru_cache(maxsize=16)
def has_filter(ffmpeg: str, name: str) -> bool:
    """Whether this ffmpeg has a filter."""
    try:
        text, _ = run_program(ffmpeg, ["-hide_banner", "-v", "error", "-h", f"filter={name}"])
    except (ProgramFailed, OSError):
        return False
    return f"Filter {name}" in text


def choose_ffmpeg(programs: Programs, codec: str, encoder: str = "", pixels: str = "") -> str:
    """The first ffmpeg that decodes `codec` and whose `encoder` takes `pixels`. Raises BadRequest (422)."""
    candidates = (programs.ffmpeg, *programs.others)
    decoding = [one for one in candidates if codec in decodable_codecs(one)]
    if not decoding:
        why = f"no ffmpeg here decodes {codec}; install imageio-ffmpeg, or set --ffmpeg to one that does"
        raise BadRequest(422, "no-decoder", why)
    for one in decoding:
        if not encoder or pixels in pixel_formats(one, encoder):
            return one
    why = f"no ffmpeg here encodes {pixels} by {encoder}; install imageio-ffmpeg, or set --ffmpeg to one that does"
    raise BadRequest(422, "no-encoder", why)
