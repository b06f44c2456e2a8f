import pytest

from loadtest.compare_hlsjs.film import RUNGS, SEGMENT_S, make_film
from loadtest.player.hls import read_hls, read_timeline


@pytest.mark.needs("ffmpeg")
def test_the_film_has_equal_segments_at_steady_rates(tmp_path, program):
    make_film(program("ffmpeg"), tmp_path, 8)
    found = read_hls((tmp_path / "master.m3u8").read_text())
    assert [rung.bandwidth for rung in found.rungs] == list(RUNGS)
    for rung in found.rungs:
        playlist = tmp_path / rung.sources[0].video.playlist.part.uri
        segments = read_timeline(playlist.read_text()).segments
        assert [segment.duration for segment in segments] == [SEGMENT_S, SEGMENT_S]
        size = sum((playlist.parent / segment.part.uri).stat().st_size for segment in segments)
        assert size * 8 / 8 == pytest.approx(rung.bandwidth, rel=0.25)
