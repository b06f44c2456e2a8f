"""The first moments of a supervised program: bound to its supervisor's life, then the program itself.

    python -m tools.up.supervise_child SUPERVISOR_PID COMMAND…

The kernel kills this process when the supervisor dies (PR_SET_PDEATHSIG, prctl(2)), so a supervisor that is killed
leaves no orphans holding its ports. No second process stands between the two.
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
    """Have the kernel send `deadly` when `parent` dies; False when it is gone already (it must be asked after)."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_PR_SET_PDEATHSIG, int(deadly), 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_PDEATHSIG)")
    return os.getppid() == parent


def main(argv: Sequence[str]) -> int:
    """Bind to the supervisor named first, then run the `matinee` command that follows."""
    if not die_with_parent(int(argv[0])):
        return 1
    return matinee(argv[1:])


if __name__ == "__main__":
    os.umask(PRIVATE)
    sys.exit(main(sys.argv[1:]))
