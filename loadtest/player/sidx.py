"""The segment index box of an MP4 resource (`sidx`, ISO 14496-12 §8.16.3) as a Timeline. Pure."""

import struct

from kernel.media.playlist import ByteRange
from loadtest.player.presentation import Part, Segment, Timeline, UnplayableManifest

_HEAD = struct.Struct(">I4sB3xII")
_ROW = struct.Struct(">III")


def read_sidx(data: bytes, offset: int, init: Part | None) -> Timeline:
    """The subsegments of one `sidx` that was read at byte `offset` of its resource. Raises UnplayableManifest."""
    try:
        return Timeline(_segments(data, offset, init))
    except struct.error:
        raise UnplayableManifest("sidx: the box is shorter than it says") from None


def _segments(data: bytes, offset: int, init: Part | None) -> tuple[Segment, ...]:
    size, name, version, _, timescale = _HEAD.unpack_from(data)
    if name != b"sidx" or not timescale:
        raise UnplayableManifest("sidx: the index range does not hold a sidx box")
    wide = struct.Struct(">QQ" if version else ">II")
    first, gap = wide.unpack_from(data, _HEAD.size)
    at = _HEAD.size + wide.size
    (count,) = struct.unpack_from(">H", data, at + 2)
    at += 4
    position, time, made = offset + size + gap, first, []
    for _ in range(count):
        reference, duration, _ = _ROW.unpack_from(data, at)
        at += _ROW.size
        if reference >> 31:
            raise UnplayableManifest("sidx: an index of indexes is not supported")
        part = Part("", ByteRange(position, reference & 0x7FFFFFFF))
        made.append(Segment(part, (time - first) / timescale, duration / timescale, init))
        position += reference & 0x7FFFFFFF
        time += duration
    if not made:
        raise UnplayableManifest("sidx: it has no entry")
    return tuple(made)
