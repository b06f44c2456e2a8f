"""The benchmark itself, at small size: it plays against a real edge and counts what it says it counts."""

from loadtest.bench import AUDIO_BPS, SEGMENT_S, VIDEO_BPS, measure
from loadtest.session import UNLIMITED, EndReason, Tier


async def test_players_of_the_benchmark_are_served_by_the_edge():
    figures = await measure(10, 4.0, 1.0, UNLIMITED, None)
    plain = figures.as_plain()
    assert plain["failedSegments"] == 0
    assert plain["segments"] >= 10 * 2 * 2
    per_pair = (VIDEO_BPS + AUDIO_BPS) * SEGMENT_S / 8
    assert plain["gigabytes"] * 1e9 > 10 * per_pair
    assert {record.end for record in figures.records} == {EndReason.RUN_ENDED}
    tiers = {key.tier for record in figures.records for key in record.requests}
    assert tiers == {Tier.EDGE}
