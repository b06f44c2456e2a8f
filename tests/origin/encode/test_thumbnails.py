"""The index of the small pictures; that they are made is seen in test_pipeline."""

from kernel.media.ladder import Rung
from origin.encode.thumbnails import tile_size, webvtt_index


def test_the_index_points_into_the_sheets():
    """25 pictures a sheet, row by row."""
    cues = webvtt_index([4.0 * number for number in range(27)], 160, 90).split("\n\n")
    assert cues[0] == "WEBVTT"
    assert cues[1] == "00:00:00.000 --> 00:00:04.000\nsprite-1.jpg#xywh=0,0,160,90"
    assert cues[7].endswith("sprite-1.jpg#xywh=160,90,160,90")
    assert cues[26].endswith("sprite-2.jpg#xywh=0,0,160,90")
    assert cues[27].startswith("00:01:44.000 --> 00:02:44.000")


def test_hours_are_written():
    """A cue late in a long film."""
    assert "01:02:03.500 -->" in webvtt_index([3723.5], 2, 2)


def test_tiles_are_small_and_even():
    """160 on the longer side, never larger than the picture."""
    sizes = [tile_size(Rung(240, *size, 1, 1)) for size in ((426, 240), (240, 426), (64, 48))]
    assert sizes == [(160, 90), (90, 160), (64, 48)]
