import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kernel.media.playlist import ByteRange
from loadtest.player.hls import read_hls, read_timeline
from loadtest.player.presentation import Part, UnplayableManifest


def top(*lines):
    return "\n".join(["#EXTM3U", *lines])


def media(*lines, ended=True):
    return "\n".join(["#EXTM3U", "#EXT-X-TARGETDURATION:4", *lines, *(["#EXT-X-ENDLIST"] if ended else [])])


def test_rungs_ascend_and_the_first_listed_is_known():
    found = read_hls(
        top(
            "#EXT-X-STREAM-INF:BANDWIDTH=3000000,AVERAGE-BANDWIDTH=2500000,RESOLUTION=1280x720,CODECS=\"avc1.4d401f\"",
            "v720/main.m3u8",
            "#EXT-X-STREAM-INF:BANDWIDTH=800000,RESOLUTION=640x360",
            "v360/main.m3u8",
        )
    )  # fmt: skip
    assert [(rung.bandwidth, rung.average, rung.height) for rung in found.rungs] == [
        (800_000, 800_000, 360),
        (3_000_000, 2_500_000, 720),
    ]
    assert found.first == 1
    assert not found.dash


def test_the_default_audio_of_the_variants_group_plays_besides_it():
    found = read_hls(
        top(
            '#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="lo",NAME="fr",URI="fr.m3u8"',
            '#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="lo",NAME="en",DEFAULT=YES,URI="en.m3u8"',
            '#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="hi",NAME="en",URI="en-hi.m3u8"',
            '#EXT-X-MEDIA:TYPE=SUBTITLES,GROUP-ID="s",NAME="en",URI="subs.m3u8"',
            '#EXT-X-STREAM-INF:BANDWIDTH=1,AUDIO="lo",SUBTITLES="s"',
            "a.m3u8",
            '#EXT-X-STREAM-INF:BANDWIDTH=2,AUDIO="hi"',
            "b.m3u8",
        )
    )
    assert [rung.sources[0].audio.playlist.part.uri for rung in found.rungs] == ["en.m3u8", "en-hi.m3u8"]


@pytest.mark.parametrize(
    "media_line", ["", '#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="a",NAME="en"'], ids=["no group", "a group without URI"]
)
def test_muxed_audio_has_no_track(media_line):
    group = ',AUDIO="a"' if media_line else ""
    found = read_hls(top(*([media_line] if media_line else []), f"#EXT-X-STREAM-INF:BANDWIDTH=1{group}", "a.m3u8"))
    assert found.rungs[0].sources[0].audio is None


def test_pathways_and_redundant_streams_are_one_rung():
    named = read_hls(
        top(
            '#EXT-X-CONTENT-STEERING:SERVER-URI="/steer?s=1",PATHWAY-ID="B"',
            '#EXT-X-STREAM-INF:BANDWIDTH=1,PATHWAY-ID="A"',
            "https://a.example/v.m3u8",
            '#EXT-X-STREAM-INF:BANDWIDTH=1,PATHWAY-ID="B"',
            "https://b.example/v.m3u8",
        )
    )
    assert len(named.rungs) == 1
    assert named.pathways == ("A", "B")
    assert (named.steering.url, named.steering.pathway) == ("/steer?s=1", "B")
    redundant = read_hls(top("#EXT-X-STREAM-INF:BANDWIDTH=1", "a.m3u8", "#EXT-X-STREAM-INF:BANDWIDTH=1", "b.m3u8"))
    assert redundant.pathways == (".", "..")


def test_what_players_do_not_show_is_left_out():
    found = read_hls(
        top(
            '#EXT-X-I-FRAME-STREAM-INF:BANDWIDTH=1,URI="trick.m3u8"',
            '#EXT-X-STREAM-INF:BANDWIDTH=2,CODECS="mp4a.40.2"',
            "audio-only.m3u8",
            '#EXT-X-STREAM-INF:BANDWIDTH=9,CODECS="avc1.64001f,mp4a.40.2",RESOLUTION=1x1',
            "v.m3u8",
        )
    )
    assert [rung.bandwidth for rung in found.rungs] == [9]


def test_a_media_playlist_alone_is_a_title_of_one_rung():
    found = read_hls(media("#EXTINF:4,", "1.ts"))
    assert len(found.rungs) == 1
    assert found.rungs[0].sources[0].video.playlist.part == Part("")


def test_segments_with_init_and_byte_ranges():
    found = read_timeline(
        media(
            '#EXT-X-MAP:URI="all.mp4",BYTERANGE="700@0"',
            "#EXTINF:4.0,",
            "#EXT-X-BYTERANGE:1000@700",
            "all.mp4",
            "#EXTINF:3.5,",
            "#EXT-X-BYTERANGE:900",
            "all.mp4",
        )
    )
    first, second = found.segments
    assert first.init == second.init == Part("all.mp4", ByteRange(0, 700))
    assert second.part == Part("all.mp4", ByteRange(1700, 900))
    assert (second.start, second.duration, found.end) == (4.0, 3.5, 7.5)
    assert not found.live


def test_a_playlist_without_an_end_is_live():
    found = read_timeline(media("#EXT-X-MEDIA-SEQUENCE:17", "#EXTINF:4,", "17.ts", ended=False))
    assert found.live
    assert (found.sequence, found.target_duration) == (17, 4.0)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (top('#EXT-X-DEFINE:NAME="a",VALUE="b"', "#EXT-X-STREAM-INF:BANDWIDTH=1", "a"), "EXT-X-DEFINE"),
        (top("#EXT-X-STREAM-INF:BANDWIDTH=x", "a.m3u8"), "no BANDWIDTH"),
        (top('#EXT-X-STREAM-INF:BANDWIDTH=1,AUDIO="b"', "a.m3u8"), "names no EXT-X-MEDIA group"),
        (top('#EXT-X-I-FRAME-STREAM-INF:BANDWIDTH=1,URI="t"', "#EXT-X-STREAM-INF:BANDWIDTH=1"), "ends before"),
        ("<html>not a playlist</html>", "starts with #EXTM3U"),
        (media(), "no segment"),
        (media("#EXT-X-I-FRAMES-ONLY", "#EXTINF:4,", "1.ts"), "I-frame"),
        ("#EXTM3U\n#EXTINF:4,\n1.ts", "EXT-X-TARGETDURATION"),
        (media("#EXT-X-PART-INF:PART-TARGET=0.3", "#EXTINF:4,", "1.ts", ended=False), "low-latency HLS"),
        (media("#EXT-X-SKIP:SKIPPED-SEGMENTS=3", "#EXTINF:4,", "1.ts", ended=False), "low-latency HLS"),
    ],
)
def test_unplayable_playlists_are_refused_by_name(text, said):
    with pytest.raises(UnplayableManifest, match=said):
        read_hls(text)


@given(st.text(alphabet='#EXTM3U-INF:BANDWIDTH=,\n1."x', max_size=200))
def test_any_text_is_read_or_refused(text):
    for written in (text, "#EXTM3U\n" + text):
        with contextlib.suppress(UnplayableManifest):
            assert read_hls(written).rungs
