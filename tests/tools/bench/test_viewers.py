"""The load generator as a process."""

import os

import pytest

from tools.bench.load import Job
from tools.bench.processes import BenchFailed, free_port, tree
from tools.bench.viewers import Viewers


def test_a_failed_job_is_told_and_the_next_one_is_taken():
    with Viewers(None) as viewers:
        for _ in range(2):
            with pytest.raises(BenchFailed, match="refused"):
                viewers.measure(Job(free_port(), [["/"]], 1, 0.0, 0.1, [os.getpid()]))


def test_it_ends_with_the_block():
    before = set(tree(os.getpid()))
    with Viewers(None):
        (child,) = set(tree(os.getpid())) - before
    assert child not in tree(os.getpid())


def test_without_a_block_there_is_nothing_to_measure_with():
    with pytest.raises(BenchFailed, match="not started"):
        Viewers(None).measure(Job(1, [], 1, 0.0, 0.1, []))
