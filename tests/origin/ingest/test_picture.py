"""What ffprobe says of the picture."""

from fractions import Fraction

import pytest

from kernel.errors import BadRequest
from origin.encode.source import Colour, Crop, DropReason, Dynamic, Fields, Rate
from origin.ingest.picture import captions_in_picture, count_frames, read_video
from origin.ingest.timeline import Timeline


def read(frames=(), start=0.0, times=None, **more):
    found = {"index": 0, "codec_name": "h264", "width": 640, "height": 360, "pix_fmt": "yuv420p"} | more
    timeline = Timeline()
    for time in times or [index / 25 for index in range(50)]:
        timeline.read_packet(f"{time},{time},0.04,K__")
    timeline.finish()
    return read_video({"avg_frame_rate": "25/1", "r_frame_rate": "25/1"} | found, timeline, frames, start, "x")


@pytest.mark.parametrize(
    ("more", "size"),
    [
        ({"side_data_list": [{"rotation": -90}]}, (360, 640)),
        ({"side_data_list": [{"other": 1}, {"rotation": 180}]}, (640, 360)),
        ({"sample_aspect_ratio": "1:2"}, (320, 360)),
        ({"sample_aspect_ratio": "64:45"}, (910, 360)),
        ({"sample_aspect_ratio": "0:1"}, (640, 360)),
        ({"sample_aspect_ratio": "N/A"}, (640, 360)),
        ({"side_data_list": [{"crop_left": 20, "crop_right": 20, "crop_top": 0, "crop_bottom": 40}]}, (600, 320)),
        ({"side_data_list": [{"crop_left": 640, "crop_right": 0, "crop_top": 0, "crop_bottom": 0}]}, (640, 360)),
    ],
)
def test_as_it_is_to_be_seen(more, size):
    """Cropped, square pixels by a wider picture, turned."""
    found = read(**more)
    assert (found.width, found.height) == size
    assert (found.stored_width, found.stored_height) == (640, 360)


def test_a_crop_is_kept():
    """The encoder must cut it where ffmpeg does not."""
    sides = [{"crop_left": 1, "crop_right": 2, "crop_top": 3, "crop_bottom": 4}]
    assert read(side_data_list=sides).crop == Crop(1, 2, 3, 4)


@pytest.mark.parametrize(
    ("said", "frames", "fields"),
    [
        ("progressive", [], Fields.PROGRESSIVE),
        ("tt", [], Fields.TOP_FIRST),
        ("bb", [], Fields.BOTTOM_FIRST),
        ("bt", [], Fields.TOP_FIRST),
        ("tb", [], Fields.BOTTOM_FIRST),
        ("unknown", [{"interlaced_frame": 1, "top_field_first": 0}] * 3, Fields.BOTTOM_FIRST),
        ("progressive", [{"interlaced_frame": 1, "top_field_first": 1}] * 3, Fields.TOP_FIRST),
        ("unknown", [{"interlaced_frame": 0}, {"interlaced_frame": 0}, {"interlaced_frame": 1}], Fields.PROGRESSIVE),
    ],
)
def test_fields(said, frames, fields):
    """What the frames say counts more than the container's word."""
    assert read(frames, field_order=said).fields is fields


def test_the_rate_of_fields_is_not_that_of_frames():
    """A broadcast of 50 fields has 25 frames."""
    more = {"avg_frame_rate": "25/1", "r_frame_rate": "50/1"}
    assert read(field_order="tt", **more).rate == Rate(25)
    assert read(**more).rate == Rate(25), "nothing ever moves that fast: MPEG-TS became 50 frames/s"


def test_a_wrong_average_of_the_header_is_not_believed():
    """DV's says 60,000 frames/s, a bare H.264 stream's 25 whatever it has."""
    assert read(avg_frame_rate="60000/1", r_frame_rate="25/1").rate == Rate(25)
    timeline = Timeline()
    for _ in range(48):
        timeline.read_packet("N/A,N/A,0.041667,___")
    timeline.finish()
    found = {"index": 0, "width": 64, "height": 48, "avg_frame_rate": "25/1", "r_frame_rate": "48/1"}
    assert read_video(found, timeline, [], 0.0, "x").rate == Rate(24)


def test_a_still_screen_with_a_burst_gets_the_rate_of_the_burst():
    """1 frame/s, then 60 for a second: it became 10 frames/s."""
    times = [float(index) for index in range(60)] + [60 + index / 60 for index in range(60)]
    found = read(times=times, avg_frame_rate="120/61", r_frame_rate="60/1")
    assert found.rate == Rate(60)
    assert found.frames == pytest.approx(61 * 60, abs=3)


def test_hdr_is_recognised_by_its_transfer():
    """From the stream or from the first frame, with the metadata in x265's form."""
    sides = [
        {
            "side_data_type": "Mastering display metadata",
            "red_x": "34000/50000", "red_y": "16000/50000", "green_x": "13250/50000", "green_y": "34500/50000",
            "blue_x": "7500/50000", "blue_y": "3000/50000", "white_point_x": "15635/50000",
            "white_point_y": "16450/50000", "min_luminance": "1/10000", "max_luminance": "10000000/10000",
        },
        {"side_data_type": "Content light level metadata", "max_content": 1000, "max_average": 400},
    ]  # fmt: skip
    frame = {"color_transfer": "smpte2084", "color_primaries": "bt2020", "color_space": "bt2020nc"}
    found = read([frame | {"side_data_list": sides}], color_range="tv", pix_fmt="yuv420p10le")
    display = "G(13250,34500)B(7500,3000)R(34000,16000)WP(15635,16450)L(10000000,1)"
    assert found.colour == Colour("bt2020", "smpte2084", "bt2020nc", mastering=display, light="1000,400")
    assert (found.colour.dynamic, found.bit_depth) == (Dynamic.HDR10, 10)
    assert read(color_primaries="bt2020", color_transfer="bt709").colour.dynamic is Dynamic.SDR
    assert read(color_transfer="x:y").colour.transfer == ""


def test_captions_inside_the_picture_are_named():
    """They were dropped without a word."""
    video, frame = {"index": 0}, {"side_data_list": [{"side_data_type": "ATSC A53 Part 4 Closed Captions"}]}
    [dropped] = captions_in_picture(video, [{}, frame])
    assert (dropped.what, dropped.reason) == ("captions of stream 0 (CEA-608/708)", DropReason.CAPTIONS_IN_PICTURE)
    assert captions_in_picture(video, [{}]) == ()


def test_dolby_vision_without_a_base_is_refused():
    """Its colours are wrong everywhere else; profile 8 has a base layer."""
    with pytest.raises(BadRequest, match="profile 5"):
        read(side_data_list=[{"dv_profile": 5, "dv_bl_signal_compatibility_id": 0}])
    read(side_data_list=[{"dv_profile": 8, "dv_bl_signal_compatibility_id": 1}])


@pytest.mark.parametrize(("start", "frames"), [(0.0, 50), (-1.0, 75), (0.5, 38)])
def test_frames_are_counted_from_the_films_start(start, frames):
    """Sound may begin before the picture."""
    timeline = Timeline()
    for index in range(50):
        timeline.read_packet(f"{index / 25},{index / 25},0.04,K__")
    timeline.finish()
    assert count_frames(timeline, Fraction(25), start) == frames


def test_a_stream_without_times_has_its_frames():
    """There is nothing else to count."""
    timeline = Timeline(packets=7)
    assert count_frames(timeline, Fraction(25), 0.0) == 7
