"""What is found out though every program said 0."""

from fractions import Fraction

import pytest

from kernel.errors import BadRequest, Bug
from kernel.media.ladder import ladder
from origin.encode.encoder import plan_tracks
from origin.ingest.probe import AudioTrack, Source
from origin.ingest.verify import Measured, check_encoded, check_keyframes

SOURCE = Source(0, 640, 360, Fraction(25), 10.0, 250, (AudioTrack(1, "eng", "", 2),))
TRACKS = plan_tracks(SOURCE, ladder(640, 360, Fraction(25)))
GOOD = {
    "v240": Measured(250, 10.0, (0.0, 4.0, 8.0)),
    "v360": Measured(250, 10.0, (0.0, 4.0, 8.0)),
    "a_eng": Measured(469, 10.0, ()),
}


def test_what_fits_passes():
    """The same frames in all rungs, the length the container promised."""
    check_encoded(SOURCE, TRACKS, GOOD, "")


@pytest.mark.parametrize(
    ("changed", "complaints", "error", "says"),
    [
        ({"v240": Measured(0, 0.0, ())}, "", BadRequest, "no frame"),
        ({name: Measured(100, 4.0, (0.0,)) for name in ("v240", "v360")}, "", BadRequest, "only 4.00 s"),
        ({}, "stream 0, offset 0x10: partial file", BadRequest, "truncated"),
        ({"v360": Measured(249, 9.96, (0.0, 4.0, 8.0))}, "", Bug, "v360 has other frames"),
        ({"v360": Measured(250, 10.0, (0.0, 4.2, 8.0))}, "", Bug, "v360 has other frames"),
        ({"a_eng": Measured(100, 4.0, ())}, "", Bug, "a_eng lasts 4.00 s"),
        ({"a_eng": Measured(0, 0.0, ())}, "", Bug, "a_eng"),
    ],
)
def test_what_does_not_fit(changed, complaints, error, says):
    """Said in one sentence."""
    with pytest.raises(error, match=says):
        check_encoded(SOURCE, TRACKS, GOOD | changed, complaints)


@pytest.mark.parametrize(
    ("keyframes", "says"),
    [
        ((), "first frame"),
        ((0.5, 4.0, 8.0), "first frame"),
        ((0.0, 8.0), "further apart"),
        ((0.0, 2.0, 4.0, 8.0), "expected at 4 s"),
        ((0.0, 3.9, 7.8), "expected at 4 s"),
    ],
)
def test_keyframes_elsewhere(keyframes, says):
    """Each segment begins with one, and none lies between."""
    with pytest.raises(Bug, match=says):
        check_keyframes(keyframes, 10.0, 0.04)


def test_keyframes_of_uneven_rates():
    """At 23.976 they lie on the first frame after each 4 s."""
    frame = 1001 / 24000
    check_keyframes([0.0, 96 * frame, 192 * frame], 240 * frame, frame)
