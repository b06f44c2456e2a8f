"""Process setup of every program: a private umask and the highest limit of file descriptors."""

from __future__ import annotations

import os
import resource

PRIVATE = 0o077
"""The umask: only the program's own user may read its databases, stores, keys and logs."""
RESERVED_DESCRIPTORS = 256
"""Descriptors reserved for files, upstreams, databases, logs and other listeners; at most a quarter of the limit."""


def begin_process() -> None:
    """Set the umask and raise the soft limit of open descriptors to the hard limit."""
    os.umask(PRIVATE)
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit))


def connections_within(wanted: int) -> int:
    """`wanted` connections, or fewer if the process may not open so many descriptors."""
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    if limit == resource.RLIM_INFINITY:
        return wanted
    return max(1, min(wanted, limit - _open_now() - min(RESERVED_DESCRIPTORS, limit // 4)))


def _open_now() -> int:
    """The number of open descriptors; 0 if the system does not tell."""
    try:
        return len(os.listdir("/proc/self/fd"))  # noqa: PTH208 (names alone)
    except OSError:
        return 0
