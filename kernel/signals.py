"""What the signals of an operator mean, for every server alike: only SIGTERM and SIGINT (and SIGKILL) end a process.

    SIGTERM, SIGINT   stop: drain, then end
    SIGHUP            read again what can be read again, and reopen the logs
    SIGUSR1           reopen the logs (log rotation)
    SIGUSR2           a successor takes over: not supported yet, said in the log
    SIGPIPE           nothing: a reader that went away is an error of that write alone

The default action of most of these is to end the process without a word, so none is left at it. `hold_signals` stands
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
    unsupported: Callable[[str], object],
) -> None:  # fmt: skip
    """Have the loop call these; `add` is its `add_signal_handler`, `unsupported` is told of a signal by its name."""
    for number in STOP:
        add(number, stop)
    add(signal.SIGHUP, reload)
    add(signal.SIGUSR1, reopen_logs)
    add(signal.SIGUSR2, lambda: unsupported("SIGUSR2"))


def _nothing(_number: int, _frame: FrameType | None) -> None:
    """Held back."""
