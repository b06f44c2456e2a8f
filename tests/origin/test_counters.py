"""The counters are those of the table."""

from prometheus_client import generate_latest

from origin.counters import COUNTERS, Counts


def test_every_row_is_served_with_its_number():
    """No row without number, no number without row."""
    counts = Counts(sent_bytes=5, aborted=1, running=2, titles=3)
    counts.count_request(200)
    counts.count_request(200)
    text = generate_latest(counts.registry()).decode()
    assert 'matinee_origin_requests_total{status="200"} 2.0' in text
    assert "matinee_origin_sent_bytes_total 5.0" in text
    served = {line.split()[2] for line in text.splitlines() if line.startswith("# TYPE")}
    assert {name.removesuffix("_total") for name in served} == {row.name.removesuffix("_total") for row in COUNTERS}
