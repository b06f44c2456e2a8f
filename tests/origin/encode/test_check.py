"""What is found out though every program said 0."""

import msgspec
import pytest

from kernel.errors import BadRequest, Bug
from origin.encode.check import Measured, check_audio, check_loudness, check_rung
from origin.encode.loudness import read_loudness
from origin.encode.source import Colour
from tests.origin.encode.plans import make_plan

PLAN = make_plan(10.0)
TAGS = {"codec_name": "h264", "width": "426", "height": "240", "pix_fmt": "yuv420p", "color_transfer": "bt709"}


def rung(packets=250, duration=10.0, keyframes=(0.0, 4.0, 8.0), start=0.0, **tags):
    return Measured(packets, duration, keyframes, start, TAGS | tags)


def sound(duration=10.0, start=0.0, packets=470, channels="2"):
    return Measured(packets, duration, (), start, {"channels": channels})


def test_what_fits_passes():
    """Frames, keyframes, size and sound as planned; AAC's frames end a little later."""
    check_rung(PLAN, PLAN.rungs[0], rung())
    check_audio(PLAN, PLAN.audio[0], sound(10.02, 0.01))


@pytest.mark.parametrize(
    ("found", "error", "says"),
    [
        (rung(packets=0), BadRequest, "no frame"),
        (rung(packets=100), BadRequest, "only 4.00 s"),
        (rung(packets=251), Bug, "251 frames"),
        (rung(keyframes=(0.0, 4.04, 8.0)), Bug, "keyframes at 0.000, 4.040"),
        (rung(keyframes=(0.0, 4.0)), Bug, "keyframes"),
        (rung(duration=10.04), Bug, "lasts"),
        (rung(start=0.04), Bug, "lasts"),
        (rung(width="428"), Bug, "width is 428, planned 426"),
        (rung(pix_fmt="yuv444p"), Bug, "pix_fmt"),
        (rung(codec_name="hevc"), Bug, "codec_name"),
        (rung(color_transfer="smpte2084"), Bug, "planned SDR"),
    ],
)
def test_a_rung_that_does_not_fit(found, error, says):
    """Said in one sentence."""
    with pytest.raises(error, match=says):
        check_rung(PLAN, PLAN.rungs[0], found)


def test_an_hdr_rung_must_be_tagged_so():
    """Players show it far too dark or too bright otherwise."""
    plan = make_plan(10.0, profile="hdr", colour=Colour("bt2020", "arib-std-b67", "bt2020nc"))
    hdr = plan.rungs[-1]
    tags = {"codec_name": "hevc", "width": "640", "height": "360", "pix_fmt": "yuv420p10le"}
    check_rung(plan, hdr, rung(**tags, color_transfer="arib-std-b67"))
    with pytest.raises(Bug, match="color_transfer"):
        check_rung(plan, hdr, rung(**tags))


@pytest.mark.parametrize(
    "found", [sound(packets=0), sound(duration=9.9), sound(duration=10.1), sound(start=0.06), sound(channels="6")]
)
def test_sound_that_does_not_fit(found):
    """It begins and ends with the picture."""
    with pytest.raises(Bug, match="a_eng"):
        check_audio(PLAN, PLAN.audio[0], found)


def test_loudness():
    """Within 1 LU of what was asked for; silence has none."""
    track = msgspec.structs.replace(PLAN.audio[0], loudness=-24.0)
    text = "  Integrated loudness:\n    I:         -24.6 LUFS\n    Threshold: -34.7 LUFS\n"
    assert read_loudness("I: -70.0 LUFS" + text) == -24.6
    assert read_loudness("    I:         -70.0 LUFS\n") is None
    check_loudness(track, -24.0, -24.6)
    check_loudness(track, -24.0, None)
    with pytest.raises(Bug, match=r"-20\.0 LKFS"):
        check_loudness(track, -24.0, -20.0)
