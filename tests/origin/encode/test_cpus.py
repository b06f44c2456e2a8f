"""A worker limited to one thread uses one CPU."""

import os

from origin.encode.cpus import choose_cpus, held_to_cpus
from origin.ingest.subprocesses import run_program


def test_the_least_wanted_cpus_are_chosen():
    """Two workers that start together take different ones."""
    assert choose_cpus({0, 1, 2}, 1, [frozenset({0}), frozenset({1})], 0) == [2]
    assert choose_cpus({0, 1}, 1, [], 0) != choose_cpus({0, 1}, 1, [], 1)
    assert choose_cpus({0, 1, 2, 3}, 2, [frozenset({1}), frozenset({2})], 0) == [0, 3]


def test_a_program_inherits_them_and_we_do_not():
    """Only what is started in the block is held."""
    before = os.sched_getaffinity(0)
    with held_to_cpus(1):
        text, _ = run_program("sh", ["-c", "grep Cpus_allowed_list /proc/self/status"])
    assert len(before) == 1 or ("," not in text.split()[1] and "-" not in text.split()[1])
    assert os.sched_getaffinity(0) == before
    with held_to_cpus(0):
        assert os.sched_getaffinity(0) == before
