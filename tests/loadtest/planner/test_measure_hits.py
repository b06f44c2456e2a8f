"""Hit ratios by replay: the edge's cache code over a small trace."""

from loadtest.planner.measure_hits import main, measure
from loadtest.planner.trace import TraceRow


def test_a_larger_cache_hits_more_and_one_for_everything_misses_each_object_once():
    rows = [TraceRow(float(n), n % 60, 2_000_000) for n in range(1500)]
    found = measure(rows, shares=(0.05, 1.5))
    (_, small), (_, large) = found["points"]
    assert small < 0.7
    assert large > 0.9, "first requests are left out; the second writes to disk"
    assert "1,500 requests" in found["note"]


def test_wrong_usage():
    assert main([]) == 2
