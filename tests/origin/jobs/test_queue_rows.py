"""Which steps a missing output takes with it."""

from origin.jobs.queue_rows import dependants


def test_steps_that_depend_on_another():
    edges = [("b", "a"), ("c", "b"), ("d", "c"), ("x", "y")]
    assert dependants(edges, ["b"]) == {"b", "c", "d"}
    assert dependants(edges, []) == set()
