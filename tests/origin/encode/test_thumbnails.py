"""The index of the small pictures; that they are made is seen in test_pipeline."""

from origin.encode.plan import Thumbnails
from origin.encode.thumbnails import sheet_count, webvtt_index

IMAGES = Thumbnails("v240", "v240", 4.0, 27, 160, 90)


def test_the_index_points_into_the_sheets():
    """25 pictures a sheet, row by row; the last one's area lasts to the end of the film."""
    cues = webvtt_index([4.0 * number for number in range(27)], 106.5, IMAGES).split("\n\n")
    assert cues[0] == "WEBVTT"
    assert cues[1] == "00:00:00.000 --> 00:00:04.000\nsprite-1.jpg#xywh=0,0,160,90"
    assert cues[7].endswith("sprite-1.jpg#xywh=160,90,160,90")
    assert cues[26].endswith("sprite-2.jpg#xywh=0,0,160,90")
    assert cues[27].startswith("00:01:44.000 --> 00:01:46.500")
    assert sheet_count(IMAGES) == 2


def test_hours_are_written():
    """A cue late in a long film."""
    assert "01:02:03.500 -->" in webvtt_index([3723.5], 3724.0, IMAGES)
