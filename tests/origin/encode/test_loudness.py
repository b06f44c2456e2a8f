"""What is read of ffmpeg's meters, and the gain that follows; the result is measured in test_hard_inputs."""

import msgspec

from origin.encode.loudness import loudness_filters, read_loudness, read_loudnorm
from tests.origin.encode.plans import make_plan

MEASURED = {
    "input_i": "-18.50",
    "input_tp": "-3.1",
    "input_lra": "4.0",
    "input_thresh": "-28.9",
    "target_offset": "0.1",
}


def test_the_meter_is_read():
    """loudnorm's JSON is the last thing on stderr."""
    text = "[Parsed_loudnorm_3 @ 0x5]\n" + msgspec.json.encode(MEASURED).decode() + "\n"
    assert read_loudnorm("noise {\n" + text) == MEASURED
    assert read_loudness("I: -70.0 LUFS\n    I:         -24.6 LUFS\n") == -24.6


def test_silence_and_noise_are_left_alone():
    """There is nothing to normalise, and noise would be raised to the loudness of speech."""
    for level in ("-inf", "-62.0"):
        assert read_loudnorm(msgspec.json.encode(MEASURED | {"input_i": level}).decode()) == {}
    assert read_loudnorm("Conversion failed!") == {}
    assert read_loudness("    I:         -70.0 LUFS\n") is None


def test_one_gain_for_the_track():
    """Linear, from what was measured; nothing where nobody asked."""
    track = make_plan(loudness=-24.0).audio[0]
    norm = loudness_filters(track, MEASURED)[0]
    assert "i=-24.0" in norm
    assert "linear=true:measured_i=-18.50" in norm
    assert loudness_filters(track, {}) == []
    assert loudness_filters(make_plan().audio[0], MEASURED) == []
