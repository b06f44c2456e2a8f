"""The facts of the MPD schema."""

import pytest

from origin.verify.mpd_schema import MAX_FINDINGS, SCHEMA, check_mpd

HEAD = (
    '<MPD xmlns="urn:mpeg:dash:schema:mpd:2011" profiles="urn:mpeg:dash:profile:isoff-live:2011" minBufferTime="PT2S"'
)
SHOWN = '<Representation id="1" bandwidth="9"><SegmentTemplate media="$Number$.m4s"/></Representation>'


def document(inside="", *, more="", period="<Period>{}</Period>"):
    return f"{HEAD}{more}>{period.format(inside)}</MPD>".encode()


@pytest.mark.parametrize(
    "data",
    [
        document(),
        document(f"<AdaptationSet><Label>x</Label><Role schemeIdUri='u'/>{SHOWN}</AdaptationSet>"),
        document(more=' type="static" mediaPresentationDuration="PT1H2M3.5S"'),
        document('<AdaptationSet xmlns:o="urn:o" o:more="1"><o:thing><o:inside/></o:thing></AdaptationSet>'),
        document(period='<BaseURL serviceLocation="here">./</BaseURL><ContentSteering>u</ContentSteering><Period/>'),
        document('<AdaptationSet frameRate="24000/1001" par="16:9" lang="pt-BR" startWithSAP="1"/>'),
    ],
)
def test_what_the_schema_allows(data):
    """Of other namespaces, anything."""
    assert check_mpd(data) == []


@pytest.mark.parametrize(
    ("data", "fault"),
    [
        (document(more=' type="vod"'), "MPD: @type 'vod' is no presentation type"),
        (document(more=' mediaPresentationDuration="12.5"'), "@mediaPresentationDuration '12.5' is no duration"),
        (document(more=' mediaPresentationDuration="PT"'), "is no duration"),
        (document(period=""), "MPD: no Period"),
        (document("<AdaptationSet frameRate='25.0'/>"), "@frameRate '25.0' is no frame rate"),
        (
            document("<AdaptationSet><Role schemeIdUri='u'/><Label>x</Label></AdaptationSet>"),
            "Label stands behind Role",
        ),
        (document("<AdaptationSet><Role/></AdaptationSet>"), "AdaptationSet[1]/Role[1]: no @schemeIdUri"),
        (document("<AdaptationSet><Representation id='1'/></AdaptationSet>"), "no @bandwidth"),
        (document("<AdaptationSet><Representation id='a b' bandwidth='1'/></AdaptationSet>"), "@id 'a b' is no words"),
        (document("<AdaptationSet codec='x'/>"), "@codec is not allowed"),
        (document("<Representation/>"), "Representation is not allowed in Period"),
        (document("<AdaptationSet>text</AdaptationSet>"), "has text"),
        (document("<AdaptationSet contentType='sound'/>"), "is no content type"),
        (document(f"<SegmentTemplate/><SegmentTemplate/>{''}"), "2 of SegmentTemplate, 1 at most"),
        (b"<MPD/>", "not MPD"),
        (b"<MPD", "is not XML"),
    ],
)
def test_what_it_does_not(data, fault):
    """Each fault names the path of its element."""
    assert [one for one in check_mpd(data) if fault in one], check_mpd(data)


def test_findings_are_bounded():
    assert len(check_mpd(document("<Representation/>" * 1000))) == MAX_FINDINGS


def test_every_child_that_is_listed_is_known_or_of_no_use_here():
    """An element that our manifests have and the facts do not would be reported at once."""
    assert {"AdaptationSet", "Representation", "SegmentTemplate", "SegmentTimeline"} <= SCHEMA.keys()
