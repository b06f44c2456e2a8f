"""The encoders' arguments."""

import pytest

from origin.encode.codecs import codec_arguments, track_timescale
from origin.encode.source import Rate
from tests.origin.encode.plans import make_plan


@pytest.mark.parametrize("rate", [Rate(25), Rate(24000, 1001), Rate(60000, 1001), Rate(5), Rate(107, 10)])
def test_a_frame_is_whole_ticks(rate):
    """So no frame's time is ever rounded."""
    assert track_timescale(rate) * rate.denominator % rate.numerator == 0


@pytest.mark.parametrize("profile", ["default", "hevc", "av1"])
def test_every_codec_is_bounded_and_cut_by_the_plan(profile):
    """A peak for the player's buffer; a keyframe where the plan has one, and no other from the encoder."""
    plan = make_plan(profile=profile)
    arguments = codec_arguments(plan, plan.rungs[0], plan.chunks[0], threads=1)
    assert arguments[arguments.index("-maxrate") + 1] == str(plan.rungs[0].peak)
    assert arguments[-1] == "expr:not(mod(n,100))*lte(n,200)"
    assert any("scenecut=0" in one or "scd=0" in one for one in arguments)
