"""docs/scale.md is what the planner makes of the measured figures today."""

from loadtest.planner.scale_page import PAGE, scale_page


def test_the_page_is_current():
    assert PAGE.read_text(encoding="utf-8") == scale_page(), "run `make docs`"


def test_the_page_names_every_figure_with_its_source():
    text = scale_page()
    assert "| node_nic_bps | 100 billion bit/s | assumed: " in text
    assert "measured: " in text
