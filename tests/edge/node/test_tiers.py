"""The tiers of the processes of a node."""

from pathlib import Path

import pytest

from edge.node.processes.place import NodePlace
from edge.node.tiers import disk_budget, make_cache, make_disk, touches_size
from edge.settings import EdgeSettings
from kernel.settings.table import resolve
from tests.doubles.clock import FakeClock


def settings(tmp_path, **more):
    flags = {"upstream": ["http://127.0.0.1:1"], "tokens": ["off"], "ram": ["32MiB"]}
    return resolve(EdgeSettings, flags=flags | {name: [str(value)] for name, value in more.items()}, env={})


def made(tmp_path, slot, **more):
    known = settings(tmp_path, **more)
    place = NodePlace(slot, 2, str(tmp_path), (), -1, str(tmp_path / "bodies"), 0)
    place.touches.write_bytes(bytes(touches_size(known)))
    clock = FakeClock()
    disk = make_disk(known, place, clock)
    return known, disk, make_cache(known, place, disk, clock, None)


def test_without_a_disk_bodies_are_files_in_memory_within_the_ram_budget(tmp_path):
    known, disk, cache = made(tmp_path, 0)
    assert (disk.folder, disk.budget) == (tmp_path / "bodies", known.ram)
    assert disk.fits(known.ram // 2, 0.0)
    assert cache.ram.budget < known.ram
    assert cache.tiers.stores


def test_with_a_disk_the_owner_has_the_tiers_of_a_single_process(tmp_path):
    known, disk, cache = made(tmp_path, 0, cache_dir=tmp_path / "cache", disk="64MiB")
    assert (disk.folder, disk.budget, disk_budget(known)) == (tmp_path / "cache", 64 << 20, 64 << 20)
    assert cache.ram.budget == known.ram


@pytest.mark.parametrize("policy", ["s3fifo", "lru"])
def test_a_worker_reads_the_owners_files_and_stores_nothing(tmp_path: Path, policy: str) -> None:
    _, disk, cache = made(tmp_path, 1, policy=policy, cache_dir=tmp_path / "cache", disk="64MiB")
    assert disk.folder == tmp_path / "cache"
    assert not disk.fits(1, 0.0)
    assert not cache.fits(1)
    assert not (tmp_path / "cache").exists()


def test_one_process_has_a_disk_tier_only_where_it_was_told(tmp_path):
    clock = FakeClock()
    assert make_disk(settings(tmp_path), None, clock) is None
    assert make_disk(settings(tmp_path, cache_dir=tmp_path, disk="0"), None, clock) is None
    assert make_disk(settings(tmp_path, cache_dir=tmp_path), None, clock) is not None
