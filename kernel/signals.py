"""The signals of every server: only SIGTERM and SIGINT (and SIGKILL) end a process.

    SIGTERM, SIGINT   stop: drain, then exit
    SIGHUP            reload what can be reloaded, and reopen the logs
    SIGUSR1           reopen the logs (log rotation)
    SIGUSR2           hand over to a successor, where the program can; else logged
    SIGPIPE           ignored: a reader that left is an error of that write only

By default most of these end the process without a message, so none keeps its default action. `hold_signals` stands
first in a program; `install_signals` when its event loop runs.
"""

from __future__ import annotations

import signal
from collections.abc import Callable
from types import FrameType

STOP = (signal.SIGTERM, signal.SIGINT)
_HELD = (signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2, signal.SIGPIPE)

Add = Callable[[int, Callable[[], object]], object]


def hold_signals() -> None:
    """Until the program has its handlers these do nothing. A handler, not SIG_IGN: that would be our children's too."""
    for number in _HELD:
        signal.signal(number, _nothing)


def install_signals(
    add: Add, *, stop: Callable[[], object], reload: Callable[[], object], reopen_logs: Callable[[], object],
    unsupported: Callable[[str], object], hand_over: Callable[[], object] | None = None,
) -> None:  # fmt: skip
    """Install the handlers in the loop; `add` is its `add_signal_handler`; `unsupported` is called with the name of a
    signal."""
    for number in STOP:
        add(number, stop)
    add(signal.SIGHUP, reload)
    add(signal.SIGUSR1, reopen_logs)
    add(signal.SIGUSR2, hand_over if hand_over is not None else lambda: unsupported("SIGUSR2"))


def _nothing(_number: int, _frame: FrameType | None) -> None:
    """Held back."""
