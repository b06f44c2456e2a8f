"""What control counts."""

from __future__ import annotations

from control.counters import COUNTERS
from kernel.counters import by_name


def test_each_counter_is_controls_and_has_one_row() -> None:
    assert all(name.startswith("matinee_control_") for name in by_name(COUNTERS))
