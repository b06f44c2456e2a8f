"""What ffprobe's JSON means."""

from fractions import Fraction
from pathlib import Path

import pytest

from kernel.errors import BadRequest
from origin.ingest.probe import AudioTrack, counted, input_name, printable_path, read_source


def video(**more):
    return {"index": 0, "codec_type": "video", "width": 640, "height": 360, "avg_frame_rate": "25/1"} | more


def audio(index, **tags):
    return {"index": index, "codec_type": "audio", "channels": 2, "tags": tags}


def test_a_film():
    """Size, rate, length and sound."""
    found = {
        "streams": [video(duration="5.0", nb_frames="125", r_frame_rate="25/1"), audio(1, language="eng", title="Main")]
    }
    source = read_source(found, "x")
    assert (source.width, source.height, source.rate, source.duration) == (640, 360, Fraction(25), 5.0)
    assert source.audio == (AudioTrack(1, "eng", "Main", 2),)
    assert source.describe() == "640x360, 25 frames/s, 5.0 s, 1 audio track"


def test_the_default_picture_and_no_cover():
    """A cover is no film; of several pictures the default one, else the largest."""
    cover = video(index=3, width=3000, height=3000, disposition={"attached_pic": 1})
    streams = [video(index=1), video(index=2, width=1280, height=720), cover]
    assert read_source({"streams": streams}, "x").video_index == 2
    streams[0]["disposition"] = {"default": 1}
    assert read_source({"streams": streams}, "x").video_index == 1


@pytest.mark.parametrize(
    ("more", "size"),
    [
        ({"side_data_list": [{"rotation": -90}]}, (360, 640)),
        ({"side_data_list": [{"other": 1}, {"rotation": 180}]}, (640, 360)),
        ({"sample_aspect_ratio": "1:2"}, (320, 360)),
        ({"sample_aspect_ratio": "0:1"}, (640, 360)),
        ({"sample_aspect_ratio": "N/A"}, (640, 360)),
    ],
)
def test_as_it_is_to_be_seen(more, size):
    """Rotation and pixel shape are taken in."""
    source = read_source({"streams": [video(**more)]}, "x")
    assert (source.width, source.height) == size


@pytest.mark.parametrize(
    ("stream", "container", "seconds"),
    [
        ({"duration": "5.5"}, {"duration": "9"}, 5.5),
        ({"tags": {"DURATION": "00:01:05.500000000"}}, {"duration": "9"}, 65.5),
        ({"duration": "N/A"}, {"duration": "9"}, 9.0),
        ({}, {}, None),
        ({"duration": "-5"}, {}, None),
        ({"duration": "inf"}, {}, None),
    ],
)
def test_duration(stream, container, seconds):
    """The picture's own, else the container's, else unknown."""
    assert read_source({"streams": [video(**stream)], "format": container}, "x").duration == seconds


@pytest.mark.parametrize(
    ("tag", "language"),
    [
        ("eng", "eng"),
        ("en-US", "en"),
        ("DE", "de"),
        ("xx", "und"),
        ("", "und"),
        ("e,g", "und"),
        ("é", "und"),
        ("english", "und"),
    ],
)
def test_language(tag, language):
    """Only what the packager takes; never what would end its field."""
    assert read_source({"streams": [video(), audio(1, language=tag)]}, "x").audio[0].language == language


@pytest.mark.parametrize(
    ("streams", "reason"),
    [
        ([], "neither"),
        ([audio(0)], "sound but no picture"),
        ([video(width=0)], "neither"),
        ([video(width=70000, height=1000)], "too large"),
    ],
)
def test_no_film(streams, reason):
    """One sentence says why."""
    with pytest.raises(BadRequest, match=reason):
        read_source({"streams": streams}, "x")


def test_titles_of_tracks_are_printable_and_short():
    """They stand in playlists."""
    source = read_source({"streams": [video(), audio(1, title='a"b,c\n' + "x" * 100)]}, "x")
    assert source.audio[0].title == "abc" + "x" * 57


def test_names_as_ffmpeg_and_people_see_them():
    """Never an option, never another protocol, always printable."""
    assert input_name(Path("-x.mp4")).startswith("file:/")
    assert printable_path(Path("a\udcff\n.mp4")) == "'a�\\n.mp4'"
    assert [counted(1, "file"), counted(2, "file")] == ["1 file", "2 files"]
