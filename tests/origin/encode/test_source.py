"""What is said of a source."""

import msgspec

from origin.encode.source import Colour, Rate, counted, rate_of
from tests.origin.encode.plans import make_source


def test_a_source_is_described_in_a_line():
    """For the progress output; the range only if it is not the usual one."""
    source = make_source(rate=Rate(24000, 1001))
    assert source.describe() == "640x360, 23.976 frames/s, 10.0 s, 1 audio track"
    hdr = make_source(audio=0, colour=Colour(transfer="arib-std-b67"))
    assert hdr.describe() == "640x360, HLG, 25 frames/s, 10.0 s, no audio"


def test_rates_are_exact():
    """A fraction, as ffmpeg and JSON take it."""
    rate = rate_of(Rate(30000, 1001).fraction)
    assert (rate.text, msgspec.json.encode(rate)) == ("30000/1001", b"[30000,1001]")
    assert rate.seconds(30000) == 1001.0


def test_numbers_of_things():
    """One file, two files."""
    assert [counted(1, "file"), counted(2, "file")] == ["1 file", "2 files"]
