"""Profiles by name."""

import pytest

from kernel.errors import BadRequest
from origin.encode.profile import VideoSet, merge_profiles


def test_several_profiles_are_one():
    """All rungs and all options asked for, each once."""
    merged = merge_profiles(["default", "hevc", "loudness", "ts", "uhd"])
    assert merged.video == (VideoSet("h264", max_lines=2160), VideoSet("hevc", max_lines=2160))
    assert (merged.loudness, merged.mpeg_ts, merged.per_title) == (-24.0, True, False)
    assert merge_profiles([]).name == "default"


def test_an_unknown_profile_is_named():
    """With those that there are."""
    with pytest.raises(BadRequest, match="'vp7'; there are default, uhd"):
        merge_profiles(["default", "vp7"])
