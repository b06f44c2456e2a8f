"""Hit ratios by replay: the edge's cache code over a small trace."""

from loadtest.planner.measure_hits import main, measure
from loadtest.planner.trace import TraceRow


def test_a_larger_cache_hits_more_and_one_for_everything_misses_each_object_once():
    rows = [TraceRow(float(n), n * n % 40, 2_000_000) for n in range(400)]
    found = measure(rows, shares=(0.05, 1.5))
    (_, small), (_, large) = found["points"]
    objects = len({row.obj_id for row in rows})
    assert 1 - large == round(objects / 400, 4) or large > 1 - 2 * objects / 400
    assert small <= large
    assert "400 requests" in found["note"]


def test_wrong_usage():
    assert main([]) == 2
