"""The tiers of one process of a node: who keeps which bodies, within which budget.

The owner's tiers are those of a node of one process, except that a node without a disk tier keeps its bodies as files
in memory (tmpfs), which every process can open. A worker has no bodies of its own: it reads the owner's files, keeps
large ones open and small ones within a share of the RAM budget.
"""

from __future__ import annotations

import mmap
import os
from pathlib import Path

from cache.cache import SegmentCache, TaskRunner
from cache.disk.tier import DiskTier
from cache.entry import Entry
from cache.eviction.admission import ADMISSIONS
from cache.eviction.choice import POLICIES, S3FifoTuning, shared_policy, touch_map, touch_map_size
from cache.eviction.policy import Policy
from cache.eviction.shared_touches import TouchingPolicy
from cache.ram import RamTier
from edge.node.processes.place import NodePlace
from edge.settings import EdgeSettings
from kernel.clock import Clock

WORKER_SHARE = 16
"""A worker keeps small bodies and heads within one part in so many of the RAM budget, at least `MIN_SHARE_BYTES`."""
MIN_SHARE_BYTES = 8 << 20


def disk_budget(settings: EdgeSettings) -> int:
    """Bytes of object files of a node of several processes."""
    return settings.ram if has_no_disk(settings) else settings.disk


def has_no_disk(settings: EdgeSettings) -> bool:
    """Whether a node of several processes keeps its bodies as files in memory."""
    return settings.cache_dir is None or settings.disk == 0


def touches_size(settings: EdgeSettings) -> int:
    """Bytes of the map of hits."""
    return touch_map_size(settings.policy, disk_budget(settings))


def map_file(path: Path) -> mmap.mmap:
    """A file of the node, mapped for reading and writing."""
    fd = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    try:
        return mmap.mmap(fd, os.fstat(fd).st_size)
    finally:
        os.close(fd)


def _tuning(settings: EdgeSettings) -> S3FifoTuning:
    return S3FifoTuning(settings.small_share, settings.promote_after)


def _policy(settings: EdgeSettings, budget: int) -> Policy[Entry]:
    return POLICIES[settings.policy](budget, _tuning(settings))


def make_disk(settings: EdgeSettings, place: NodePlace | None, clock: Clock) -> DiskTier | None:
    """The disk tier of this process, or what it reads of the owner's."""
    if place is None:
        if settings.cache_dir is None or settings.disk == 0:
            return None
        admission = ADMISSIONS[settings.admission](settings.disk, settings.admission_memory)
        return DiskTier(settings.cache_dir, settings.disk, _policy(settings, settings.disk), admission)
    in_memory = has_no_disk(settings)
    folder = place.bodies if settings.cache_dir is None or in_memory else settings.cache_dir
    touches = map_file(place.touches)
    if not place.owns_cache:
        policy = TouchingPolicy(POLICIES["lru"](0), touch_map(settings.policy, touches, clock.mono))
        return DiskTier.of_another_process(folder, policy)
    budget = disk_budget(settings)
    shared = shared_policy(settings.policy, budget, _tuning(settings), touches, clock.mono)
    if in_memory:
        made = DiskTier(folder, budget, shared)
        made.max_object_bytes = budget // 2
        return made
    return DiskTier(folder, budget, shared, ADMISSIONS[settings.admission](settings.disk, settings.admission_memory))


def make_cache(
    settings: EdgeSettings, place: NodePlace | None, disk: DiskTier | None, clock: Clock, tasks: TaskRunner
) -> SegmentCache:
    """The cache of this process."""
    # Over TLS every byte passes through user space, so the bodies of a node of one process are kept there.
    files = settings.tls_cert is None or place is not None
    if place is None or (place.owns_cache and not has_no_disk(settings)):
        ram = RamTier(settings.ram, _policy(settings, settings.ram), alone=disk is None)
        return SegmentCache(ram, disk, clock, tasks, files=files)
    share = max(MIN_SHARE_BYTES, settings.ram // WORKER_SHARE)
    policy = _policy(settings, share)
    if not place.owns_cache and disk is not None:
        policy = TouchingPolicy(policy, touch_map(settings.policy, map_file(place.touches), clock.mono))
    ram = RamTier(share, policy, alone=False, counts_files=False, max_object_bytes=max(share, settings.ram // 8))
    made = SegmentCache(ram, disk, clock, tasks, files=files)
    made.tiers.stores = place.owns_cache
    return made
