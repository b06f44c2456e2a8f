"""The definitions of quality: ratios of sums, classes of failures, percentiles."""

import pytest

from services.analytics.views.quality import (
    Sums,
    describe_drop_off,
    describe_quality,
    minute_counts,
    percentile,
    roll_up,
)
from services.analytics.views.view import View, row_of

EMPTY = row_of(View("s"), 0.0)


def view(outcome="played", **more):
    return EMPTY._replace(outcome=outcome, **more)


def quality(*rows):
    sums = Sums()
    for row in rows:
        sums.add_row(row)
    return describe_quality(sums)


def test_ratios_are_ratios_of_sums():
    found = quality(
        view(played_ms=9_000, stalled_ms=1_000, stalls=1), view(played_ms=590_000, stalls=1, errors=1, switches=4)
    )
    assert found["rebufferRatio"] == pytest.approx(1_000 / 600_000, abs=1e-6)
    assert found["rebuffersPer10Min"] == 2.0
    assert found["playbackErrorsPerMinute"] == 0.1
    assert found["switchesPer10Min"] == 4.0


def test_seeks_are_named_and_are_no_rebuffering():
    found = quality(view(played_ms=90_000, sought_ms=10_000, seeks=1))
    assert (found["rebufferRatio"], found["seekWaitRatio"]) == (0, 0.1)


def test_nothing_watched_has_no_ratio():
    found = quality(view("exit-before-start"))
    assert (found["rebufferRatio"], found["rebuffersPer10Min"], found["bitrateMean"]) == (None, None, None)
    assert found["startupMs"] == {"p50": None, "p95": None}


def test_failures_by_class_and_phase():
    found = quality(
        view("start-failure", failure_class="technical"),
        view("start-failure", failure_class="business"),
        view("playback-failure", failure_class="technical"),
        view("exit-before-start"),
        view("abandoned"),
        view(),
        view("unreported"),
    )
    names = ("views", "starts", "startFailures", "startFailuresBusiness", "playbackFailures", "exitsBeforeStart")
    assert [found[name] for name in names] == [6, 2, 2, 1, 1, 1]


def test_a_further_part_adds_time_and_no_view():
    found = quality(view(played_ms=60_000, startup_ms=100), view(part=1, played_ms=540_000, stalls=1, startup_ms=900))
    assert (found["views"], found["starts"], found["rebuffersPer10Min"]) == (1, 1, 1.0)
    assert found["startupMs"] == {"p50": 100, "p95": 100}


def test_the_mean_bitrate_is_in_bits_a_second_over_the_time_it_is_known_for():
    assert quality(view(kilobits=40_000.0, rated_ms=10_000), view(played_ms=5_000))["bitrateMean"] == 4_000_000


@pytest.mark.parametrize(("share", "value"), [(0.5, 2), (0.95, 4), (0.25, 1), (1.0, 4)])
def test_percentiles_are_values_that_were_seen(share, value):
    assert percentile([4, 2, 1, 3], share) == value


def test_rows_roll_up_by_a_dimension():
    rows = [view(content_id="a"), view(content_id="b"), view(content_id="a")]
    assert {key: sums.views for key, sums in roll_up(rows, "content_id").items()} == {"a": 2, "b": 1}


def test_drop_off_is_who_still_watched_at_each_minute():
    found = describe_drop_off(minute_counts([10.0, 70.0, 75.0, 200.0]), 240.0)
    assert [row["watching"] for row in found["minutes"]] == [1.0, 0.75, 0.25, 0.25]
    assert [row["left"] for row in found["minutes"]] == [1, 2, 0, 1]
    assert (found["views"], found["durationSeconds"]) == (4, 240.0)
    assert describe_drop_off({}, -1.0) == {"views": 0, "durationSeconds": None, "minutes": []}
