"""The file of measured figures."""

import pytest

from kernel.errors import BadSettings
from loadtest.planner.measured import read_measured

REPORT = {
    "players": 300,
    "generatorCpuShare": 0.42,
    "run": {"story": "evening-peak"},
    "capacity": {
        "edge": {"cpuSecondsPerGB": 0.2, "idleCores": 0.01, "memoryBytesPerConnection": None},
        "search": {"cpuSecondsPerQuery": 0.001, "note": "36 000 titles"},
    },
}


def test_a_report_gives_its_figures_with_players_and_generator():
    found = read_measured(REPORT, "m.json")
    assert found.figures["edge_cpu_s_per_gb"].value == 0.2
    assert (
        found.figures["edge_cpu_s_per_gb"].source == "measured: evening-peak, 300 players, generator at 42% of a core"
    )
    assert found.figures["search_cpu_s"].source == "measured: 36 000 titles"
    assert "memory_per_connection" not in found.figures
    assert found.curve is None


def test_what_was_asked_for_alone_counts_more_than_a_run():
    parts = {"services": {"cpuSecondsPerStart": 0.03}, "starts": {"cpuSecondsPerStart": 0.002, "note": "200 starts"}}
    found = read_measured({"capacity": parts}, "m.json").figures["start_cpu_s"]
    assert (found.value, found.source) == (0.002, "measured: 200 starts")


def test_no_plan_counts_on_bytes_below_the_declared_bitrate():
    found = read_measured({"capacity": {"players": {"deliveryOverhead": 0.9}}}, "m.json").figures["delivery_overhead"]
    assert found.value == 1
    assert "0.9, planned as 1" in found.source


def test_a_report_without_nodes_gives_nothing():
    assert read_measured({"players": 3, "run": {}}, "m.json").figures == {}


def test_a_cost_too_small_to_show_is_not_taken_for_none():
    assert read_measured({"capacity": {"edge": {"idleCores": 0.0}}}, "m.json").figures == {}


def test_a_curve_is_sorted():
    found = read_measured({"hitCurve": {"points": [[1.0, 0.8], [0.1, 0.5]], "note": "a week"}}, "m.json")
    assert [tuple(point) for point in found.curve] == [(0.1, 0.5), (1.0, 0.8)]
    assert found.curve_source == "measured: a week"


@pytest.mark.parametrize(
    ("document", "key"),
    [
        ([], "measured"),
        ({"capacity": 3}, "capacity"),
        ({"capacity": {"edge": {"cpuSecondsPerGB": "fast"}}}, "capacity.edge.cpuSecondsPerGB"),
        ({"capacity": {"edge": {"cpuSecondsPerGB": -1}}}, "capacity.edge.cpuSecondsPerGB"),
        ({"capacity": {"edge": {"cpuSecondsPerGB": True}}}, "capacity.edge.cpuSecondsPerGB"),
        ({"hitCurve": {"points": []}}, "hitCurve.points"),
        ({"hitCurve": [1]}, "hitCurve.points"),
        ({"hitCurve": {"points": [[0.1, 0.5], [0.2]]}}, "hitCurve.points[1]"),
        ({"hitCurve": {"points": [[0.1, 0.5], [0.2, 1.5]]}}, "hitCurve.points[1]"),
        ({"hitCurve": {"points": [[0.1, 0.5], [0.1, 0.6]]}}, "hitCurve.points"),
    ],
)
def test_what_is_wrong_is_named_with_file_and_key(document, key):
    with pytest.raises(BadSettings, match=r"m\.json") as caught:
        read_measured(document, "m.json")
    assert caught.value.setting == key
