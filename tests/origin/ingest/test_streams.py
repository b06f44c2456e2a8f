"""Which streams of a file are the film."""

import pytest

from kernel.errors import BadRequest
from origin.encode.source import DropReason
from origin.ingest.streams import choose_streams
from origin.ingest.timeline import Timeline

DECODABLE = {"h264", "mjpeg", "aac", "ac3", "subrip", "mov_text", "hdmv_pgs_subtitle"}


def video(index=0, **more):
    return {"index": index, "codec_type": "video", "codec_name": "h264", "width": 640, "height": 360} | more


def audio(index, codec="aac", disposition=(), **tags):
    flags = dict.fromkeys(disposition, 1)
    found = {"index": index, "codec_type": "audio", "codec_name": codec, "channels": 2}
    return found | {"tags": tags, "disposition": flags}


def choose(*streams, frames=100, **more):
    timelines = {}
    for one in streams:
        timeline = timelines[one["index"]] = Timeline()
        timeline.packets = 1 if one.get("codec_name") == "mjpeg" else frames
    return choose_streams({"streams": streams} | more, timelines, DECODABLE, "x")


def dropped(chosen):
    return [(one.what, one.reason) for one in chosen.dropped]


def test_the_default_picture_and_no_cover():
    """Of several pictures the default one, else the largest; a cover is none, flagged or not."""
    flagged = video(3, width=3000, height=3000, disposition={"attached_pic": 1})
    bare = video(4, width=3000, height=3000, codec_name="mjpeg", disposition={"default": 1})
    streams = [video(1), video(2, width=1280, height=720), flagged, bare]
    chosen = choose(*streams)
    assert chosen.video["index"] == 2
    assert dropped(chosen) == [
        ("stream 1 (video, h264)", DropReason.ANOTHER_PICTURE),
        ("stream 3 (video, h264)", DropReason.ATTACHED_PICTURE),
        ("stream 4 (video, mjpeg)", DropReason.ATTACHED_PICTURE),
    ]
    streams[0]["disposition"] = {"default": 1}
    assert choose(*streams).video["index"] == 1


def test_a_song_with_a_cover_is_no_film():
    """Though its cover is not flagged."""
    with pytest.raises(BadRequest, match="sound but no picture"):
        choose(video(codec_name="mjpeg"), audio(1))


def test_sound_of_an_unknown_codec_is_left_out():
    """iPhones write spatial sound besides AAC; only where there is nothing else is the film refused."""
    spatial = audio(2, codec="unknown", language="eng") | {"channels": 0}
    chosen = choose(video(), audio(1), spatial)
    assert [one.index for one in chosen.audio] == [1]
    assert dropped(chosen) == [("stream 2 (audio, unknown, eng)", DropReason.UNKNOWN_CODEC)]
    with pytest.raises(BadRequest, match=r"its sound \(unknown\) cannot be decoded"):
        choose(video(), spatial)


def test_a_transport_stream_with_two_programmes():
    """The sound is that of the picture's programme."""
    programs = [{"streams": [{"index": 0}, {"index": 1}]}, {"streams": [{"index": 2}, {"index": 3}]}]
    chosen = choose(video(0), audio(1), video(2, width=1280, height=720), audio(3), programs=programs)
    assert (chosen.video["index"], [one.index for one in chosen.audio]) == (2, [3])
    assert {one.reason for one in chosen.dropped} == {DropReason.ANOTHER_PROGRAMME}


def test_dispositions_are_kept():
    """Commentary, description, and what is for the hard of hearing."""
    chosen = choose(video(), audio(1, disposition=["comment"]), audio(2, disposition=["default", "visual_impaired"]))
    assert chosen.audio[0].disposition.commentary
    assert chosen.audio[1].disposition.default
    assert chosen.audio[1].disposition.visual_impaired


def test_subtitles_are_text_or_named():
    """Pictures of text cannot become text."""
    text = {"index": 1, "codec_type": "subtitle", "codec_name": "subrip", "disposition": {"forced": 1}}
    pictures = {"index": 2, "codec_type": "subtitle", "codec_name": "hdmv_pgs_subtitle"}
    unknown = {"index": 3, "codec_type": "subtitle", "codec_name": "dvb_teletext"}
    data = {"index": 4, "codec_type": "data", "codec_tag_string": "tmcd"}
    chosen = choose(video(), text, pictures, unknown, data)
    assert [(one.index, one.disposition.forced) for one in chosen.text] == [(1, True)]
    assert [reason for _, reason in dropped(chosen)] == [
        DropReason.BITMAP_SUBTITLE,
        DropReason.UNKNOWN_CODEC,
        DropReason.DATA,
    ]


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
    assert choose(video(), audio(1, language=tag)).audio[0].language == language


def test_titles_of_tracks_are_printable_and_short():
    """They stand in playlists."""
    assert choose(video(), audio(1, title='a"b,c\n' + "x" * 100)).audio[0].title == "abc" + "x" * 57


@pytest.mark.parametrize(
    ("streams", "reason"), [([], "neither"), ([audio(0)], "sound but no picture"), ([video(width=0)], "neither")]
)
def test_no_film(streams, reason):
    """One sentence says why."""
    with pytest.raises(BadRequest, match=reason):
        choose(*streams)
