"""Top files that say steering: the same for everybody, or with absolute addresses."""

from __future__ import annotations

from urllib.parse import urljoin

import pytest
from defusedxml import ElementTree

from kernel.media.mpd import parse_mpd
from kernel.media.playlist import attributes, parse_multivariant
from kernel.media.steering import HERE, steered_manifest, steered_playlist, steering_url

MASTER = """#EXTM3U
#EXT-X-INDEPENDENT-SEGMENTS
#EXT-X-MEDIA:TYPE=AUDIO,URI="a_en/main.m3u8",GROUP-ID="aud",NAME="en",DEFAULT=YES
#EXT-X-STREAM-INF:BANDWIDTH=1000,AUDIO="aud"
v480/main.m3u8
#EXT-X-STREAM-INF:BANDWIDTH=2000,AUDIO="aud"
v720/main.m3u8
#EXT-X-I-FRAME-STREAM-INF:BANDWIDTH=100,URI="v480/iframe.m3u8"
"""
MPD = b"""<?xml version="1.0"?>
<MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static" mediaPresentationDuration="PT8S">
<ProgramInformation/><Period><AdaptationSet><Representation id="v"><SegmentTemplate duration="4" startNumber="1"
initialization="v480/init.mp4" media="v480/$Number$.m4s"/></Representation></AdaptationSet></Period></MPD>"""
EDGES = {"e1": "http://10.0.0.1/t/x/cdn/eu/film/", "e2": "http://10.0.0.2/t/x/cdn/eu/film/"}
SERVER = "http://gate/steering/film"


def test_where_to_ask():
    assert steering_url("http://gate", "film", dash=False) == SERVER
    assert steering_url("http://gate", "film", dash=True) == f"{SERVER}?manifest=dash"


def test_a_playlist_for_everybody_has_one_pathway_and_relative_addresses():
    text = steered_playlist(MASTER, SERVER, {HERE: ""})
    assert f'#EXT-X-CONTENT-STEERING:SERVER-URI="{SERVER}",PATHWAY-ID="here"' in text.splitlines()
    named = [line for line in text.splitlines() if "STREAM-INF" in line]
    assert len(named) == 3
    assert all(line.endswith(',PATHWAY-ID="here"') for line in named)
    assert text.replace(',PATHWAY-ID="here"', "").splitlines()[3:] == MASTER.splitlines()[2:]
    assert [one.uri for one in parse_multivariant(text).variants] == [
        one.uri for one in parse_multivariant(MASTER).variants
    ]


def test_said_anew_it_replaces_what_was_said():
    once = steered_playlist(MASTER, SERVER, {HERE: ""})
    assert steered_playlist(steered_playlist(MASTER, "http://old/s", {"a": ""}), SERVER, {HERE: ""}) == once


def test_with_absolute_addresses_each_edge_has_its_own_variants_and_groups():
    text = steered_playlist(steered_playlist(MASTER, SERVER, {HERE: ""}), SERVER, EDGES)
    assert 'PATHWAY-ID="here"' not in text
    variants = parse_multivariant(text).variants
    for name, base in EDGES.items():
        assert {urljoin(base, "v480/main.m3u8"), urljoin(base, "v720/main.m3u8")} <= {one.uri for one in variants}
        assert f'URI="{base}a_en/main.m3u8",GROUP-ID="aud-{name}"' in text
        lines = [line for line in text.splitlines() if f'PATHWAY-ID="{name}"' in line and "AUDIO" in line]
        assert {attributes(line.partition(":")[2])["AUDIO"] for line in lines} == {f"aud-{name}"}
    assert f'{SERVER}",PATHWAY-ID="e1"' in text, "the first is where to begin"


def test_a_manifest_for_everybody():
    made = steered_manifest(MPD, f"{SERVER}?manifest=dash", {HERE: ""})
    root = ElementTree.fromstring(made)
    tags = [child.tag.rpartition("}")[2] for child in root]
    assert tags == ["ProgramInformation", "BaseURL", "ContentSteering", "Period"]
    assert (root[1].text, root[1].get("serviceLocation")) == ("./", "here")
    assert (root[2].text, root[2].get("defaultServiceLocation")) == (f"{SERVER}?manifest=dash", "here")
    assert [part.uri for part in parse_mpd(made)[0].segments] == [part.uri for part in parse_mpd(MPD)[0].segments]
    assert steered_manifest(made, f"{SERVER}?manifest=dash", {HERE: ""}) == made


def test_a_manifest_with_absolute_addresses():
    root = ElementTree.fromstring(steered_manifest(MPD, f"{SERVER}?a=1&b=2", EDGES))
    places = [(child.get("serviceLocation"), child.text) for child in root if child.tag.endswith("BaseURL")]
    assert places == list(EDGES.items())
    assert root.find("{*}ContentSteering").text == f"{SERVER}?a=1&b=2"


@pytest.mark.parametrize("data", [b"", b"<MPD", b"<!DOCTYPE x [<!ENTITY a 'b'>]><MPD>&a;</MPD>"])
def test_what_is_no_manifest_is_refused(data):
    with pytest.raises(ValueError, match="not an MPD"):
        steered_manifest(data, SERVER, EDGES)
