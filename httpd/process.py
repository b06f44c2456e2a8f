"""What every program does first: files that only its user may read, and as many descriptors as it may have."""

from __future__ import annotations

import os
import resource

PRIVATE = 0o077
"""The umask: databases, stores, keys and logs are read by nobody but the user that the program runs as."""
KEPT_DESCRIPTORS = 256
"""Kept from clients: for files, upstreams, databases, logs and other doors; of few, a quarter."""


def begin_process() -> None:
    """Set the umask and raise the limit of open descriptors to what is allowed."""
    os.umask(PRIVATE)
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def connections_within(wanted: int) -> int:
    """How many connections a door may hold: as wanted, and within what the process may open beside what it has."""
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    if most == resource.RLIM_INFINITY:
        return wanted
    return max(1, min(wanted, most - _open_now() - min(KEPT_DESCRIPTORS, most // 4)))


def _open_now() -> int:
    """Descriptors that are open; 0 where the system does not say."""
    try:
        return len(os.listdir("/proc/self/fd"))  # noqa: PTH208 (names alone)
    except OSError:
        return 0
