"""What a manifest says besides the names of segments: groups, kinds, times, keys."""

import pytest

from kernel.media.dash_manifest import BaseUrl, ContentSteering, Part, read_manifest
from kernel.media.playlist import ByteRange

HEAD = '<MPD xmlns="urn:mpeg:dash:schema:mpd:2011" xmlns:cenc="urn:mpeg:cenc:2013" mediaPresentationDuration="PT10S">'


def groups(inside: str):
    (period,) = read_manifest(f"{HEAD}<Period>{inside}</Period></MPD>".encode()).periods
    return period.groups


def only(inside: str):
    ((one,),) = [group.representations for group in groups(f"<AdaptationSet>{inside}</AdaptationSet>")]
    return one


@pytest.mark.parametrize(
    ("attributes", "kind"),
    [
        ('contentType="video"', "video"),
        ('mimeType="audio/mp4"', "audio"),
        ('mimeType="text/vtt"', "text"),
        ('mimeType="application/ttml+xml"', "text"),
        ('mimeType="application/mp4" codecs="stpp.ttml.im1t"', "text"),
        ("", ""),
    ],
)
def test_the_kind_of_a_group(attributes, kind):
    (group,) = groups(f'<AdaptationSet {attributes}><Representation id="1"/></AdaptationSet>')
    assert group.kind == kind


def test_a_group_says_language_roles_keys_and_trick_play():
    kid = "00112233-4455-6677-8899-aabbccddeeff"
    protection = f'<ContentProtection schemeIdUri="urn:mpeg:dash:mp4protection:2011" cenc:default_KID="{kid}"/>'
    trick = '<SupplementalProperty schemeIdUri="http://dashif.org/guidelines/trickmode"/>'
    one, other = groups(
        f'<AdaptationSet lang="de"><Role value="main"/>{protection}'
        f'<Representation id="1" height="720">{protection}</Representation></AdaptationSet>'
        f'<AdaptationSet height="360">{trick}<Representation id="2"/></AdaptationSet>'
    )
    assert (one.language, one.roles, one.key_ids, one.is_trick_play) == ("de", ("main",), (kid,), False)
    assert other.is_trick_play
    assert (one.representations[0].height, other.representations[0].height) == (720, 360)


def test_segments_have_their_times_and_the_last_ends_with_the_period():
    one = only(
        '<Representation id="1"><SegmentTemplate media="$Number$" duration="40" timescale="10"/></Representation>'
    )
    assert [(timed.start, timed.duration) for timed in one.segments()] == [(0, 4), (4, 4), (8, 2)]


def test_an_offset_moves_names_and_not_times():
    template = '<SegmentTemplate media="$Time$" duration="5" presentationTimeOffset="100"/>'
    found = list(only(f'<Representation id="1">{template}</Representation>').segments())
    assert [(timed.part.uri, timed.start) for timed in found] == [("100", 0), ("105", 5)]


def test_a_list_without_durations_has_equal_ones():
    rows = "<SegmentList><SegmentURL media='a'/><SegmentURL media='b' mediaRange='0-9'/></SegmentList>"
    found = list(only(f'<Representation id="1">{rows}</Representation>').segments())
    assert [(timed.part, timed.duration) for timed in found] == [(Part("a"), 5), (Part("b", ByteRange(0, 10)), 5)]


def test_an_inner_level_overrides_an_outer_one():
    outer = (
        '<SegmentTemplate timescale="10" media="outer-$Number$" duration="50" initialization="$RepresentationID$.i"/>'
    )
    one = only(f'{outer}<Representation id="v"><SegmentTemplate media="inner-$Number$"/></Representation>')
    assert [timed.part.uri for timed in one.segments()] == ["inner-1", "inner-2"]
    assert one.init == Part("v.i")


def test_an_index_and_alternative_addresses():
    one = only('<Representation id="v"><BaseURL>v.mp4</BaseURL><SegmentBase indexRange="7-9"/></Representation>')
    assert (one.kind, one.index, one.bases) == ("SegmentBase", ByteRange(7, 3), ("v.mp4",))
    assert list(one.segments()) == []
    top = '<BaseURL serviceLocation="A">https://a/</BaseURL><BaseURL>b/</BaseURL>'
    top += '<ContentSteering defaultServiceLocation="A">/steer</ContentSteering>'
    manifest = read_manifest(f"{HEAD}{top}</MPD>".encode())
    assert manifest.bases == (BaseUrl("https://a/", "A"), BaseUrl("b/"))
    assert manifest.steering == ContentSteering("/steer", "A", False)


def test_live_is_refused_by_name():
    with pytest.raises(ValueError, match="live DASH"):
        read_manifest(b'<MPD type="dynamic"/>')
