"""Prediction and measurement beside each other."""

import pytest

from kernel.errors import BadSettings
from loadtest.planner.check import predictions

MEASURED = {
    "edge": {"nodes": 2, "cpuSecondsPerGB": 0.5, "idleCores": 0.01},
    "players": {"meanStreams": 10, "bitrateMean": 4e6, "deliveryOverhead": 1.25},
}
RUN = {
    "edge": {"nodes": 2, "wallSeconds": 100.0, "cpuSeconds": 8.25, "bytesSent": 12.5e9},
    "players": {"meanStreams": 200, "bitrateMean": 4e6, "deliveryOverhead": 9.9},
}


def test_a_run_is_predicted_from_its_streams_and_bitrate_alone():
    sent, cpu = predictions(MEASURED, RUN)
    assert (sent.predicted, sent.measured) == pytest.approx((1e9, 1e9))
    assert cpu.predicted == pytest.approx(0.02 + 0.5 * 0.125)
    assert cpu.measured == pytest.approx(0.0825)
    assert (sent.error, cpu.error) == pytest.approx((0, 0))


@pytest.mark.parametrize(("measured", "run"), [({}, RUN), (MEASURED, {}), ({"edge": {}}, RUN)])
def test_figures_without_an_edge_are_refused(measured, run):
    with pytest.raises(BadSettings, match="no capacity figures"):
        predictions(measured, run)
