"""Playlists are read strictly and cut by rendition."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kernel.media.playlist import (
    ByteRange,
    Key,
    attributes,
    cut,
    is_multivariant,
    is_relative,
    parse_media,
    parse_multivariant,
)

MASTER = """#EXTM3U
## a comment

#EXT-X-INDEPENDENT-SEGMENTS

#EXT-X-MEDIA:TYPE=AUDIO,URI="a_eng/main.m3u8",GROUP-ID="aud",NAME="English, stereo",DEFAULT=YES,CHANNELS="2"
#EXT-X-STREAM-INF:BANDWIDTH=500000,CODECS="avc1.4d4015,mp4a.40.2",RESOLUTION=426x240,AUDIO="aud"
v240/main.m3u8
#EXT-X-STREAM-INF:BANDWIDTH=2000000,RESOLUTION=1280x720,AUDIO="aud"
v720/main.m3u8
#EXT-X-I-FRAME-STREAM-INF:BANDWIDTH=9000,URI="v240/iframe.m3u8"
#EXT-X-I-FRAME-STREAM-INF:BANDWIDTH=90000,URI="v720/iframe.m3u8"
"""
MEDIA = """#EXTM3U
#EXT-X-VERSION:6
#EXT-X-TARGETDURATION:4
#EXT-X-MEDIA-SEQUENCE:3
#EXT-X-PLAYLIST-TYPE:VOD
#EXT-X-MAP:URI="init.mp4"
#EXTINF:4.000,
00001.m4s
#EXTINF:3.125,a title
00002.m4s
#EXT-X-ENDLIST
"""


def test_a_multivariant_playlist():
    """Variants, sound and trick-play lists in order."""
    found = parse_multivariant(MASTER)
    assert [one.uri for one in found.variants if not one.i_frames] == ["v240/main.m3u8", "v720/main.m3u8"]
    assert found.variants[0].bandwidth == 500000
    assert found.variants[0].attributes["CODECS"] == "avc1.4d4015,mp4a.40.2"
    assert found.media[0]["NAME"] == "English, stereo"
    assert found.independent
    assert found.uris()[-1] == "a_eng/main.m3u8"
    assert is_multivariant(MASTER)
    assert not is_multivariant(MEDIA)


def test_a_media_playlist():
    """Segments with their durations, and what a VOD list must say."""
    found = parse_media(MEDIA)
    assert [(one.uri, one.duration) for one in found.segments] == [("00001.m4s", 4.0), ("00002.m4s", 3.125)]
    assert (found.init, found.target_duration, found.version, found.sequence) == ("init.mp4", 4, 6, 3)
    assert found.vod
    assert found.ended
    assert not found.i_frames_only
    assert not found.independent
    assert found.duration == pytest.approx(7.125)


def test_byte_ranges_follow_one_another():
    """A range without offset goes on where the one before ended (RFC 8216 4.3.2.2)."""
    lines = "#EXTINF:4,\n#EXT-X-BYTERANGE:10@5\na.mp4\n#EXTINF:4,\n#EXT-X-BYTERANGE:7\na.mp4\n"
    found = parse_media("#EXTM3U\n#EXT-X-TARGETDURATION:4\n#EXT-X-I-FRAMES-ONLY\n" + lines)
    assert [one.byte_range for one in found.segments] == [ByteRange(5, 10), ByteRange(15, 7)]
    assert found.i_frames_only


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "line 1"),
        ("#EXTINF:4,\na.ts\n", "line 1"),
        ("#EXTM3U\n#EXTINF:4,\na.ts\n", "TARGETDURATION"),
        ("#EXTM3U\n#EXT-X-TARGETDURATION:4\na.ts\n", "line 3: a segment without EXTINF"),
        ("#EXTM3U\n#EXT-X-TARGETDURATION:4\n#EXTINF:nan,\na.ts\n", "line 3"),
        ("#EXTM3U\n#EXT-X-TARGETDURATION:4\n#EXTINF:-1,\na.ts\n", "line 3"),
        ("#EXTM3U\n#EXT-X-TARGETDURATION:four\n", "line 2"),
        ("#EXTM3U\n#EXT-X-TARGETDURATION:4\n#EXT-X-MAP:X=1\n", "line 3"),
        ("#EXTM3U\n#EXT-X-TARGETDURATION:4\n#EXTINF:4,\n#EXT-X-BYTERANGE:9\na.ts\n", "line 5"),
        ("#EXTM3U\n" + "#\n" * 400_001, "more than"),
    ],
)
def test_what_is_no_media_playlist(text, reason):
    """Each mistake is told with its line."""
    with pytest.raises(ValueError, match=reason):
        parse_media(text)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("#EXTM3U\n", "no variant"),
        ("#EXTM3U\nv240/main.m3u8\n", "line 2"),
        ("#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1\n#EXT-X-STREAM-INF:BANDWIDTH=2\na\n", "line 3"),
        ("#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1\n", "ends before"),
        ("#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH\na\n", "malformed"),
    ],
)
def test_what_is_no_multivariant_playlist(text, reason):
    """Each mistake is told."""
    with pytest.raises(ValueError, match=reason):
        parse_multivariant(text)


def test_a_variant_without_bandwidth():
    """BANDWIDTH is required, and asked for when it is needed."""
    found = parse_multivariant("#EXTM3U\n#EXT-X-STREAM-INF:RESOLUTION=1x1\na.m3u8\n")
    with pytest.raises(ValueError, match="BANDWIDTH"):
        _ = found.variants[0].bandwidth


def test_attributes_once_each():
    """A name twice is malformed."""
    assert attributes('A=1,B="x,y" , C=z') == {"A": "1", "B": "x,y", "C": "z"}
    with pytest.raises(ValueError, match="malformed"):
        attributes("A=1,A=2")


@pytest.mark.parametrize(
    ("uri", "relative"),
    [
        ("v720/00001.m4s", True),
        ("init.mp4", True),
        ("/v720/x", False),
        ("../x", False),
        ("a/./b", False),
        ("http://h/x", False),
        ("//h/x", False),
        ("a?b", False),
        ("a\\b", False),
        ("", False),
        ("a//b", False),
    ],
)
def test_is_relative(uri, relative):
    """Only what stays below the playlist's folder."""
    assert is_relative(uri) is relative


