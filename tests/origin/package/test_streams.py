"""What the packager is given."""

from fractions import Fraction
from pathlib import Path

import msgspec
import pytest

from kernel.errors import Bug
from kernel.media.content_keys import KeyLabel
from origin.encode.source import Rate
from origin.package.streams import (
    labels_of_plan,
    packaged_streams,
    packager_arguments,
    pad_webvtt,
    rendition_folder,
    segment_duration,
)
from tests.origin.encoded_film import make_plan

PLAN = make_plan()


def fields(publication=1, *, encrypted=False, plan=PLAN, encoded="../encoded"):
    """The stream descriptors as dictionaries."""
    streams = packaged_streams(plan, Path(encoded), Path("../text"), publication)
    arguments = packager_arguments(plan, streams, publication, encrypted=encrypted)
    described = arguments[: arguments.index("--quiet")]
    return [dict(part.split("=", 1) for part in one.split(",")) for one in described]


def test_folders_of_publications():
    """The first has no number."""
    assert [rendition_folder("v720", number) for number in (1, 2, 12)] == ["v720", "v720-2", "v720-12"]
    assert {one["segment_template"].split("/")[0] for one in fields(2)} == {
        "v240-2", "v360-2", "a_eng-2", "a_fra-2", "a_fra_51-2", "s_eng-2", "t_eng-2",
    }  # fmt: skip


def test_each_track_is_a_stream():
    """Subtitles twice: WebVTT for HLS, wvtt for DASH, where dash.js needs an init segment."""
    kinds = [(one["stream"], one.get("format"), one.get("hls_only"), one.get("dash_only")) for one in fields()]
    assert kinds == [
        ("video", None, None, None), ("video", None, None, None),
        *[("audio", None, None, None)] * 3, ("text", None, "1", None), ("text", "vtt+mp4", None, "1"),
    ]  # fmt: skip


def test_an_encrypted_title_has_a_label_on_picture_and_sound():
    assert labels_of_plan(PLAN) == (KeyLabel.SD, KeyLabel.AUDIO)
    assert [one.get("drm_label") for one in fields(encrypted=True)] == ["SD"] * 2 + ["AUDIO"] * 3 + [None] * 2
    assert not any("drm_label" in one for one in fields())


def test_a_language_that_the_packager_refuses_is_not_passed_on():
    unknown = msgspec.structs.replace(
        PLAN, audio=tuple(msgspec.structs.replace(one, language="und") for one in PLAN.audio)
    )
    assert not any("lang" in one for one in fields(plan=unknown) if one["stream"] == "audio")
    assert [one["lang"] for one in fields() if one["stream"] == "audio"] == ["eng", "fra", "fra"]
    with pytest.raises(Bug, match="comma"):
        fields(encoded="../a,b")


@pytest.mark.parametrize("rate", [Rate(25), Rate(24000, 1001), Rate(30000, 1001), Rate(27027, 1000), Rate(9999, 1000)])
def test_a_segment_is_never_longer_than_the_picture_s(rate):
    """Or the packager would pass over a keyframe."""
    plan = msgspec.structs.replace(PLAN, rate=rate, gop=-(-4 * rate.numerator // rate.denominator))
    given, exact = Fraction(segment_duration(plan)), Fraction(plan.gop * rate.denominator, rate.numerator)
    assert exact - Fraction(1, 1_000_000) < given <= exact


@pytest.mark.parametrize(("frames", "end"), [(206, "00:00:08.000"), (220, "00:00:08.800"), (50, "00:00:02.000")])
def test_subtitles_reach_the_film_s_end(frames, end):
    """An invisible cue ends there, or where a segment of less than half a second would begin."""
    text = pad_webvtt("WEBVTT\n\n00:01.000 --> 00:02.000\nHello\n", msgspec.structs.replace(PLAN, frames=frames))
    assert text.startswith("WEBVTT\n\n00:01.000 --> 00:02.000\nHello\n\n")
    assert text.rstrip("\N{NO-BREAK SPACE}\n").endswith(f" --> {end}")
