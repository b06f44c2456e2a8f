"""Ports for programs that the tests start."""

from __future__ import annotations

import contextlib
import random
import socket


def free_port() -> int:
    """A free port below the kernel's ephemeral range, so that no connection takes it before the program does."""
    for _ in range(200):
        number = random.randrange(20_000, 32_000)
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", number))
            return number
    raise AssertionError("no free port")
