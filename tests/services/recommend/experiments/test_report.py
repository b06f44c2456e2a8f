"""What may be said of an experiment."""

import pytest

from services.recommend.experiments.definition import Arm, Experiment, Metric
from services.recommend.experiments.report import ArmResult, make_report
from services.recommend.experiments.statistics import Sample

EXPERIMENT = Experiment("x", (Arm("control"), Arm("new")))


def arm(viewers, mean, *, exposed=None, several=0, other=0.0):
    sample, rest = Sample(viewers, viewers * mean, viewers * (mean**2 + 1)), Sample(viewers, viewers * other, viewers)
    return ArmResult(
        exposed or viewers, several, {metric: sample if metric is Metric.STARTS else rest for metric in Metric}
    )


@pytest.mark.parametrize(
    ("control", "new", "verdict"),
    [
        (arm(50, 1.0), arm(50, 2.0), "too-few-viewers"),
        (arm(5_000, 1.0), arm(5_000, 1.01), "no-difference-yet"),
        (arm(5_000, 1.0), arm(5_000, 1.3), "better"),
        (arm(5_000, 1.0), arm(5_000, 0.7), "worse"),
        (arm(5_000, 1.0), arm(4_300, 1.3), "samples-differ"),
    ],
)
def test_verdicts(control, new, verdict):
    found = make_report(EXPERIMENT, [control, new])
    assert found["verdict"] == verdict
    assert found["verdictText"]


def test_a_report_shows_each_metric_with_its_interval_and_lift():
    found = make_report(EXPERIMENT, [arm(5_000, 1.0), arm(5_000, 1.3, exposed=5_010, several=10)])
    new = found["arms"][1]
    assert (new["viewers"], new["viewersCounted"], new["viewersInSeveralArms"]) == (5_010, 5_000, 10)
    starts = new["metrics"]["starts"]
    assert starts["lift"] == pytest.approx(0.3)
    assert starts["interval"][0] < starts["difference"] < starts["interval"][1]
    assert new["metrics"]["clicks"]["lift"] is None
    assert "interval" not in found["arms"][0]["metrics"]["starts"]


def test_more_arms_widen_the_intervals():
    three = Experiment("x", (Arm("control"), Arm("b"), Arm("c")))
    wide = make_report(three, [arm(5_000, 1.0), arm(5_000, 1.1), arm(5_000, 1.0)])["arms"][1]["metrics"]["starts"]
    narrow = make_report(EXPERIMENT, [arm(5_000, 1.0), arm(5_000, 1.1)])["arms"][1]["metrics"]["starts"]
    assert wide["interval"][0] < narrow["interval"][0]
    assert wide["p"] > narrow["p"]
