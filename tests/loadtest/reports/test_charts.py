"""Which charts a report has."""

import pytest

from loadtest.reports.charts import charts_of


def by_title(report):
    return {chart.title.partition(",")[0]: chart for chart in charts_of(report)}


def test_viewers_and_nodes_have_their_charts(report):
    assert set(by_title(report)) == {
        "Viewers watching", "Start-up time", "Rebuffer ratio", "Bitrate on screen",
        "Requests a second", "Origin offload", "CPU of each node",
    }  # fmt: skip


def test_a_run_without_nodes_has_only_those_of_viewers(report):
    report["nodes"] = []
    assert len(by_title(report)) == 4


def test_rates_are_by_wall_second_in_a_compressed_run_too(report):
    (cpu,) = by_title(report)["CPU of each node"].lines
    assert cpu.values[50] == pytest.approx(0.01)
    report["run"]["speed"] = 2.0
    (cpu,) = by_title(report)["CPU of each node"].lines
    assert cpu.values[50] == pytest.approx(0.02)


def test_what_was_done_to_the_platform_is_marked_where_it_was_done(report):
    (mark,) = by_title(report)["Rebuffer ratio"].marks
    assert mark.at == pytest.approx(0.5)
    assert "edge-dies" in mark.text
