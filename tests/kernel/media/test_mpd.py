"""The segments of a DASH manifest, by every way of naming them."""

import pytest

from kernel.media.mpd import MAX_SEGMENTS, Part, parse_mpd
from kernel.media.playlist import ByteRange

HEAD = '<MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static" mediaPresentationDuration="PT1M0.5S">'


def mpd(inside: str, head: str = HEAD) -> bytes:
    return f"{head}<Period>{inside}</Period></MPD>".encode()


def test_numbers_with_a_width_by_duration():
    (found,) = parse_mpd(
        mpd(
            '<AdaptationSet><SegmentTemplate timescale="1000" duration="4000" startNumber="7" '
            'initialization="$RepresentationID$/init.mp4" media="$RepresentationID$/$Number%05d$.m4s"/>'
            '<Representation id="v720" bandwidth="2000"/></AdaptationSet>'
        )
    )
    assert found.init == Part("v720/init.mp4")
    assert len(found.segments) == 16
    assert [part.uri for part in found.segments][:2] == ["v720/00007.m4s", "v720/00008.m4s"]


def test_times_by_a_timeline_that_repeats_and_goes_to_the_end():
    (found,) = parse_mpd(
        mpd(
            '<AdaptationSet><Representation id="a" bandwidth="9"><SegmentTemplate timescale="10" '
            'media="$Bandwidth$-$Time$$$.m4s"><SegmentTimeline><S t="5" d="20" r="1"/><S d="40"/><S d="100" r="-1"/>'
            "</SegmentTimeline></SegmentTemplate></Representation></AdaptationSet>"
        )
    )
    assert [part.uri for part in found.segments] == [
        f"9-{time}$.m4s" for time in (5, 25, 45, 85, 185, 285, 385, 485, 585)
    ]


def test_a_list_with_ranges_and_base_urls():
    (found,) = parse_mpd(
        mpd(
            "<BaseURL>film/</BaseURL><AdaptationSet><Representation id='r'><BaseURL>all.mp4</BaseURL><SegmentList>"
            '<Initialization range="0-99"/><SegmentURL mediaRange="100-199"/><SegmentURL media="b.m4s"/>'
            "</SegmentList></Representation></AdaptationSet>"
        )
    )
    assert found.init == Part("film/all.mp4", ByteRange(0, 100))
    assert found.segments == (Part("film/all.mp4", ByteRange(100, 100)), Part("film/b.m4s"))


def test_what_has_no_names_is_left_out():
    inside = (
        '<AdaptationSet><Representation id="x"><BaseURL>x.mp4</BaseURL><SegmentBase/></Representation></AdaptationSet>'
    )
    assert parse_mpd(mpd(inside)) == ()


def one(template: str) -> bytes:
    return mpd(f"<AdaptationSet><Representation>{template}</Representation></AdaptationSet>")


@pytest.mark.parametrize(
    "data",
    [
        b"no xml",
        b"<html/>",
        b'<!DOCTYPE a [<!ENTITY b "c">]><MPD>&b;</MPD>',
        mpd("", '<MPD type="dynamic">'),
        one('<SegmentTemplate media="$Number$" duration="1" timescale="x"/>'),
        one(
            '<SegmentTemplate media="$Time$"><SegmentTimeline>'
            f'<S d="1" r="{MAX_SEGMENTS}"/></SegmentTimeline></SegmentTemplate>'
        ),
        one('<SegmentTemplate media="$Time$"><SegmentTimeline><S d="0"/></SegmentTimeline></SegmentTemplate>'),
        one('<SegmentTemplate media="$Number$" duration="1" timescale="100000"/>'),
    ],
)
def test_what_is_no_manifest(data):
    with pytest.raises(ValueError, match=r".+"):
        parse_mpd(data)


BOMBS = {
    "a template that makes long names": ('<SegmentTemplate media="' + "$Number%099d$" * 150 + '" duration="1"/>', 1),
    "a long BaseURL": ("<BaseURL>" + "b/" * 2_000 + '</BaseURL><SegmentTemplate media="a" duration="1"/>', 1),
    "a long id that a template repeats": ('<SegmentTemplate media="$RepresentationID$" duration="1"/>', 0),
    "one list for each of many": ("<SegmentList>" + "<SegmentURL/>" * 50_000 + "</SegmentList>", 50),
    "too many Representations": ('<SegmentTemplate media="a" duration="1"/>', 1_001),
}


@pytest.mark.parametrize("name", BOMBS)
def test_a_manifest_that_grows_beyond_its_length_is_refused(name):
    inside, count = BOMBS[name]
    text = '<Representation id="a"/>' * count or f'<Representation id="{"i" * 300}"/>'
    group = f"<AdaptationSet>{inside}{text}</AdaptationSet>"
    with pytest.raises(ValueError, match="more than"):
        parse_mpd(f'<MPD mediaPresentationDuration="PT9S"><Period>{group}</Period></MPD>'.encode())


def test_a_duration_beyond_all_numbers_is_none():
    text = f'<MPD mediaPresentationDuration="P{"9" * 5_000}D"><Period><AdaptationSet><Representation id="1">'
    text += '<SegmentTemplate media="a" duration="1"/></Representation></AdaptationSet></Period></MPD>'
    assert parse_mpd(text.encode())[0].segments == ()
