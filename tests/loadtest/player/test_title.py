import pytest

from loadtest.player.presentation import UnplayableManifest
from loadtest.player.title import PlainReader, Title
from tests.loadtest.simulated import hls_title

TOP = hls_title()["/cdn/eu/t/master.m3u8"]
MEDIA = hls_title()["/cdn/eu/t/v720/main.m3u8"]


def title(url, *, top=TOP, carries_query=False):
    return Title.of(PlainReader().presentation(top), url, PlainReader(), carries_query=carries_query)


def load(made, rung=0):
    track = made.source(made.presentation.rungs[rung]).video
    asked = made.playlist_address(track)
    made.store(track, asked, asked, MEDIA, 0.0)
    return made.timeline(track)


@pytest.mark.parametrize(
    ("url", "segment"),
    [
        ("http://h/a/master.m3u8", "http://h/a/v360/00001.m4s"),
        ("http://h/t/JWT/cdn/x/master.m3u8?CMCD=no", "http://h/t/JWT/cdn/x/v360/00001.m4s"),
        ("http://h/a/master.m3u8?token=s", "http://h/a/v360/00001.m4s"),
    ],
)
def test_relative_addresses_follow_the_manifest(url, segment):
    made = title(url)
    loaded = load(made)
    assert made.address(loaded.url, loaded.timeline.segments[0].part) == segment


def test_a_token_in_the_query_is_carried_where_asked():
    made = title("http://h/a/master.m3u8?token=s", carries_query=True)
    loaded = load(made)
    assert made.address(loaded.url, loaded.timeline.segments[0].part) == "http://h/a/v360/00001.m4s?token=s"


def test_absolute_addresses_stay():
    made = title("http://h/m.m3u8", top=b"#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1\nhttps://other.example/v.m3u8\n")
    assert made.playlist_address(made.presentation.rungs[0].sources[0].video) == "https://other.example/v.m3u8"


def test_after_a_redirect_addresses_follow_the_final_one():
    made = title("http://h/master.m3u8")
    track = made.source(made.presentation.rungs[0]).video
    made.store(track, made.playlist_address(track), "http://edge:81/t/J/v360/main.m3u8", MEDIA, 0.0)
    loaded = made.timeline(track)
    assert made.address(loaded.url, loaded.timeline.segments[0].part) == "http://edge:81/t/J/v360/00001.m4s"


def test_a_new_address_forgets_what_came_from_the_old_one():
    made = title("http://old/master.m3u8")
    load(made)
    moved = made.moved_to("http://new/master.m3u8")
    track = moved.source(moved.presentation.rungs[0]).video
    assert not moved.is_loaded(track)
    assert moved.playlist_address(track).startswith("http://new/")
    assert made.is_loaded(track)


def test_live_renditions_share_one_time_axis():
    made = title("http://h/master.m3u8")
    live = "#EXTM3U\n#EXT-X-TARGETDURATION:4\n#EXT-X-MEDIA-SEQUENCE:{}\n#EXTINF:4,\na\n#EXTINF:4,\nb\n"
    for rung, sequence, now in ((0, 10, 0.0), (1, 11, 4.0), (0, 12, 8.0)):
        track = made.source(made.presentation.rungs[rung]).video
        asked = made.playlist_address(track)
        made.store(track, asked, asked, live.format(sequence).encode(), now)
        assert made.timeline(track).timeline.segments[0].start == (sequence - 10) * 4.0


@pytest.mark.parametrize("body", [b"\xff\xfe", b"", b"\x00", b"<a>", b"<html></html>"])
def test_what_is_no_manifest_is_refused(body):
    with pytest.raises(UnplayableManifest):
        PlainReader().presentation(body)
