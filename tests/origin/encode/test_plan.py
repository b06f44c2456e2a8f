"""A plan is the same everywhere: it survives JSON, and frames, chunks and keyframes agree."""

import msgspec
import pytest

from origin.encode.plan import EncodePlan, RungRate, with_rates
from origin.encode.source import Rate
from tests.origin.encode.plans import make_plan


def test_a_plan_survives_json():
    """Workers on other hosts read what the origin wrote."""
    plan = make_plan()
    assert msgspec.json.decode(msgspec.json.encode(plan), type=EncodePlan) == plan


@pytest.mark.parametrize(
    ("seconds", "rate", "starts"),
    [
        (12.0, Rate(25), (0, 100, 200)),
        (12.04, Rate(25), (0, 100, 200)),
        (12.48, Rate(25), (0, 100, 200)),
        (12.52, Rate(25), (0, 100, 200, 300)),
        (0.2, Rate(25), (0,)),
        (8.1, Rate(24000, 1001), (0, 96)),
    ],
)
def test_no_last_segment_under_half_a_second(seconds, rate, starts):
    """A last segment of 0.04 s kept browsers from the end of a film."""
    assert make_plan(seconds, rate=rate).keyframes() == starts


@pytest.mark.parametrize("seconds", [12.04, 40.0, 61.2, 480.04])
def test_every_chunk_starts_at_a_keyframe(seconds):
    """Even the last one of a film that ends just after a segment."""
    plan = make_plan(seconds)
    assert {chunk.start_frame for chunk in plan.chunks} <= set(plan.keyframes())


def test_rates_of_probe_encodes_replace_those_of_the_ladder():
    """A rung that got no rate is left out, and the thumbnails then come from one that is there."""
    plan = make_plan()
    assert [rung.name for rung in plan.rungs] == ["v240", "v360"]
    changed = with_rates(plan, [RungRate("v360", 24.0, 500_000, 300_000, 95.0)])
    assert [(rung.name, rung.crf, rung.peak) for rung in changed.rungs] == [("v360", 24.0, 500_000)]
    assert changed.thumbnails.rung == "v360"
