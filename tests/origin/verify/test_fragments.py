"""Times of segments, from boxes made by hand."""

import struct

import pytest

from origin.verify.fragments import TrackDefaults, read_defaults, read_times


def box(kind, body):
    return struct.pack(">I", len(body) + 8) + kind + body


def fragment(start, durations, *, first_flags=0, offsets=None, version=1):
    """A movie fragment of these sample durations."""
    flags = 0x104 | (0x800 if offsets else 0)
    rows = zip(durations, offsets or [None] * len(durations), strict=True)
    samples = b"".join(struct.pack(">I", one) + (struct.pack(">i", more) if offsets else b"") for one, more in rows)
    run = bytes((version,)) + flags.to_bytes(3, "big") + struct.pack(">II", len(durations), first_flags) + samples
    time = b"\x01\0\0\0" + struct.pack(">Q", start)
    return box(b"moof", box(b"traf", box(b"tfhd", bytes(8)) + box(b"tfdt", time) + box(b"trun", run)))


def init(*, edit=None, media_version=0):
    media = bytes((media_version, 0, 0, 0)) + bytes(16 if media_version else 8) + struct.pack(">I", 48_000) + bytes(8)
    edits = box(b"edts", box(b"elst", bytes(4) + struct.pack(">IIiI", 1, 0, edit, 1 << 16))) if edit else b""
    extends = box(b"mvex", box(b"trex", bytes(4) + struct.pack(">5I", 1, 1, 1024, 0, 0x10000)))
    return box(b"moov", box(b"trak", edits + box(b"mdia", box(b"mdhd", media))) + extends)


@pytest.mark.parametrize("version", [0, 1])
def test_an_init_segment(version):
    assert read_defaults(init(edit=1024, media_version=version)) == TrackDefaults(48_000, 1024, 0x10000, 1024)
    assert read_defaults(init()).begins == 0


def test_a_segment_of_two_fragments():
    """Its end is that of the last; a gap between them is told."""
    whole = fragment(0, [1024, 1024]) + box(b"mdat", b"x") + fragment(2048, [500])
    assert (read_times(whole, TrackDefaults()).end, read_times(whole, TrackDefaults()).gaps) == (2548, False)
    assert read_times(fragment(0, [1024]) + fragment(1025, [1]), TrackDefaults()).gaps


def test_times_are_when_samples_are_presented():
    """B-frames are shown later than they are decoded, and the edit list puts the first picture at 0."""
    times = read_times(fragment(100_000, [1000, 1000], offsets=[2000, -1000]), TrackDefaults(begins=2000))
    assert (times.start, times.duration) == (100_000, 2000)
    assert read_times(fragment(0, [1024]), TrackDefaults(begins=1024)).start == -1024, "priming"


def test_keyframes():
    assert read_times(fragment(0, [1]), TrackDefaults()).starts_with_sync
    assert not read_times(fragment(0, [1], first_flags=0x10000), TrackDefaults()).starts_with_sync


@pytest.mark.parametrize("cut", [8, 20, 40, 60, 90])
def test_half_a_segment_is_refused(cut):
    with pytest.raises(ValueError, match="fragment"):
        read_times(fragment(0, [1024] * 9)[:cut], TrackDefaults())


def test_a_count_that_cannot_be_is_refused():
    """Four bytes may claim four billion samples."""
    data = fragment(0, [1024]).replace(struct.pack(">II", 1, 0) + struct.pack(">I", 1024), b"\xff" * 12)
    with pytest.raises(ValueError, match="not whole"):
        read_times(data, TrackDefaults())
    with pytest.raises(ValueError, match="no whole track"):
        read_defaults(b"")
