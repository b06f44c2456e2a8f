import struct

import pytest

from kernel.media.playlist import ByteRange
from loadtest.player.dash import read_dash
from loadtest.player.presentation import Part, UnplayableManifest
from loadtest.player.sidx import read_sidx

MPD = '<MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="{type}" mediaPresentationDuration="PT{seconds}S">{inner}</MPD>'


def mpd(inner, *, kind="static", seconds=10, before=""):
    period = f"{before}<Period>{inner}</Period>" if "<Period" not in inner else inner
    return MPD.format(type=kind, seconds=seconds, inner=period).encode()


def video(addressing, *, more=""):
    return (
        f'<AdaptationSet contentType="video">{addressing}'
        f'<Representation id="v1" bandwidth="800000" height="360"/>'
        f'<Representation id="v2" bandwidth="3000000" height="720"/>{more}</AdaptationSet>'
    )


def segments(data, rung=0):
    return read_dash(data).rungs[rung].sources[0].video.timeline.segments


BY_NUMBER = (
    '<SegmentTemplate media="$RepresentationID$/$Number%05d$.m4s" initialization="$RepresentationID$/i.mp4" {}/>'
)


def test_by_number_and_duration():
    found = segments(mpd(video(BY_NUMBER.format('timescale="10" duration="40" startNumber="7"'))))
    assert [one.part.uri for one in found] == ["v1/00007.m4s", "v1/00008.m4s", "v1/00009.m4s"]
    assert [(one.start, one.duration) for one in found] == [(0, 4), (4, 4), (8, 2)]
    assert found[0].init == Part("v1/i.mp4")


def test_by_time_and_timeline():
    timeline = '<SegmentTimeline><S t="100" d="40" r="1"/><S d="20"/></SegmentTimeline>'
    template = (
        f'<SegmentTemplate timescale="10" presentationTimeOffset="100" media="$Time$.m4s">{timeline}</SegmentTemplate>'
    )
    found = segments(mpd(video(template)))
    assert [(one.part.uri, one.start, one.duration) for one in found] == [
        ("100.m4s", 0, 4),
        ("140.m4s", 4, 4),
        ("180.m4s", 8, 2),
    ]


def test_an_open_repetition_runs_to_the_end_of_the_period():
    timeline = '<SegmentTimeline><S t="0" d="3" r="-1"/></SegmentTimeline>'
    found = segments(mpd(video(f'<SegmentTemplate media="$Number$">{timeline}</SegmentTemplate>')))
    assert [one.start for one in found] == [0, 3, 6, 9]


def test_segment_list():
    listed = (
        '<SegmentList duration="5"><Initialization sourceURL="i"/><SegmentURL media="a"/>'
        '<SegmentURL media="b" mediaRange="5-9"/></SegmentList>'
    )
    found = segments(mpd(video(listed)))
    assert [one.part for one in found] == [Part("a"), Part("b", ByteRange(5, 5))]
    assert [one.start for one in found] == [0, 5]


def test_segment_base_needs_its_index():
    one = (
        '<AdaptationSet mimeType="video/mp4"><Representation id="v" bandwidth="9"><BaseURL>v.mp4'
        '</BaseURL><SegmentBase indexRange="700-767"><Initialization range="0-699"/></SegmentBase>'
        "</Representation></AdaptationSet>"
    )
    track = read_dash(mpd(one)).rungs[0].sources[0].video
    assert track.timeline is None
    assert track.bases == ("v.mp4",)
    assert track.playlist.sidx
    assert track.playlist.part == Part("", ByteRange(700, 68))
    assert track.playlist.init == Part("", ByteRange(0, 700))


def test_a_sidx_box_is_a_timeline():
    rows = b"".join(struct.pack(">III", size, 4000, 0x90000000) for size in (1000, 900))
    box = struct.pack(">I4sB3xIIIIHH", 32 + len(rows), b"sidx", 0, 1, 1000, 0, 0, 0, 2) + rows
    found = read_sidx(box, 700, Part("", ByteRange(0, 700))).segments
    assert [(one.part.byte_range, one.start, one.duration) for one in found] == [
        (ByteRange(700 + len(box), 1000), 0, 4),
        (ByteRange(700 + len(box) + 1000, 900), 4, 4),
    ]


@pytest.mark.parametrize("data", [b"", b"\0" * 40, struct.pack(">I4sB3xIIIIHH", 32, b"sidx", 0, 1, 1, 0, 0, 0, 9)])
def test_a_broken_sidx_is_refused(data):
    with pytest.raises(UnplayableManifest, match="sidx"):
        read_sidx(data, 0, None)


def test_audio_is_the_best_up_to_a_bound_and_trick_play_is_left_out():
    sound = (
        '<AdaptationSet contentType="audio"><SegmentTemplate media="$RepresentationID$" duration="5"/>'
        '<Representation id="a1" bandwidth="64000"/><Representation id="a2" bandwidth="128000"/>'
        '<Representation id="a3" bandwidth="640000"/></AdaptationSet>'
    )
    trick = (
        '<AdaptationSet contentType="video">'
        '<EssentialProperty schemeIdUri="http://dashif.org/guidelines/trickmode"/>'
        '<SegmentTemplate media="t" duration="5"/><Representation id="t" bandwidth="1"/></AdaptationSet>'
    )
    found = read_dash(mpd(trick + video(BY_NUMBER.format('duration="4"')) + sound))
    assert [rung.bandwidth for rung in found.rungs] == [800_000, 3_000_000]
    assert found.rungs[0].sources[0].audio.id == "audio/a2"


def test_service_locations_are_pathways():
    bases = (
        '<BaseURL serviceLocation="A">https://a.example/</BaseURL>'
        '<BaseURL serviceLocation="B">https://b.example/</BaseURL>'
    )
    steering = '<ContentSteering defaultServiceLocation="B" queryBeforeStart="true">/steer</ContentSteering>'
    found = read_dash(mpd(video(BY_NUMBER.format('duration="4"')), before=bases + steering))
    assert found.pathways == ("A", "B")
    assert found.rungs[0].source("B").video.bases == ("https://b.example/",)
    assert found.steering == ("/steer", "B", True)


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (mpd("", kind="dynamic"), "live DASH"),
        (mpd("<Period/><Period/>"), "2 Periods"),
        (mpd(""), "no video"),
        (mpd(video("")), "neither segments nor an index"),
        (mpd(video('<SegmentTemplate media="$Number$"/>')), "no SegmentTimeline, durations"),
        (mpd(video('<SegmentTemplate media="$Number$" duration="1" timescale="99999999"/>')), "more than"),
        (mpd(video('<SegmentTemplate media="$Number$" duration="x"/>')), "whole number"),
        (mpd(video("<SegmentTemplate media='T'><SegmentTimeline><S/></SegmentTimeline></SegmentTemplate>")), "an S"),
        (b"<html/>", "root element"),
        (b"<!DOCTYPE x []><MPD/>", "document type"),
        (b"{}", "MPD"),
    ],
)  # fmt: skip
def test_unplayable_manifests_are_refused_by_name(data, said):
    with pytest.raises(UnplayableManifest, match=said):
        read_dash(data)
