"""Media playlists."""

from kernel.media.content_keys import ContentKey, EncryptionScheme, KeyLabel
from kernel.media.drm_signals import signal_key
from kernel.media.playlist import ByteRange, MediaPlaylist, Segment, parse_media
from origin.package.hls_media import i_frame_rates, write_i_frames, write_rendition, write_text, write_transport_stream
from origin.package.packaged_track import PackagedTrack

TRACK = PackagedTrack("v240", "avc1.42c015", 24_000, (96_096, 96_096, 20_000), (10, 10, 10))
I_FRAMES = (Segment("00001.m4s", 4.004, ByteRange(84, 1001)), Segment("00002.m4s", 2.0, ByteRange(84, 1000)))


def test_a_rendition_is_read_as_it_was_written():
    """Times to the microsecond: at 23.976 frames a second, thousandths would drift."""
    playlist = parse_media(write_rendition(TRACK))
    assert [segment.uri for segment in playlist.segments] == ["00001.m4s", "00002.m4s", "00003.m4s"]
    assert [segment.duration for segment in playlist.segments] == [4.004, 4.004, 0.833333]
    assert (playlist.init, playlist.target_duration, playlist.vod, playlist.ended) == ("init.mp4", 4, True, True)
    assert playlist.independent


def test_key_lines_stand_before_the_first_segment():
    signals = signal_key(ContentKey(KeyLabel.SD, "1" * 32, b"k" * 16), EncryptionScheme.CBCS, b"i" * 16)
    for text in (write_rendition(TRACK, signals), write_i_frames(I_FRAMES, signals)):
        lines = text.splitlines()
        keys = [index for index, line in enumerate(lines) if line.startswith("#EXT-X-KEY:")]
        assert len(keys) == 4
        assert 'KEYFORMAT="org.w3.clearkey"' in lines[keys[0]], "which hls.js reads"
        assert "identity" not in text, "on which hls.js and Shaka fail"
        assert max(keys) < lines.index(next(line for line in lines if line.startswith("#EXTINF")))
    assert "#EXT-X-KEY" not in write_rendition(TRACK)


def test_i_frames_are_ranges_of_segments():
    playlist = parse_media(write_i_frames(I_FRAMES))
    assert playlist.i_frames_only
    assert playlist.segments[0].byte_range == ByteRange(84, 1001)
    assert i_frame_rates(I_FRAMES) == (4000, 2667)
    assert i_frame_rates(()) == (0, 0)


def test_subtitles_and_transport_streams_have_no_init_segment():
    text = MediaPlaylist(4, (Segment("00001.vtt", 4.004), Segment("00002.vtt", 1.5)))
    assert [one.uri for one in parse_media(write_text(text)).segments] == ["00001.vtt", "00002.vtt"]
    stream = parse_media(write_transport_stream([4.0, 4.24], ["00001.ts", "00002.ts"]))
    assert (stream.init, stream.target_duration, stream.duration) == (None, 4, 8.24)
