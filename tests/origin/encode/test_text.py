"""WebVTT as players want it; the conversion itself is in test_hard_inputs."""

import pytest

from origin.encode.text import repair_webvtt


@pytest.mark.parametrize(
    ("payload", "shown"),
    [
        ("Tom & Jerry", "Tom &amp; Jerry"),
        ("5 < 6 > 4", "5 &lt; 6 > 4"),
        ("<i>it</i> <c.loud>x</c> <00:01.000>y <v Ann>z", "<i>it</i> <c.loud>x</c> <00:01.000>y <v Ann>z"),
        ("a &lt;b&gt; &amp; &#39;", "a &lt;b&gt; &amp; &#39;"),
        ("<infinite>", "&lt;infinite>"),
        ("a\u2028\u2028b", "a\u2028\u2028b"),
    ],
)
def test_text_that_looks_like_markup_is_text(payload, shown):
    """Players dropped the rest of the line."""
    cue = "00:01.000 --> 00:02.000\n"
    assert repair_webvtt(f"WEBVTT\n\n{cue}{payload}\n") == f"WEBVTT\n\n{cue}{shown}\n"


def test_a_cue_that_ends_when_it_begins_is_shown_until_the_next():
    """As captions of a c608 track without their last command: the packager dropped them without a word."""
    cues = ("00:01.000 --> 00:01.000 align:left", "00:02.500 --> 00:02.000", "1:00:00.000 --> 1:00:01.000")
    given = "WEBVTT\n\n" + "".join(f"{timing}\nA\n\n" for timing in cues)
    lines = repair_webvtt(given).splitlines()
    assert [line for line in lines if "-->" in line] == [
        "00:00:01.000 --> 00:00:02.500 align:left",
        "00:00:02.500 --> 00:00:06.500",
        "1:00:00.000 --> 1:00:01.000",
    ]
