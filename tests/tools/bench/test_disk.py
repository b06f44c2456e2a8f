"""Hits from the disk tier: which targets, what is dropped, and the whole of it once with our edge."""

from tools.bench import disk, hits
from tools.bench.disk import Lateness, drop_pages, plan_of, run
from tools.bench.hits import paths
from tools.bench.report import KIB, MIB


def test_the_working_set_is_ten_times_ram():
    plan = plan_of((256 * KIB, MIB), 1, 0.1)
    assert [size * len(paths(size, plan)) for size in plan.sizes] == [10 * disk.RAM] * 2


def test_a_loop_is_in_time_when_99_of_100_looks_are():
    assert Lateness(0.001, 0.005, 0.9, 100, 1, 1).met
    assert not Lateness(0.001, 0.006, 0.006, 100, 1, 1).met


def test_only_files_of_caches_are_dropped(tmp_path):
    for name in ("ours/cache/objects/ab/one", "nginx-A/cache/c/two", "ours/access.log"):
        file = tmp_path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(b"x" * 5000)
    assert drop_pages(tmp_path) == 2


def test_a_run_measures_warm_and_cold(monkeypatch):
    """With our edge alone: every object served from disk is right, and the loop is looked at meanwhile."""
    monkeypatch.setattr(hits, "WARM_UP", 0.02)
    monkeypatch.setattr(disk, "RAM", MIB // 2)
    rows, cold = run(plan_of((64 * KIB,), 1, 0.05), {"matinee": disk.ours}, lambda text: None)
    assert rows[0].samples["matinee"][0].cpu_us > 0
    assert cold["matinee"].looks > 0
    assert cold["matinee"].requests > 0
