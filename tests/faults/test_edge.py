"""The short form of `make faults`."""

import pytest

from tests.faults.edge_run import EdgeRun


def check(result):
    if result is None:
        pytest.skip("this machine cannot make the fault (no tmpfs to mount, or no C compiler)")
    assert result.is_right, (result.broken, result.wrong[:3])


def test_no_damaged_file_is_served(tmp_path):
    """Every file is damaged."""
    result = EdgeRun(tmp_path, seed=3, objects=40).damaged_files()
    check(result)
    assert result.notes == ["40 found by checksum"]


def test_kills_under_load_cost_no_byte(tmp_path):
    """Twice on one folder."""
    check(EdgeRun(tmp_path, seed=4, objects=40).kills(2))


def test_reloads_under_load_cost_no_answer(tmp_path):
    """While four viewers ask."""
    check(EdgeRun(tmp_path, seed=5, objects=40).reloads(5))


def test_a_full_disk_costs_no_answer(tmp_path):
    """The tier's budget is larger than the disk."""
    result = EdgeRun(tmp_path, seed=6, objects=120).full_disk(250)
    check(result)
    assert result.notes != ["0 writes met a full disk"]


def test_io_errors_cost_no_answer(tmp_path):
    """The disk dies and comes back, twice."""
    result = EdgeRun(tmp_path, seed=7, objects=40).io_errors(60)
    check(result)
    assert result.notes != ["0 reads and writes failed"]
