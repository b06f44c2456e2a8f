"""Check before the start that all ports are free, so that a start fails early and names the port."""

from __future__ import annotations

import errno
import socket
import time
from collections.abc import Iterable

from kernel.errors import BadSettings
from tools.up.plan import PlannedProgram

_WAIT_SECONDS = 1.0


def why_not_free(host: str, port: int) -> str | None:
    """Why a server cannot listen there now; None if it can."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
            probe.listen(1)
        except OSError as error:
            return "is in use" if error.errno == errno.EADDRINUSE else f"cannot be used ({error.strerror})"
    return None


def check_ports(programs: Iterable[PlannedProgram], *, wait: float = _WAIT_SECONDS) -> None:
    """Raise BadSettings naming the first port that is not free and the program that needs it.

    Waits up to `wait` seconds for ports to become free: programs of a platform just killed may still be stopping.
    """
    wanted = [(program.name, host, port) for program in programs for host, port in program.listens]
    until = time.monotonic() + wait
    for name, host, port in wanted:
        while (why := why_not_free(host, port)) is not None:
            if time.monotonic() >= until:
                raise BadSettings("port", f"{host}:{port} (needed by {name}) {why}: free it, or select another --port")
            time.sleep(0.05)
