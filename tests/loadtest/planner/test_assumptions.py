"""What a plan rests on."""

import pytest

from kernel.errors import BadSettings
from loadtest.planner.assumptions import ASSUMPTIONS, REGIONS, figures_with, read_assumptions


def test_each_has_a_name_of_its_own_and_a_reason():
    assert len({figure.name for figure in ASSUMPTIONS}) == len(ASSUMPTIONS)
    assert all(figure.source.startswith("assumed: ") for figure in ASSUMPTIONS)
    assert sum(REGIONS.values()) == pytest.approx(1)


def test_a_given_figure_replaces_the_assumed_one_and_keeps_its_unit():
    figures = figures_with(read_assumptions(("node_cores=64", " titles = 2e6 ")))
    assert (figures["node_cores"].value, figures["node_cores"].unit) == (64, "cores")
    assert figures["node_cores"].source.startswith("given")
    assert figures["titles"].value == 2e6


@pytest.mark.parametrize(
    "text", ["node_cores", "node_cores=", "node_cores=many", "node_cores=0", "node_cores=-1", "node_cores=nan"]
)
def test_what_is_no_number_above_zero_is_refused(text):
    with pytest.raises(BadSettings, match="NAME=NUMBER"):
        read_assumptions((text,))


def test_a_name_that_there_is_not_is_refused_with_those_there_are():
    with pytest.raises(BadSettings, match=r"'node_core'.*node_cores"):
        figures_with(read_assumptions(("node_core=3",)))
