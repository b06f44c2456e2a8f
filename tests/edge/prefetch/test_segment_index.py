"""What comes after a segment, by HLS and by DASH."""

import pytest

from edge.prefetch.segment_index import SegmentIndex, SegmentRef, read_playlist

PATH = b"/cdn/eu/film/v720/main.m3u8"
HEAD = "#EXTM3U\n#EXT-X-TARGETDURATION:4\n"


def hls(*rows: str) -> bytes:
    return (HEAD + "".join(f"{row}\n" if row.startswith("#") else f"#EXTINF:4,\n{row}\n" for row in rows)).encode()


def test_segments_follow_one_another():
    (found,) = read_playlist(PATH, hls('#EXT-X-MAP:URI="init.mp4"', "b.m4s", "a.m4s", "ab.m4s")).renditions
    assert (found.folder, found.count, found.length) == (b"film/v720/", 3, 0)
    assert found.after(b"film/v720/b.m4s", None, 1) == [SegmentRef(b"film/v720/a.m4s")]
    assert found.after(b"film/v720/b.m4s", None, 5) == [SegmentRef(b"film/v720/a.m4s"), SegmentRef(b"film/v720/ab.m4s")]
    for key in (b"film/v720/ab.m4s", b"film/v720/init.mp4", b"film/v720/.m4s", b"film/v240/b.m4s", b"film/v720/b.m4"):
        assert found.after(key, None, 1) == []
    assert found.first(1) == [SegmentRef(b"film/v720/init.mp4", init=True), SegmentRef(b"film/v720/b.m4s")]


def test_a_new_init_segment_comes_with_the_segment_that_needs_it():
    data = hls('#EXT-X-MAP:URI="1.mp4"', "a.m4s", '#EXT-X-MAP:URI="2.mp4"', "b.m4s")
    (found,) = read_playlist(PATH, data).renditions
    assert found.after(b"film/v720/a.m4s", None, 1) == [
        SegmentRef(b"film/v720/2.mp4", init=True),
        SegmentRef(b"film/v720/b.m4s"),
    ]


def test_parts_of_one_file():
    data = hls(
        '#EXT-X-MAP:URI="f.mp4",BYTERANGE="10@0"', "#EXT-X-BYTERANGE:100@10", "f.mp4", "#EXT-X-BYTERANGE:50", "f.mp4"
    )
    (found,) = read_playlist(PATH, data).renditions
    assert found.length == 150
    assert found.after(b"film/v720/f.mp4", 10, 1) == [SegmentRef(b"film/v720/f.mp4", (110, 159))]
    assert found.after(b"film/v720/f.mp4", 1, 1) == []
    assert found.after(b"film/v720/f.mp4", None, 1) == []


def test_segments_elsewhere_in_the_title_and_beyond_it():
    found = read_playlist(
        PATH, hls("../seg/1.ts?x=1", "../../other/2.ts", "/cdn/eu/film/seg/3.ts", "http://h/4.ts")
    ).renditions
    assert [piece.key for piece in found[0].first(9)] == [b"film/seg/1.ts", b"film/seg/3.ts"]
    assert found[0].folder == b"film/seg/"


def test_a_multivariant_playlist_names_playlists():
    data = b"#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1\nv240/main.m3u8\n#EXT-X-STREAM-INF:BANDWIDTH=2\n../x/main.m3u8\n"
    found = read_playlist(b"/cdn/eu/film/master.m3u8", data)
    assert (found.renditions, found.playlists) == ((), (b"film/v240/main.m3u8",))


def test_a_manifest_has_an_outline_a_rendition():
    data = (
        b'<MPD mediaPresentationDuration="PT8S"><Period><AdaptationSet><SegmentTemplate duration="4" media="'
        b'$RepresentationID$/$Number%05d$.m4s" initialization="$RepresentationID$/i.mp4"/><Representation id="v1"/>'
        b'<Representation id="v2"/></AdaptationSet></Period></MPD>'
    )
    found = read_playlist(b"/cdn/eu/film/manifest.mpd", data).renditions
    assert [one.folder for one in found] == [b"film/v1/", b"film/v2/"]
    assert found[1].after(b"film/v2/00001.m4s", None, 1) == [SegmentRef(b"film/v2/00002.m4s")]


def test_trick_play_is_no_order_of_segments():
    assert read_playlist(PATH, hls("#EXT-X-I-FRAMES-ONLY", "a.m4s")).renditions == ()
    assert read_playlist(PATH, hls()).renditions == ()


def test_what_is_no_playlist():
    for data in (b"", b"\xff\xfe", b"#EXTM3U\nx.ts", b"x" * (9 << 20)):
        with pytest.raises(ValueError, match=r".*"):
            read_playlist(PATH, data)


def test_titles_are_forgotten_that_were_used_longest_ago():
    outlines = SegmentIndex(max_bytes=8_000)
    for number in range(20):
        outlines.learn(
            b"t%d/v/main.m3u8" % number,
            b"eu",
            read_playlist(b"/cdn/eu/t%d/v/main.m3u8" % number, hls("a.m4s", "b.m4s")),
        )
        assert outlines.after(b"t0/v/a.m4s", None, 1)
    assert outlines.bytes <= 8_000
    assert len(outlines) < 20
    assert outlines.has_playlist(b"t0/v/main.m3u8")
    assert not outlines.has_playlist(b"t5/v/main.m3u8")
    assert outlines.region(b"t19") == b"eu"
    assert outlines.region(b"t5") is None
    assert outlines.may_contain(b"t19/v/x")
    assert not outlines.may_contain(b"t19/w/x")
    assert not outlines.may_contain(b"t5/v/x")


def test_a_rendition_by_its_folder():
    outlines = SegmentIndex()
    assert outlines.rendition(b"film", b"v720") is None
    assert outlines.playlists(b"film") == []
    outlines.learn(b"film/v720/main.m3u8", b"eu", read_playlist(PATH, hls("a.m4s")))
    outlines.learn(b"film/v720/main.m3u8", b"us", read_playlist(PATH, hls("b.m4s")))
    found = outlines.rendition(b"film", b"v720")
    assert found is not None
    assert found.first(1) == [SegmentRef(b"film/v720/b.m4s")]
    assert outlines.rendition(b"film", b"") is None
    assert outlines.region(b"film") == b"us"
