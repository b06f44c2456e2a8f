"""Compares what the planner predicts for a run's own nodes with what the run measured. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from kernel.errors import BadSettings
from loadtest.reports.capacity import predict_cores

MAX_ERROR = 0.15


class Prediction(NamedTuple):
    """One figure, as predicted from other measurements and as measured in the run."""

    name: str
    unit: str
    predicted: float
    measured: float

    @property
    def error(self) -> float:
        """Relative to what was measured."""
        return (self.predicted - self.measured) / self.measured if self.measured else 0.0


def predictions(measured: Mapping[str, Any], run: Mapping[str, Any]) -> Sequence[Prediction]:
    """What `measured` (a report's `capacity`) says about the nodes of another run, from its streams and bitrate alone.

    Raises BadSettings when one of the two watched no edge.
    """
    for name, capacity in (("measured", measured), ("check", run)):
        if "edge" not in capacity or "players" not in capacity:
            raise BadSettings(name, "has no capacity figures of an edge: run it against nodes that can be watched")
    players, edge = run["players"], run["edge"]
    egress_bps = players["meanStreams"] * players["bitrateMean"] * measured["players"]["deliveryOverhead"]
    cores = predict_cores(measured["edge"], edge["nodes"], egress_bps / 8e9)
    wall_s = edge["wallSeconds"]
    return (
        Prediction("sent by the edges", "bit/s", egress_bps, edge["bytesSent"] * 8 / wall_s),
        Prediction("CPU of the edges", "cores", cores, edge["cpuSeconds"] / wall_s),
    )
