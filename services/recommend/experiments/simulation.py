"""A/A simulations: the whole way from profiles to a verdict, where both arms are the same. Pure.

Each day new viewers come, are hashed into arms and do what they do; each evening the report is looked at, and the
experiment counts as a false positive if any look said that the arms differ.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from services.recommend.experiments.assignment import choose_arm, unit_hash
from services.recommend.experiments.definition import Arm, Experiment, Metric
from services.recommend.experiments.report import ArmResult, make_report
from services.recommend.experiments.statistics import Sample


@dataclass(frozen=True)
class Simulated:
    """How many of `runs` experiments ever said "better" or "worse", and "samples-differ"."""

    runs: int
    false_positives: int
    ratio_alarms: int


def simulate_aa(runs: int, days: int, viewers_a_day: int, seed: int, effect: float = 0.0) -> Simulated:
    """Simulate experiments with daily looks; `effect` is the share that the second arm adds to starts."""
    random = np.random.default_rng(seed)
    experiment = Experiment("A/A", (Arm("control"), Arm("same")))
    positives = alarms = 0
    for run in range(runs):
        salt = f"{seed}-{run}"
        sums = np.zeros((2, 3))
        outcomes = set()
        for day in range(days):
            arms = np.array([
                choose_arm(unit_hash("arm", salt, f"p-{day}-{number}"), experiment.arms, experiment.shares)
                for number in range(viewers_a_day)
            ])  # fmt: skip
            # Starts are counts with a long tail: most viewers few, some many.
            rate = random.gamma(0.7, 2.0, viewers_a_day) * np.where(arms == 1, 1 + effect, 1)
            starts = random.poisson(rate).astype(float)
            for arm in (0, 1):
                mine = starts[arms == arm]
                sums[arm] += (len(mine), mine.sum(), np.square(mine).sum())
            outcomes.add(make_report(experiment, [_result(row) for row in sums])["verdict"])
        positives += bool(outcomes & {"better", "worse"})
        alarms += "samples-differ" in outcomes
    return Simulated(runs, positives, alarms)


def _result(sums: np.ndarray) -> ArmResult:
    sample = Sample(int(sums[0]), float(sums[1]), float(sums[2]))
    return ArmResult(int(sums[0]), 0, dict.fromkeys(Metric, sample))
