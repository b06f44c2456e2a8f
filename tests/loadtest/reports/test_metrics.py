"""The table of figures."""

import pytest

from loadtest.reports.metrics import BY_NAME, METRICS, normalised, value_of


def test_no_two_figures_are_written_alike_and_each_has_a_sentence():
    assert len(BY_NAME) == len(METRICS)
    assert all(metric.sentence.endswith(".") for metric in METRICS)


@pytest.mark.parametrize("written", ["rebufferRatio.p95", "rebuffer ratio p95", "Rebuffer-ratio  P95"])
def test_a_name_may_be_written_in_words(written):
    assert BY_NAME[normalised(written)].name == "rebufferRatio.p95"


def test_the_unit_of_a_name_is_left_out():
    assert BY_NAME[normalised("longest stall max")].name == "longestStallMs.max"


@pytest.mark.parametrize("found", [{}, {"startupMs": None}, {"startupMs": {}}, {"startupMs": {"p95": "fast"}}])
def test_what_a_report_does_not_have_is_none(found):
    assert value_of(found, BY_NAME["startupp95"]) is None
