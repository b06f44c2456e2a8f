"""What a CMAF segment says of its times, of its first sample and of its encryption (ISO 14496-12 §8.8). Pure."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from origin.verify.boxes import bodies

_NON_SYNC = 0x0001_0000
_TFHD_SKIPPED = ((0x1, 8), (0x2, 4))
_MAX_SAMPLES = 1_000_000


@dataclass(frozen=True, slots=True)
class TrackDefaults:
    """The defaults of an init segment (`trex`), its timescale (`mdhd`), the media time at which it begins (`elst`)."""

    timescale: int = 0
    duration: int = 0
    flags: int = 0
    begins: int = 0


@dataclass(frozen=True, slots=True)
class SegmentTimes:
    """`start` and `duration` in ticks; `gaps`: a fragment does not begin where the one before ends.

    The start is when the first sample is presented: its decode time, its composition offset, less what the edit list
    leaves out. It is negative for an encoder's priming at the beginning of sound.
    """

    start: int
    duration: int
    starts_with_sync: bool
    gaps: bool = False

    @property
    def end(self) -> int:
        """The end in ticks."""
        return self.start + self.duration


def read_defaults(init: bytes) -> TrackDefaults:
    """The defaults of an init segment's track. Raises ValueError."""
    try:
        media = next(bodies(init, b"moov", b"trak", b"mdia", b"mdhd"))
        timescale = struct.unpack_from(">I", media, 20 if media[0] == 1 else 12)[0]
        extends = next(bodies(init, b"moov", b"mvex", b"trex"))
        _, _, duration, _, flags = struct.unpack_from(">5I", extends, 4)
        begins = _edit(next(bodies(init, b"moov", b"trak", b"edts", b"elst"), b""))
    except (StopIteration, struct.error, IndexError):
        raise ValueError("the init segment has no whole track (mdhd, trex)") from None
    return TrackDefaults(timescale, duration, flags, begins)


def _edit(edits: bytes) -> int:
    """The media time of an edit list's only entry; 0 without one."""
    if not edits or struct.unpack_from(">I", edits, 4)[0] != 1:
        return 0
    return int(struct.unpack_from(">q" if edits[0] == 1 else ">i", edits, 16 if edits[0] == 1 else 12)[0])


def read_times(segment: bytes, defaults: TrackDefaults) -> SegmentTimes:
    """The times of a media segment of one track, of any number of fragments. Raises ValueError."""
    try:
        fragments = [_read_fragment(fragment, defaults) for fragment in bodies(segment, b"moof", b"traf")]
    except (StopIteration, struct.error, IndexError):
        raise ValueError("a movie fragment is not whole (tfhd, tfdt, trun)") from None
    if not fragments:
        raise ValueError("there is no movie fragment")
    at, gaps = fragments[0].start, False
    for fragment in fragments:
        gaps = gaps or fragment.start != at
        at = fragment.end
    first = fragments[0]
    return SegmentTimes(first.start, at - first.start, first.starts_with_sync, gaps)


def _read_fragment(fragment: bytes, defaults: TrackDefaults) -> SegmentTimes:
    decode_time = next(bodies(fragment, b"tfdt"))
    start = struct.unpack_from(">Q" if decode_time[0] == 1 else ">I", decode_time, 4)[0]
    head = next(bodies(fragment, b"tfhd"))
    flags, at = int.from_bytes(head[1:4], "big"), 8
    for flag, size in _TFHD_SKIPPED:
        at += size if flags & flag else 0
    duration, sample_flags = defaults.duration, defaults.flags
    if flags & 0x8:
        duration, at = struct.unpack_from(">I", head, at)[0], at + 4
    at += 4 if flags & 0x10 else 0
    if flags & 0x20:
        sample_flags = struct.unpack_from(">I", head, at)[0]
    samples = [
        sample
        for run in bodies(fragment, b"trun")
        for sample in _samples(run, TrackDefaults(0, duration, sample_flags))
    ]
    shown = start + samples[0].offset - defaults.begins
    return SegmentTimes(shown, sum(sample.duration for sample in samples), not samples[0].flags & _NON_SYNC)


class _Sample(NamedTuple):
    """`offset`: from its decode time to when it is presented."""

    duration: int
    flags: int
    offset: int


def _samples(run: bytes, defaults: TrackDefaults) -> Iterator[_Sample]:
    """The samples of a `trun`."""
    flags, count, at = int.from_bytes(run[1:4], "big"), struct.unpack_from(">I", run, 4)[0], 8
    if count > _MAX_SAMPLES:
        raise IndexError
    at += 4 if flags & 0x1 else 0
    first_flags = None
    if flags & 0x4:
        first_flags, at = struct.unpack_from(">I", run, at)[0], at + 4
    for index in range(count):
        duration, sample_flags = defaults.duration, defaults.flags
        if flags & 0x100:
            duration, at = struct.unpack_from(">I", run, at)[0], at + 4
        at += 4 if flags & 0x200 else 0
        if flags & 0x400:
            sample_flags, at = struct.unpack_from(">I", run, at)[0], at + 4
        offset = 0
        if flags & 0x800:
            offset, at = struct.unpack_from(">i" if run[0] == 1 else ">I", run, at)[0], at + 4
        if index == 0 and first_flags is not None:
            sample_flags = first_flags
        yield _Sample(duration, sample_flags, offset)
