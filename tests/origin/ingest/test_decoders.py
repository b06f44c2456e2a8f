"""Which ffmpeg can do what."""

import pytest

from kernel.errors import BadRequest
from origin.ingest import decoders
from origin.ingest.decoders import choose_ffmpeg, decodable_codecs, read_codecs
from origin.ingest.subprocesses import Programs

LISTED = """\
 DEV.LS av1                  Alliance for Open Media AV1 (encoders: libsvtav1)
 DEV.LS h264                 H.264 / AVC (decoders: h264 h264_v4l2m2m) (encoders: libx264)
 ..A.L. ac4                  AC-4
 DEA..S truehd               TrueHD
 D.V.L. vvc                  H.266 / VVC (decoders: vvc_qsv)
"""


def test_an_av1_decoder_for_graphics_cards_does_not_count():
    """It is named as the codec is, and fails without a card."""
    assert read_codecs(LISTED) == {"h264", "truehd"}
    assert "av1" in read_codecs(" DEV.L. av1    Alliance (decoders: libdav1d av1 av1_cuvid ) (encoders: libsvtav1 )")


def test_the_programs_here_are_read(tools):
    """Their real output, and what is no program."""
    assert {"h264", "aac", "subrip"} <= decodable_codecs(tools.ffmpeg)
    assert decodable_codecs("/nonexistent") == frozenset()


def test_the_first_that_can_is_chosen(monkeypatch):
    """AV1 and HEVC in ten bits are not everywhere; what nobody can is refused by name."""
    monkeypatch.setattr(decoders, "decodable_codecs", {"one": {"h264"}, "two": {"h264", "av1"}}.__getitem__)
    monkeypatch.setattr(
        decoders, "pixel_formats", lambda path, encoder: {"yuv420p"} | ({"yuv420p10le"} if path == "two" else set())
    )
    programs = Programs("one", "", "", ("two",))
    assert choose_ffmpeg(programs, "h264", "libx265", "yuv420p") == "one"
    assert choose_ffmpeg(programs, "h264", "libx265", "yuv420p10le") == "two"
    assert choose_ffmpeg(programs, "av1") == "two"
    with pytest.raises(BadRequest, match="decodes vvc"):
        choose_ffmpeg(programs, "vvc")
    with pytest.raises(BadRequest, match="encodes yuv444p by libx265"):
        choose_ffmpeg(programs, "h264", "libx265", "yuv444p")
