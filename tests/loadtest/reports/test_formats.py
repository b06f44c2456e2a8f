"""Figures as people read them."""

import pytest

from loadtest.reports.formats import shown
from loadtest.reports.metrics import Dimension


@pytest.mark.parametrize(
    ("value", "dimension", "text"),
    [
        (None, Dimension.TIME, "–"),
        (339.6, Dimension.TIME, "340 ms"),
        (1250, Dimension.TIME, "1.25 s"),
        (0.0034, Dimension.SHARE, "0.34 %"),
        (0.99996, Dimension.SHARE, "100 %"),
        (1.5, Dimension.SHARE, "150 %"),
        (4.2e6, Dimension.RATE, "4.2 Mbit/s"),
        (5e13, Dimension.RATE, "50 Tbit/s"),
        (1.3e9, Dimension.BYTES, "1.3 GB"),
        (12, Dimension.BYTES, "12 B"),
        (10_000_000, Dimension.COUNT, "10\u202f000\u202f000"),
        (0.25, Dimension.COUNT, "0.25"),
    ],
)
def test_a_figure_has_its_unit(value, dimension, text):
    assert shown(value, dimension) == text
