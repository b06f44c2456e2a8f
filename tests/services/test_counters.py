"""Every row of the table has its number."""

from prometheus_client import generate_latest

from services.counters import COUNTERS, Counters


def test_all_rows_are_counted_in_a_registry_of_their_own():
    text = generate_latest(Counters().registry).decode()
    assert all(f"# HELP {row.name} {row.sentence}" in text for row in COUNTERS)
    Counters()
