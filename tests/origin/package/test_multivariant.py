"""The multivariant playlist of a plan."""

import msgspec
import pytest

from kernel.media.playlist import parse_multivariant
from origin.encode.profile import Codec
from origin.encode.source import Dynamic
from origin.package.multivariant import IFrameRates, audio_groups, write_multivariant
from origin.package.packaged_track import PackagedTrack
from tests.origin.encoded_film import make_plan

PLAN = make_plan()
BITS = {"v240": 400, "v360": 800, "a_eng": 128, "a_fra": 128, "a_fra_51": 384}


def packaged(plan, bits=BITS):
    """Tracks of two segments at these kbit/s."""
    codecs = {"v": "avc1.64001e", "a": "mp4a.40.2"}
    return {
        name: PackagedTrack(name, codecs[name[0]], 1000, (4000, 4000), (kbit * 500, kbit * 250))
        for name, kbit in bits.items()
    }


def written(plan=PLAN, tracks=None):
    i_frames = {rung.name: IFrameRates(90_000, 80_000) for rung in plan.rungs}
    folders = {track.name: track.name for track in plan.text}
    return parse_multivariant(write_multivariant(plan, tracks or packaged(plan), i_frames, folders, None))


def test_variants_say_what_they_are():
    """Peaks are sums of the peaks of what plays together; stereo comes first."""
    playlist = written()
    assert playlist.independent
    shown = [one for one in playlist.variants if not one.i_frames]
    assert [(one.uri, one.attributes["AUDIO"]) for one in shown] == [
        ("v240/main.m3u8", "aud"),
        ("v360/main.m3u8", "aud"),
        ("v240/main.m3u8", "aud-51"),
        ("v360/main.m3u8", "aud-51"),
    ]
    assert [one.bandwidth for one in shown] == [528_000, 928_000, 784_000, 1_184_000]
    assert shown[1].attributes == {
        "BANDWIDTH": "928000",
        "AVERAGE-BANDWIDTH": "696000",
        "CODECS": "avc1.64001e,mp4a.40.2",
        "RESOLUTION": "640x360",
        "FRAME-RATE": "25.000",
        "VIDEO-RANGE": "SDR",
        "AUDIO": "aud",
        "SUBTITLES": "subs",
        "CLOSED-CAPTIONS": "NONE",
    }
    i_frames = [one for one in playlist.variants if one.i_frames]
    assert [one.uri for one in i_frames] == ["v240/iframe.m3u8", "v360/iframe.m3u8"]
    assert i_frames[0].attributes["CODECS"] == "avc1.64001e"


def test_each_group_has_every_language():
    """5.1 where there is some, else stereo, so that no language is lost with the group."""
    lines = [line for line in written().media if line["TYPE"] == "AUDIO"]
    found = [(line["GROUP-ID"], line["NAME"], line["CHANNELS"], line["URI"]) for line in lines]
    assert found == [
        ("aud", "English", "2", "a_eng/main.m3u8"),
        ("aud", "Le film, commenté", "2", "a_fra/main.m3u8"),
        ("aud-51", "English", "2", "a_eng/main.m3u8"),
        ("aud-51", "Le film, commenté", "6", "a_fra_51/main.m3u8"),
    ]
    assert [line["DEFAULT"] for line in lines] == ["YES", "NO", "YES", "NO"]
    assert [line["AUTOSELECT"] for line in lines] == ["YES", "NO", "YES", "NO"]


def test_subtitles_are_a_group():
    (line,) = [line for line in written().media if line["TYPE"] == "SUBTITLES"]
    assert (line["LANGUAGE"], line["FORCED"], line["DEFAULT"]) == ("en", "NO", "NO")
    assert "transcribes-spoken-dialog" in line["CHARACTERISTICS"]


def test_a_film_without_sound_and_subtitles_names_no_group():
    silent = msgspec.structs.replace(PLAN, audio=(), text=())
    playlist = written(silent)
    assert not playlist.media
    assert not {"AUDIO", "SUBTITLES"} & set(playlist.variants[0].attributes)
    assert playlist.variants[0].attributes["CODECS"] == "avc1.64001e"
    assert audio_groups(()) == ()


@pytest.mark.parametrize(("dynamic", "word"), [(Dynamic.HDR10, "PQ"), (Dynamic.HLG, "HLG")])
def test_hdr_rungs_follow_the_sdr_ones_and_say_so(dynamic, word):
    """`VIDEO-RANGE=PQ` never stands beside `avc1`."""
    hdr = msgspec.structs.replace(PLAN.rungs[1], name="v360hdr", group="hdr", codec=Codec.HEVC, dynamic=dynamic)
    plan = msgspec.structs.replace(PLAN, rungs=(*PLAN.rungs, hdr))
    tracks = packaged(plan) | {"v360hdr": PackagedTrack("v360hdr", "hvc1.2.4.L63.B0", 1000, (4000,), (1000,))}
    shown = [one for one in written(plan, tracks).variants if not one.i_frames]
    ranges = [(one.attributes["CODECS"][:4], one.attributes["VIDEO-RANGE"]) for one in shown]
    assert ranges == [("avc1", "SDR")] * 4 + [("hvc1", word)] * 2
