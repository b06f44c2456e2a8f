"""Are the ports free? Asked before anything is started, so that a start fails whole and with a name."""

from __future__ import annotations

import errno
import socket
import time
from collections.abc import Iterable

from kernel.errors import BadSettings
from tools.up.plan import Part

_WAIT_SECONDS = 1.0


def why_not_free(host: str, port: int) -> str | None:
    """Why a server could not listen there now; None when it could."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
            probe.listen(1)
        except OSError as error:
            return "is in use" if error.errno == errno.EADDRINUSE else f"cannot be used ({error.strerror})"
    return None


def check_ports(parts: Iterable[Part], *, wait: float = _WAIT_SECONDS) -> None:
    """BadSettings naming the first port that is not free and the program that needs it.

    Waits up to `wait` seconds first: programs of a platform killed a moment ago may still be going.
    """
    wanted = [(part.name, host, port) for part in parts for host, port in part.listens]
    until = time.monotonic() + wait
    for name, host, port in wanted:
        while (why := why_not_free(host, port)) is not None:
            if time.monotonic() >= until:
                raise BadSettings("port", f"{host}:{port}, which {name} needs, {why}; free it or choose another --port")
            time.sleep(0.05)
