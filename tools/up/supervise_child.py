"""The entry point of a supervised program: bind it to its supervisor's life, then run it.

    python -m tools.up.supervise_child SUPERVISOR_PID COMMAND…

The kernel kills this process when the supervisor dies (PR_SET_PDEATHSIG, prctl(2)), so a supervisor that is killed
leaves no orphans on its ports. There is no intermediate process.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys
from collections.abc import Sequence

from httpd.process import PRIVATE
from tools.cli import main as matinee

_PR_SET_PDEATHSIG = 1


def die_with_parent(parent: int, deadly: signal.Signals = signal.SIGKILL) -> bool:
    """Make the kernel send `deadly` when `parent` dies. Returns False if it died before the call took effect."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_PR_SET_PDEATHSIG, int(deadly), 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_PDEATHSIG)")
    return os.getppid() == parent


def main(argv: Sequence[str]) -> int:
    """Bind to the supervisor (first argument), then run the `matinee` command that follows."""
    if not die_with_parent(int(argv[0])):
        return 1
    return matinee(argv[1:])


if __name__ == "__main__":
    os.umask(PRIVATE)
    sys.exit(main(sys.argv[1:]))
