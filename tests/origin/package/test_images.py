"""The image track, in HLS and in DASH."""

from kernel.media.mpd_document import dash
from origin.encode.plan import Thumbnails
from origin.package.images import ImageTrack, image_adaptation_set, image_stream_line, write_image_playlist

# Two sheets of 25 tiles, each of two segments of 4.004 s; the film ends on the second one.
TRACK = ImageTrack("thumbs-2", Thumbnails("v240", "v480", 8.008, 30, 160, 90), 240.0, (40_000, 8_000))


def test_the_last_sheet_ends_with_the_film():
    lines = write_image_playlist(TRACK).splitlines()
    assert "#EXT-X-IMAGES-ONLY" in lines
    assert [line for line in lines if line.startswith("#EXTINF")] == ["#EXTINF:200.200000,", "#EXTINF:39.800000,"]
    assert lines.count("#EXT-X-TILES:RESOLUTION=160x90,LAYOUT=5x5,DURATION=8.008000") == 2
    assert "#EXT-X-TARGETDURATION:201" in lines
    assert lines[-2:] == ["sprite-2.jpg", "#EXT-X-ENDLIST"]


def test_the_multivariant_playlist_names_it():
    """At the bit rate of its largest sheet."""
    line = image_stream_line(TRACK)
    assert line.startswith("#EXT-X-IMAGE-STREAM-INF:BANDWIDTH=1609,RESOLUTION=160x90,")
    assert line.endswith('URI="thumbs-2/main.m3u8"')


def test_dash_has_sheets_of_one_length():
    """Their number follows from the film's length (DASH-IF IOP: `thumbnail_tile`)."""
    group = image_adaptation_set(TRACK, 7)
    template, shown = group.find(dash("SegmentTemplate")), group.find(dash("Representation"))
    assert template.get("media") == "thumbs-2/sprite-$Number$.jpg"
    assert int(template.get("duration")) / int(template.get("timescale")) == 200.2
    assert (shown.get("width"), shown.get("height")) == ("800", "450")
    assert shown.find(dash("EssentialProperty")).get("value") == "5x5"