def test_cut_keeps_what_is_wanted():
    """Variants and trick-play lists of the same rendition go together; all other lines stay."""
    text = cut(MASTER, lambda uri: uri.startswith("v240/"))
    assert parse_multivariant(text).uris() == ("v240/main.m3u8", "v240/iframe.m3u8", "a_eng/main.m3u8")
    assert "## a comment" in text
    assert "#EXT-X-INDEPENDENT-SEGMENTS" in text
    assert cut(MASTER, lambda _: True) == MASTER


@given(st.text())
def test_any_text_is_read_or_refused(text):
    """Nothing but ValueError comes out of hostile text."""
    for parse in (parse_media, parse_multivariant):
        with contextlib.suppress(ValueError):
            parse("#EXTM3U\n" + text)


@pytest.mark.parametrize("told", ["-5@0", "5@-7", "5@" + "9" * 30, "٣@0", "5_0@0", "@"])
def test_a_byte_range_that_no_file_has_is_refused(told):
    with pytest.raises(ValueError, match="line 4"):
        parse_media(
            f"#EXTM3U\n#EXT-X-TARGETDURATION:4\n#EXTINF:4,\n#EXT-X-BYTERANGE:{told}\na.m4s\n".replace(
                f"#EXT-X-BYTERANGE:{told}\na.m4s", f'#EXT-X-MAP:URI=a,BYTERANGE="{told}"\na.m4s'
            )
        )


def test_a_key_holds_for_the_segments_that_follow():
    rows = [
        "#EXTINF:4,", "1.ts", '#EXT-X-KEY:METHOD=AES-128,URI="k1",IV=0x1', "#EXTINF:4,", "2.ts", "#EXTINF:4,", "3.ts",
        '#EXT-X-KEY:METHOD=SAMPLE-AES,URI="skd://1",KEYFORMAT="com.apple.streamingkeydelivery"', "#EXTINF:4,", "4.ts",
        "#EXT-X-KEY:METHOD=NONE", "#EXTINF:4,", "5.ts",
    ]  # fmt: skip
    found = parse_media("\n".join(["#EXTM3U", "#EXT-X-TARGETDURATION:4", *rows])).segments
    apple = Key("SAMPLE-AES", "skd://1", "com.apple.streamingkeydelivery")
    assert [one.key for one in found] == [None, Key("AES-128", "k1"), Key("AES-128", "k1"), apple, None]
    with pytest.raises(ValueError, match="line 3"):
        parse_media("#EXTM3U\n#EXT-X-TARGETDURATION:4\n#EXT-X-KEY:METHOD=AES-128")
