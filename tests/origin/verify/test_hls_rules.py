"""The rules of RFC 8216 that playlists must keep."""

import pytest

from origin.verify.hls_rules import check_media, check_multivariant

TOP = """#EXTM3U
#EXT-X-VERSION:6
#EXT-X-INDEPENDENT-SEGMENTS
#EXT-X-SESSION-KEY:METHOD=SAMPLE-AES,URI="skd://a",KEYFORMAT="com.apple.streamingkeydelivery"
#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="aud",NAME="English",DEFAULT=YES,AUTOSELECT=YES,URI="a_eng/main.m3u8"
#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="aud",NAME="French",DEFAULT=NO,AUTOSELECT=YES,URI="a_fra/main.m3u8"
#EXT-X-MEDIA:TYPE=SUBTITLES,GROUP-ID="subs",NAME="English",FORCED=NO,URI="s_eng/main.m3u8"
#EXT-X-STREAM-INF:BANDWIDTH=900,AVERAGE-BANDWIDTH=800,CODECS="avc1.64001e",RESOLUTION=640x360,FRAME-RATE=25.000,\
VIDEO-RANGE=SDR,AUDIO="aud",SUBTITLES="subs"
v360/main.m3u8
#EXT-X-I-FRAME-STREAM-INF:BANDWIDTH=90,CODECS="avc1.64001e",RESOLUTION=640x360,URI="v360/iframe.m3u8"
"""
MEDIA = """#EXTM3U
#EXT-X-VERSION:6
#EXT-X-TARGETDURATION:4
#EXT-X-PLAYLIST-TYPE:VOD
#EXT-X-MAP:URI="init.mp4"
#EXT-X-KEY:METHOD=SAMPLE-AES,URI="skd://a",KEYFORMAT="com.apple.streamingkeydelivery"
#EXTINF:4.004,
00001.m4s
#EXTINF:4.49,
00002.m4s
#EXT-X-ENDLIST
"""


def test_what_keeps_the_rules():
    for check, text in ((check_multivariant, TOP), (check_media, MEDIA)):
        playlist, faults = check(text)
        assert playlist is not None
        assert faults == []


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        ("#EXTM3U", "#EXTM3", "starts with #EXTM3U"),
        ('NAME="French"', 'NAME="English"', "2 renditions named 'English'"),
        ('NAME="French",DEFAULT=NO', 'NAME="French",DEFAULT=YES', "more than one DEFAULT=YES"),
        ("DEFAULT=YES,AUTOSELECT=YES", "DEFAULT=YES,AUTOSELECT=NO", "AUTOSELECT must be YES"),
        ('NAME="French",', "", "without NAME"),
        (',FORCED=NO,URI="s_eng/main.m3u8"', "", "subtitles without URI"),
        ('NAME="French",', 'NAME="French",FORCED=YES,', "FORCED is for SUBTITLES"),
        ('URI="a_fra/main.m3u8"', 'URI="/a_fra/main.m3u8"', "not below the title"),
        ("v360/main.m3u8", "../v360/main.m3u8", "not below the title"),
        ('AUDIO="aud"', 'AUDIO="other"', "names no group"),
        ("BANDWIDTH=900", "BANDWIDTH=700", "AVERAGE-BANDWIDTH 800 is above"),
        ("BANDWIDTH=900,", "", "no BANDWIDTH"),
        ('CODECS="avc1.64001e",RESOLUTION=640x360,F', "RESOLUTION=640x360,F", "no CODECS"),
        ("RESOLUTION=640x360,F", "RESOLUTION=640,F", "no RESOLUTION"),
        ("FRAME-RATE=25.000", "FRAME-RATE=25/1", "no decimal"),
        ("VIDEO-RANGE=SDR", "VIDEO-RANGE=PQ", "with avc1"),
        ("#EXT-X-VERSION:6", "#EXT-X-VERSION:6\n#EXT-X-VERSION:7", "stands 2 times"),
        ("#EXT-X-VERSION:6", "#EXT-X-TARGETDURATION:4", "the other kind of playlist"),
        ("METHOD=SAMPLE-AES", "METHOD=NONE", "no METHOD that is known"),
        ("#EXT-X-INDEPENDENT-SEGMENTS", TOP.splitlines()[3], "stands twice"),
        ("v360/main.m3u8\n", "", "must be followed by its URI"),
    ],
)
def test_what_breaks_them_in_a_multivariant_playlist(old, new, fault):
    assert old in TOP
    _, faults = check_multivariant(TOP.replace(old, new, 1))
    assert [one for one in faults if fault in one], faults


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        ("4.49", "4.5", "above EXT-X-TARGETDURATION"),
        ("#EXT-X-ENDLIST\n", "", "EXT-X-ENDLIST"),
        ("#EXT-X-PLAYLIST-TYPE:VOD\n", "", "EXT-X-PLAYLIST-TYPE:VOD"),
        ("00002.m4s", "https://other/2.m4s", "not below its folder"),
        ("#EXT-X-VERSION:6", "#EXT-X-VERSION:5", "EXT-X-MAP needs 6"),
        ("#EXT-X-VERSION:6\n", "", "EXT-X-VERSION is 1"),
        ("#EXT-X-MAP", "#EXT-X-MEDIA:TYPE=AUDIO\n#EXT-X-MAP", "the other kind"),
        ("#EXT-X-TARGETDURATION:4\n", "", "no EXT-X-TARGETDURATION"),
        ("METHOD=SAMPLE-AES", "METHOD=ROT-13", "no METHOD that is known, or no URI"),
    ],
)
def test_what_breaks_them_in_a_media_playlist(old, new, fault):
    assert old in MEDIA
    _, faults = check_media(MEDIA.replace(old, new, 1))
    assert [one for one in faults if fault in one], faults


def test_a_playlist_without_segments():
    empty = MEDIA.split("#EXTINF", maxsplit=1)[0] + "#EXT-X-ENDLIST\n"
    assert check_media(empty)[1] == ["has no segment"]
