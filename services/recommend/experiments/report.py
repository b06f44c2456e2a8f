"""An experiment's report: from what the viewers of each arm did, to what may be said of it. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from services.recommend.experiments.definition import Experiment, Metric
from services.recommend.experiments.statistics import SRM_LEVEL, Sample, compare, sample_ratio_p

ALPHA = 0.05


@dataclass(frozen=True)
class ArmResult:
    """The viewers that an arm was shown to, those among them who were in two arms, and what those counted did."""

    exposed: int
    several: int
    samples: Mapping[Metric, Sample]


def make_report(experiment: Experiment, arms: Sequence[ArmResult]) -> dict[str, Any]:
    """The report, as JSON. The chosen metric has ALPHA for its comparisons; the other metrics share as much again."""
    shares = experiment.shares
    counts = [arm.exposed for arm in arms]
    ratio = sample_ratio_p(counts, shares)
    rows = [
        {
            "arm": arm.name,
            "share": round(share, 6),
            "viewers": result.exposed,
            "viewersCounted": result.samples[experiment.metric].viewers,
            "viewersInSeveralArms": result.several,
            "metrics": {
                metric.value: _judged(experiment, metric, arms[0], result, is_control=number == 0) for metric in Metric
            },
        }
        for number, (arm, share, result) in enumerate(zip(experiment.arms, shares, arms, strict=True))
    ]
    verdict = "samples-differ" if ratio < SRM_LEVEL else _verdict(experiment, rows)
    return {
        "metric": experiment.metric.value,
        "window": experiment.window,
        "alpha": ALPHA,
        "sampleRatio": {"p": ratio, "ok": ratio >= SRM_LEVEL},
        "verdict": verdict,
        "verdictText": VERDICT_SENTENCES[verdict],
        "arms": rows,
    }


VERDICT_SENTENCES = {
    "samples-differ": "The arms' sizes are not those of their shares: find out why before anything is concluded.",
    "too-few-viewers": "Too few viewers have been counted in an arm.",
    "no-difference-yet": "No difference is certain yet; it may be looked at as often as you like.",
    "better": "An arm is better than the control.",
    "worse": "An arm is worse than the control, and none is better.",
}


def _judged(
    experiment: Experiment, metric: Metric, control: ArmResult, arm: ArmResult, *, is_control: bool
) -> dict[str, Any]:
    sample = arm.samples[metric]
    found: dict[str, Any] = {"mean": round(sample.mean, 6), "deviation": round(sample.variance**0.5, 6)}
    if is_control:
        return found
    tests = len(experiment.arms) - 1
    if metric is not experiment.metric:
        tests *= len(Metric) - 1
    base = control.samples[metric]
    difference = compare(base, sample, ALPHA / tests)
    lift = difference.value / base.mean if base.mean else None
    return found | {
        "difference": round(difference.value, 6),
        "interval": None if difference.low is None else [round(difference.low, 6), round(difference.high or 0.0, 6)],
        "lift": None if lift is None else round(lift, 6),
        "p": min(1.0, difference.p * tests),
        "certain": difference.is_certain,
    }


def _verdict(experiment: Experiment, rows: Sequence[dict[str, Any]]) -> str:
    judged = [row["metrics"][experiment.metric.value] for row in rows[1:]]
    if any(one["interval"] is None for one in judged):
        return "too-few-viewers"
    certain = [one["difference"] for one in judged if one["certain"]]
    if not certain:
        return "no-difference-yet"
    return "better" if max(certain) > 0 else "worse"
