"""What viewers take, by rendition."""

import pytest

from edge.counters import RenditionTallies
from edge.prefetch.popularity import SMALL_ROWS_EVERY, Popularity
from edge.prefetch.segment_index import SegmentIndex, read_playlist

LIST = b"#EXTM3U\n#EXT-X-TARGETDURATION:4\n" + b"".join(b"#EXTINF:4,\n%d.m4s\n" % n for n in range(10))


def test_the_tallies_become_rows_that_fade():
    tallies = RenditionTallies()
    seen = Popularity(tallies, SegmentIndex())
    tallies.record(b"film/v720", 500)
    tallies.record(b"film/v720", 1500)
    tallies.record(b"film", 10)
    seen.sweep(0.0)
    first, second = seen.rows(0.0)
    assert (first.content_id, first.rendition, first.bytes, first.requests, first.size) == ("film", "v720", 2000, 2, 0)
    assert (second.content_id, second.rendition) == ("film", "")
    assert seen.rows(60.0)[0].bytes == pytest.approx(1000)


def test_the_size_is_known_from_the_playlist():
    outlines = SegmentIndex()
    outlines.learn(b"film/v720/main.m3u8", b"eu", read_playlist(b"/cdn/eu/film/v720/main.m3u8", LIST))
    tallies = RenditionTallies()
    seen = Popularity(tallies, outlines)
    for _ in range(4):
        tallies.record(b"film/v720", 100)
    seen.sweep(0.0)
    assert seen.rows(0.0)[0].size == 1000


def test_the_tail_is_reported_now_and_then():
    tallies = RenditionTallies()
    seen = Popularity(tallies, SegmentIndex())
    tallies.record(b"great/v1", 10_000_000)
    tallies.record(b"small/v1", 100)
    seen.sweep(0.0)
    assert [len(seen.rows(0.0)) for _ in range(SMALL_ROWS_EVERY + 1)] == [2, 1, 1, 1, 1, 2]
