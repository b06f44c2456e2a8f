"""CPU of playback: it is measured over HTTP, and a missed target is named."""

import pytest

from tools.bench.playback import PlaybackFigures, measure


def test_starts_and_heartbeats_are_measured():
    found = measure(20, 10, 100, lambda _: None)
    assert 0 < found.start_median_ms <= found.start_p99_ms
    assert found.heartbeats_per_second > 0


@pytest.mark.parametrize(
    ("p99", "heartbeats", "missed"), [(9.9, 2_000, 0), (10.0, 2_000, 1), (9.9, 1_999, 1), (10.0, 1, 2)]
)
def test_what_misses_its_target_is_named(p99, heartbeats, missed):
    assert len(PlaybackFigures(1, 1.0, p99, heartbeats).missed) == missed
