"""Probing real files; what the JSON means is in test_streams and test_picture."""

from pathlib import Path

import pytest

from kernel.errors import BadRequest
from origin.ingest.limits import Limits
from origin.ingest.probe import input_name, printable_path, probe


def test_a_film(tools, films):
    """Size, rate, length, sound, and that chunks can be sought."""
    source = probe(tools, films("long.mp4", seconds=12, sound=2))
    assert source.describe() == "320x240, 12 frames/s, 12.0 s, 2 audio tracks"
    assert source.seekable


@pytest.mark.parametrize(
    ("limits", "says"),
    [
        (Limits(streams=2), "3 streams, more than the limit of 2"),
        (Limits(frames=100), "frames, more than the limit of 100"),
        (Limits(pixels=1000), "320x240 is too large"),
    ],
)
def test_limits_are_named(tools, films, limits, says):
    """Before anything is decoded."""
    with pytest.raises(BadRequest, match=says):
        probe(tools, films("long.mp4", seconds=12, sound=2), limits)


def test_names_as_ffmpeg_and_people_see_them():
    """Never an option, never another protocol, always printable."""
    assert input_name(Path("-x.mp4")).startswith("file:/")
    assert printable_path(Path("a\udcff\n.mp4")) == "'a�\\n.mp4'"
